// What `doctor` has to say about one thing that it looked at.
#pragma once

#include <string>
#include <utility>

namespace stdualx {

enum class Verdict {
  right,
  wrong, // a sweep will fail, hang, lose more than its running epochs or use less than it was given
  note,  // worth knowing; nothing must be done
};

struct Finding {
  Verdict verdict;
  std::string check; // what was looked at, in two or three words
  std::string found; // one sentence
  std::string next;  // what to do; "" where there is nothing to do

  bool operator==(const Finding&) const = default;
};

inline Finding right(std::string check, std::string found, std::string next = "") {
  return {Verdict::right, std::move(check), std::move(found), std::move(next)};
}
inline Finding wrong(std::string check, std::string found, std::string next) {
  return {Verdict::wrong, std::move(check), std::move(found), std::move(next)};
}
inline Finding note(std::string check, std::string found, std::string next = "") {
  return {Verdict::note, std::move(check), std::move(found), std::move(next)};
}

} // namespace stdualx
