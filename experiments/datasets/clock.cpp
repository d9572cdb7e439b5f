// Clocks and grids. See clock.h.
#include "experiments/datasets/clock.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace stdualx {
namespace {

constexpr double same = 1e-6; // seconds: times are written with so many digits

double median_of(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

} // namespace

ClockMeasure measure_clock(std::span<const double> times, double declared) {
  ClockMeasure measure;
  if (times.size() < 3) return measure;
  const double pause = std::max(1.0, 10 / declared);
  std::vector<double> steps;
  double seconds = 0;
  std::size_t counted = 0;
  for (std::size_t row = 1; row < times.size(); ++row) {
    const double step = times[row] - times[row - 1];
    steps.push_back(step);
    measure.longest = std::max(measure.longest, step);
    if (step > pause) continue;
    seconds += step;
    ++counted;
  }
  measure.median = median_of(std::move(steps));
  measure.rate = counted > 0 ? static_cast<double>(counted) / seconds : 1 / measure.median;
  return measure;
}

bool is_refused(const ClockMeasure& clock, double declared) {
  return clock.rate > 0 && std::abs(clock.rate / declared - 1) > clock_difference_refused &&
         std::abs(clock.median * declared - 1) > clock_difference_refused;
}

void ClockSummary::add(const std::string& recording, const ClockMeasure& clock, double declared) {
  if (clock.rate <= 0) return;
  Group& group = groups_[declared];
  group.lowest = group.medians.empty() ? clock.rate : std::min(group.lowest, clock.rate);
  group.highest = std::max(group.highest, clock.rate);
  group.longest = std::max(group.longest, clock.longest);
  group.medians.push_back(clock.median);
  if (std::abs(clock.rate / declared - 1) > clock_difference_said) odd_.push_back({recording, clock.rate, declared});
}

std::vector<std::string> ClockSummary::words() const {
  std::vector<std::string> sentences;
  for (const auto& [declared, group] : groups_)
    sentences.push_back(
        fmt::format("Clock: declared {:.6g} Hz, measured {:.4g} to {:.4g} rows a second in {} recording{} (median step {:.4g} s, "
                    "largest gap {:.4g} s).",
                    declared, group.lowest, group.highest, group.medians.size(), group.medians.size() == 1 ? "" : "s",
                    median_of(group.medians), group.longest));
  constexpr std::size_t most = 10;
  for (std::size_t i = 0; i < odd_.size() && i < most; ++i)
    sentences.push_back(
        fmt::format("{}: {:.4g} rows a second, {:.1f} % {} the declared {:.6g}; where rows were not lost, correct the rate.",
                    odd_[i].recording, odd_[i].measured, 100 * std::abs(odd_[i].measured / odd_[i].declared - 1),
                    odd_[i].measured > odd_[i].declared ? "above" : "below", odd_[i].declared));
  if (odd_.size() > most) sentences.push_back(fmt::format("And so in {} more recordings.", odd_.size() - most));
  return sentences;
}

Grid even_grid(std::span<const double> times, double rate, double longest) {
  Grid grid;
  for (std::size_t first = 0; first < times.size();) {
    std::size_t end = first + 1;
    while (end < times.size() && times[end] - times[end - 1] <= longest + same) ++end;
    const auto place = [&](std::size_t row) { return (times[row] - times[0]) * rate; };
    const auto begin = static_cast<std::int64_t>(std::ceil(place(first) - same * rate)),
               last = static_cast<std::int64_t>(std::floor(place(end - 1) + same * rate));
    if (begin <= last) grid.begins.push_back(grid.times.size());
    std::size_t row = first;
    for (std::int64_t sample = begin; sample <= last; ++sample) {
      const double time = times[0] + static_cast<double>(sample) / rate;
      while (row + 1 < end && std::abs(times[row + 1] - time) < std::abs(times[row] - time) - same) ++row;
      grid.times.push_back(time);
      grid.nearest.push_back(row);
    }
    first = end;
  }
  grid.begins.push_back(grid.times.size());
  return grid;
}

} // namespace stdualx
