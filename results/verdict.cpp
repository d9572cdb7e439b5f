// The words of the report: verdicts and protocols.
#include <cmath>

#include "results/tables.h"

namespace stdualx {

namespace {
constexpr double widest_reach = 0.010;     // of an interval that can confirm a number: 1 point to each side
constexpr double tolerance = 0.005 + 1e-9; // 0.5 points, and what their difference is rounded by
constexpr double level = 0.05;             // of Holm's p
} // namespace

std::string_view verdict(const VerdictQuestion& question) {
  if (!question.ours) return "NOT RUN";
  if (question.substituted_data) return "SUBSTITUTED DATA";
  if (question.other_hardware) return "OTHER HARDWARE";
  const Interval& ours = *question.ours;
  if (std::isnan(ours.low) || std::isnan(ours.high)) return "UNDERPOWERED";
  if (question.paper >= ours.low && question.paper <= ours.high) return ours.reach() <= widest_reach ? "REPRODUCED" : "UNDERPOWERED";
  if (std::abs(ours.mean - question.paper) <= tolerance) return "WITHIN TOLERANCE";
  return question.directed && ours.mean > question.paper ? "BETTER" : "NOT REPRODUCED";
}

std::string_view difference_verdict(double difference, double adjusted_p, bool underpowered) {
  if (std::isnan(adjusted_p) || underpowered) return "UNDERPOWERED"; // not tested is not the same as failed
  return adjusted_p >= level ? "NO DIFFERENCE SHOWN" : difference > 0 ? "ABOVE" : "BELOW";
}

std::string protocol_words(std::string_view protocol, std::int64_t folds, bool null_class) {
  const std::string count = std::to_string(folds) + " folds";
  std::string words(protocol);
  if (protocol == "official") words = "official split by person";
  else if (protocol == "challenge") words = "challenge split by session (people on both sides)";
  else if (protocol == "leave_one_person_out") words = "leave one person out, " + count;
  else if (protocol == "leave_one_session_out") words = "leave one session out, " + count + " (people on both sides)";
  else if (protocol == "leave_persons_out") words = "leave persons out, " + count;
  else if (protocol == "random") words = "random windows, " + count + " (overlapping windows leak)";
  return null_class ? words + ", with null class" : words;
}

} // namespace stdualx
