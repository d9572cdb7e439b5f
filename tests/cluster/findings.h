// Matchers for findings of `doctor`.
#pragma once

#include "cluster/finding.h"

#include <gmock/gmock.h>

namespace stdualx {

inline void PrintTo(const Finding& finding, std::ostream* stream) {
  const char* const verdicts[] = {"right", "wrong", "note"};
  *stream << verdicts[static_cast<int>(finding.verdict)] << " | " << finding.check << " | " << finding.found << " | " << finding.next;
}

MATCHER_P2(Is, verdict, words, "") { return arg.verdict == verdict && arg.found.find(words) != std::string::npos; }

MATCHER_P2(IsWithNext, words, next, "is wrong and says what to do") {
  return arg.verdict == Verdict::wrong && arg.found.find(words) != std::string::npos && arg.next.find(next) != std::string::npos;
}

MATCHER(AllRight, "") {
  for (const Finding& finding : arg)
    if (finding.verdict != Verdict::right) return false;
  return !arg.empty();
}

} // namespace stdualx
