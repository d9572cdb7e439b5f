// A bound on what one question to a store may cost, for questions that others type: the query box of `stdualx serve`.
#pragma once

#include <chrono>
#include <cstddef>

namespace stdualx {

struct QueryBounds {
  std::size_t rows = 1000;
  std::size_t bytes = 8 << 20; // of texts and blobs, together
  std::chrono::milliseconds time{2000};
};

/// While it lives, each Reader::query of this thread gives at most so many rows and ends with an InputError when it lasts longer. One
/// value may go beyond `bytes`; after it no further row is read.
class QueryLimit {
public:
  explicit QueryLimit(const QueryBounds& bounds);
  ~QueryLimit();
  QueryLimit(const QueryLimit&) = delete;
  QueryLimit& operator=(const QueryLimit&) = delete;
  /// Whether a query had more to say than it was let.
  bool cut() const { return cut_; }
  const QueryBounds& bounds() const { return bounds_; }

  /// This thread's; null: none.
  static QueryLimit* current();
  void note_cut() { cut_ = true; }

private:
  QueryBounds bounds_;
  bool cut_ = false;
};

} // namespace stdualx
