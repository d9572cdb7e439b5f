// A CSV file with a header row, field by field, with messages that name file, line and column.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stdualx {

/// Walks the rows of a CSV text. Fields are parted by commas and may stand in double quotes (without a quote inside);
/// blanks around a field are dropped, as are a byte-order mark, carriage returns and blank lines.
class CsvReader {
public:
  /// Reads the header. `file` is for messages. InputError: an empty file or a column named twice.
  CsvReader(std::string file, std::string_view text);

  const std::vector<std::string>& columns() const { return columns_; }
  /// Index of a column. InputError: there is none; `key` (a JSON pointer of the manifest) says who asked for it.
  std::size_t column(const std::string& name, const std::string& key) const;

  /// Goes to the next row; false at the end. InputError: a wrong number of fields.
  bool next();
  std::size_t line() const { return line_; }
  std::string_view text(std::size_t column) const { return fields_[column]; }
  /// A number, NaN where the field is empty or says NaN. InputError: anything else, infinity too.
  float number(std::size_t column) const;
  /// A number in double precision, such as a time. InputError: anything else, NaN and an empty field too.
  double precise_number(std::size_t column) const;
  /// A whole number that fits 32 bits. InputError.
  std::int32_t whole_number(std::size_t column) const;
  /// InputError: "FILE line 7, column 'ax': what".
  [[noreturn]] void fail(std::size_t column, const std::string& what) const;

private:
  bool split_line();

  std::string file_;
  std::string_view rest_;
  std::size_t line_ = 0;
  std::vector<std::string> columns_;
  std::vector<std::string_view> fields_;
};

} // namespace stdualx
