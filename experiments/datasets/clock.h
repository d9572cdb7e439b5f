// The clock of a recording whose rows carry times: how fast it runs, and its rows brought to an even grid.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace stdualx {

/// How the rows of a recording follow one another.
struct ClockMeasure {
  double rate = 0;    // rows a second, from first to last, pauses left out; 0: too few rows to tell
  double median = 0;  // seconds from one row to the next
  double longest = 0; // seconds between two rows, pauses too
};

/// Of ascending times in seconds. A pause is over 1 s, and over ten of the steps that `declared` rows a second have.
ClockMeasure measure_clock(std::span<const double> times, double declared);

/// A clock that differs from its declared rate by more is said; by more than the second, counted and by the median step, it is refused:
/// lost rows alone leave the median, rows in bursts the count.
inline constexpr double clock_difference_said = 0.02, clock_difference_refused = 0.2;
bool is_refused(const ClockMeasure& clock, double declared);

/// The clocks of a data set, as they are told.
class ClockSummary {
public:
  void add(const std::string& recording, const ClockMeasure& clock, double declared);
  /// A sentence on all of one declared rate, then one for each of the recordings that differ by over 2 %, ten at most. Nothing without a
  /// recording.
  std::vector<std::string> words() const;

private:
  struct Told {
    std::string recording;
    double measured = 0, declared = 0;
  };
  struct Group {
    double lowest = 0, highest = 0, longest = 0;
    std::vector<double> medians; // of each recording
  };
  std::map<double, Group> groups_; // by declared rate
  std::vector<Told> odd_;
};

/// Where the samples of an even grid lie: stretches of rows without a gap that is too long to fill.
struct Grid {
  std::vector<double> times;        // seconds, of each sample: first time + k / rate
  std::vector<std::size_t> begins;  // first sample of each stretch, then the number of samples
  std::vector<std::size_t> nearest; // row that is nearest in time to each sample; half-way: the earlier
};

/// The grid of `rate` samples a second that begins with the first row. Two rows over `longest` seconds apart end a stretch; the grid goes
/// on behind them, so that a recording lasts as long as its times say, to one sample.
Grid even_grid(std::span<const double> times, double rate, double longest);

} // namespace stdualx
