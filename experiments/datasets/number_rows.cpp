// Rows of numbers. See number_rows.h.
#include "experiments/datasets/number_rows.h"

#include <charconv>
#include <cmath>

#include "experiments/spec/errors.h"

namespace stdualx {
namespace {

bool parts(char c) { return c == ' ' || c == '\t' || c == ',' || c == '\r'; }

} // namespace

NumberRows::NumberRows(std::string origin, std::string_view text, Format format)
    : origin_(std::move(origin)), at_(text.data()), end_(text.data() + text.size()), format_(std::move(format)), line_(format_.first_line),
      next_line_(format_.first_line) {
  values_.resize(format_.wanted.empty() ? format_.columns : format_.wanted.size());
}

bool NumberRows::next() {
  for (;; ++at_) {
    if (at_ == end_) return false;
    if (*at_ == '\n') ++next_line_;
    else if (!parts(*at_)) break;
  }
  line_ = next_line_;
  std::size_t column = 0, index = 0;
  while (at_ != end_ && *at_ != '\n') {
    if (parts(*at_)) {
      ++at_;
      continue;
    }
    if (column == format_.columns) fail("expected " + std::to_string(format_.columns) + " columns, found more");
    if (index < values_.size() && column == column_of(index)) {
      const auto [next, error] = std::from_chars(at_, end_, values_[index]);
      const bool ends_well = next == end_ || *next == '\n' || parts(*next);
      const bool allowed = std::isfinite(values_[index]) || (format_.missing_allowed && std::isnan(values_[index]));
      if (error != std::errc{} || !ends_well || !allowed) {
        const char* word_end = at_;
        while (word_end != end_ && *word_end != '\n' && !parts(*word_end) && word_end - at_ < 40) ++word_end;
        fail("column " + std::to_string(column + 1) + ": expected a number" + (format_.missing_allowed ? " or NaN" : "") + ", found '" +
             std::string(at_, word_end) + "'");
      }
      at_ = next;
      ++index;
    } else {
      while (at_ != end_ && *at_ != '\n' && !parts(*at_)) ++at_;
    }
    ++column;
  }
  if (column != format_.columns) fail("expected " + std::to_string(format_.columns) + " columns, found " + std::to_string(column));
  return true;
}

std::int32_t NumberRows::whole_number(std::size_t index) const {
  const float value = values_[index];
  constexpr float largest = 16777216; // every whole number up to here is a float
  if (!(std::abs(value) <= largest) || value != std::trunc(value)) {
    fail("column " + std::to_string(column_of(index) + 1) + ": expected a whole number, found " + std::to_string(value));
  }
  return static_cast<std::int32_t>(value);
}

void NumberRows::fail(const std::string& what) const {
  throw InputError(origin_ + " line " + std::to_string(line_) + ": " + what + "; the file is not the publisher's: fetch it again");
}

} // namespace stdualx
