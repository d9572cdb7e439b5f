// A text of rows of numbers, as publishers of recordings write them: parted by blanks, tabs or commas, without a header.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stdualx {

/// Walks the rows; blank lines are passed over. Only the wanted columns are parsed, the others are counted.
class NumberRows {
public:
  struct Format {
    std::size_t columns = 0;           // of every row
    std::vector<std::size_t> wanted{}; // columns from 0, ascending; empty: all
    bool missing_allowed = false;      // whether NaN is a value
    std::size_t first_line = 1;        // number of the text's first line in its file
  };
  /// `origin` names the file in messages; `text` must outlive this.
  NumberRows(std::string origin, std::string_view text, Format format);

  /// Goes to the next row; false at the end. InputError: a wrong number of columns, what is no number.
  bool next();
  std::size_t line() const { return line_; }
  /// Of the wanted columns, in order.
  std::span<const float> values() const { return values_; }
  /// A wanted column's value as a whole number. InputError: it is none.
  std::int32_t whole_number(std::size_t index) const;
  /// InputError: "FILE line 7: what; the file is not the publisher's: fetch it again".
  [[noreturn]] void fail(const std::string& what) const;

private:
  std::size_t column_of(std::size_t index) const { return format_.wanted.empty() ? index : format_.wanted[index]; }

  std::string origin_;
  const char* at_;
  const char* end_;
  Format format_;
  std::size_t line_;
  std::size_t next_line_;
  std::vector<float> values_;
};

} // namespace stdualx
