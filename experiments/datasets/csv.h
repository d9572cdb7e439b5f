// A CSV file with a header row, field by field, with messages that name file, line and column.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace stdualx {

/// How a file writes its fields and numbers.
struct CsvFormat {
  char delimiter = ',';
  char decimal = '.';
  std::vector<std::string> missing_values{}; // fields that stand for no number, besides the empty one and NaN
};

/// Walks the rows of a CSV text. Fields may stand in double quotes, inside which "" is a quote and a line end a character like others.
/// Blanks around a field are dropped, as are a byte-order mark and blank lines. Lines end with LF or CRLF, or with CR where no LF is there.
class CsvReader {
public:
  /// Reads the header. `file` is for messages; `text` must outlive this. InputError: an empty file or a column named twice.
  CsvReader(std::string file, std::string_view text, CsvFormat format = {});

  const std::vector<std::string>& columns() const { return columns_; }
  /// Index of a column. InputError: there is none; `key` (a JSON pointer of the manifest) says who asked for it.
  std::size_t column(const std::string& name, const std::string& key) const;

  /// Goes to the next row; false at the end. InputError: a wrong number of fields.
  bool next();
  std::size_t line() const { return line_; }
  std::string_view text(std::size_t column) const { return fields_[column]; }
  /// A number as C++ and spreadsheets write it (+5, .5, 5., 1E+03; one too small for a float is 0), NaN where the field is empty, says NaN
  /// or is one of the missing values. InputError: anything else, infinity too.
  float number(std::size_t column) const;
  /// A number in double precision, such as a time. InputError: anything else, NaN and an empty field too.
  double precise_number(std::size_t column) const;
  /// InputError: "FILE line 7, column 'ax': what".
  [[noreturn]] void fail(std::size_t column, const std::string& what) const;

private:
  bool blank(char c) const;
  bool split_line();
  /// Adds the field that begins at `at` in the rest; `at` is then at its delimiter, line end or the end.
  void read_field(std::size_t& at);
  void read_quoted_field(std::size_t& at);
  template <class Real> Real parsed(std::size_t column, std::string_view advice) const;

  std::string file_;
  std::string_view rest_;
  CsvFormat format_;
  char line_end_;
  std::size_t line_ = 0, next_line_ = 1;
  std::vector<std::string> columns_;
  std::vector<std::string_view> fields_;
  std::deque<std::string> unquoted_; // fields of this row that had quotes inside
};

} // namespace stdualx
