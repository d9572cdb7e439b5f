// The words of the report: verdicts and protocols.
#include <cmath>

#include "results/tables.h"

namespace stdualx {

namespace {
constexpr double widest_half_width = 0.010; // of an interval that can confirm a number: 1 point
constexpr double tolerance = 0.005;         // 0.5 points
} // namespace

std::string_view verdict(const VerdictQuestion& question) {
  if (!question.ours) return "NOT RUN";
  if (question.substituted_data) return "SUBSTITUTED DATA";
  if (question.other_hardware) return "OTHER HARDWARE";
  const Interval& ours = *question.ours;
  if (std::isnan(ours.low) || std::isnan(ours.high)) return "UNDERPOWERED";
  if (question.paper >= ours.low && question.paper <= ours.high)
    return ours.half_width() <= widest_half_width ? "REPRODUCED" : "UNDERPOWERED";
  if (std::abs(ours.mean - question.paper) <= tolerance) return "WITHIN TOLERANCE";
  return question.directed && ours.mean > question.paper ? "BETTER" : "NOT REPRODUCED";
}

std::string protocol_words(std::string_view protocol, std::int64_t folds) {
  if (protocol == "official") return "official split by person";
  if (protocol == "leave_persons_out") return "leave persons out, " + std::to_string(folds) + " folds";
  if (protocol == "random") return "random windows, " + std::to_string(folds) + " folds (overlapping windows leak)";
  return std::string(protocol);
}

} // namespace stdualx
