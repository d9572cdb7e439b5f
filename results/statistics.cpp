// The statistics of the report; see the header for whose they are.
#include "results/statistics.h"

#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <numeric>
#include <stdexcept>

namespace stdualx {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

void need_values(bool there, const char* what) {
  if (!there) throw std::invalid_argument(std::string(what) + ": no values");
}

/// Unbiased.
double sample_variance(std::span<const double> values) {
  const double center = mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - center) * (value - center);
  return squares / (static_cast<double>(values.size()) - 1);
}

// Standard deviation of a mean below which values were equal but for rounding: one window of a million moves an accuracy by more.
constexpr double no_deviation = 1e-9;

double deviation_of(const Spread& spread) { return std::sqrt(spread.variance); }

/// Of how many standard deviations an interval reaches to each side.
double student_quantile(double degrees, double confidence) {
  return boost::math::quantile(boost::math::complement(boost::math::students_t(degrees), (1 - confidence) / 2));
}

/// No p is 0: what a test cannot tell from it is the smallest number.
double possible_p(double p) { return std::clamp(p, std::numeric_limits<double>::min(), 1.0); }

/// Ranks from 1, ties sharing their mean; `tie_term` gains t^3 - t for each group of t equal values.
std::vector<double> average_ranks(const std::vector<double>& values, double& tie_term) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    const double count = static_cast<double>(end - begin);
    tie_term += count * count * count - count;
    for (std::size_t i = begin; i < end; ++i) ranks[order[i]] = (static_cast<double>(begin + end) + 1) / 2;
  }
  return ranks;
}

/// P(rank sum <= `limit`): subsets of the ranks by their sum, each as likely. Ranks and limit are doubled, so that those of ties are whole.
double signed_rank_tail(const std::vector<std::size_t>& doubled_ranks, std::size_t limit) {
  std::vector<double> share(std::accumulate(doubled_ranks.begin(), doubled_ranks.end(), std::size_t{0}) + 1, 0.0);
  share[0] = 1;
  for (const std::size_t rank : doubled_ranks)
    for (std::size_t sum = share.size(); sum-- > 0;) share[sum] = 0.5 * (share[sum] + (sum >= rank ? share[sum - rank] : 0.0));
  return std::accumulate(share.begin(), share.begin() + static_cast<std::ptrdiff_t>(limit) + 1, 0.0);
}

} // namespace

double mean(std::span<const double> values) {
  need_values(!values.empty(), "mean");
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double median(std::vector<double> values) {
  need_values(!values.empty(), "median");
  std::sort(values.begin(), values.end());
  return quantile_of_sorted(values, 0.5);
}

double quantile_of_sorted(std::span<const double> values, double probability) {
  need_values(!values.empty(), "quantile");
  const double place = probability * (static_cast<double>(values.size()) - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (values[above] - values[below]) * (place - static_cast<double>(below));
}

namespace {

/// Mean squares of a table of units by seeds without gaps: between seeds, and what neither explains.
struct MeanSquares {
  double seeds = 0, rest = 0;
};

MeanSquares mean_squares(const CrossedScores& table) {
  const std::size_t units = table.size(), seeds = table.front().size();
  std::vector<double> of_unit, of_seed;
  of_unit.reserve(units);
  for (const auto& row : table) of_unit.push_back(mean(row));
  for (std::size_t s = 0; s < seeds; ++s) {
    double sum = 0;
    for (const auto& row : table) sum += row[s];
    of_seed.push_back(sum / static_cast<double>(units));
  }
  const double center = mean(of_unit);
  double rest = 0;
  for (std::size_t u = 0; u < units; ++u)
    for (std::size_t s = 0; s < seeds; ++s) rest += std::pow(table[u][s] - of_unit[u] - of_seed[s] + center, 2);
  return {static_cast<double>(units) * sample_variance(of_seed), rest / static_cast<double>((units - 1) * (seeds - 1))};
}

/// The columns without a gap.
CrossedScores without_gaps(const CrossedScores& scores) {
  CrossedScores kept(scores.size());
  for (std::size_t s = 0; s < scores.front().size(); ++s)
    if (std::none_of(scores.begin(), scores.end(), [&](const auto& row) { return std::isnan(row[s]); }))
      for (std::size_t u = 0; u < scores.size(); ++u) kept[u].push_back(scores[u][s]);
  return kept;
}

} // namespace

Spread crossed_spread(const CrossedScores& scores, double test_train_ratio) {
  std::vector<double> of_unit;
  CrossedScores there;
  for (const auto& row : scores) {
    std::vector<double> values;
    std::copy_if(row.begin(), row.end(), std::back_inserter(values), [](double value) { return !std::isnan(value); });
    if (values.empty()) continue;
    of_unit.push_back(mean(values));
    there.push_back(row);
  }
  if (of_unit.size() < 2) return {nan, 0};
  const double units = static_cast<double>(of_unit.size());
  const double from_units = sample_variance(of_unit) * (1 / units + test_train_ratio);
  if (std::sqrt(from_units) < no_deviation) return {nan, 0};
  Spread spread{from_units, units - 1};
  const CrossedScores table = without_gaps(there);
  if (table.front().size() < 2) return spread;
  const double seeds = static_cast<double>(table.front().size());
  const MeanSquares squares = mean_squares(table);
  if (squares.seeds <= squares.rest) return spread;
  spread.variance += (squares.seeds - squares.rest) / (units * seeds);
  const double from_seeds = squares.seeds / (units * seeds);
  spread.degrees = spread.variance * spread.variance / (from_units * from_units / (units - 1) + from_seeds * from_seeds / (seeds - 1));
  spread.degrees = std::max(spread.degrees, std::min(units, seeds) - 1);
  return spread;
}

CrossedScores ratio_contributions(const std::vector<std::vector<Cluster>>& people) {
  need_values(!people.empty() && !people.front().empty(), "ratio_contributions");
  const std::size_t seeds = people.front().size();
  std::vector<double> hits(seeds), windows(seeds);
  for (const auto& person : people)
    for (std::size_t s = 0; s < seeds; ++s) {
      hits[s] += person[s].hits;
      windows[s] += person[s].windows;
    }
  double ratio = 0;
  for (std::size_t s = 0; s < seeds; ++s) ratio += hits[s] / windows[s] / static_cast<double>(seeds);
  CrossedScores scores;
  for (const auto& person : people) {
    auto& row = scores.emplace_back();
    for (std::size_t s = 0; s < seeds; ++s)
      row.push_back(person[s].windows > 0 ? static_cast<double>(people.size()) * (person[s].hits - ratio * person[s].windows) / windows[s]
                                          : nan);
  }
  return scores;
}

Interval logit_interval(double center, const Spread& spread, double lowest, double highest, double confidence) {
  const double width = highest - lowest, share = (center - lowest) / width;
  if (std::isnan(spread.variance) || !(share > 0 && share < 1)) return {center, nan, nan};
  const double reach = student_quantile(spread.degrees, confidence) * deviation_of(spread) / (width * share * (1 - share));
  const double odds = std::log(share / (1 - share));
  const auto back = [&](double logit) { return lowest + width / (1 + std::exp(-logit)); };
  return {center, back(odds - reach), back(odds + reach)};
}

Interval difference_interval(double center, const Spread& spread, double confidence) {
  if (std::isnan(spread.variance)) return {center, nan, nan};
  const double reach = student_quantile(spread.degrees, confidence) * deviation_of(spread);
  return {center, std::max(center - reach, -1.0), std::min(center + reach, 1.0)};
}

TestResult difference_test(double center, const Spread& spread) {
  if (std::isnan(spread.variance)) return {nan, nan};
  const double t = center / deviation_of(spread);
  return {t, possible_p(2 * boost::math::cdf(boost::math::complement(boost::math::students_t(spread.degrees), std::abs(t))))};
}

Interval positive_interval(std::span<const double> values, double confidence) {
  need_values(!values.empty(), "positive_interval");
  std::vector<double> logs;
  logs.reserve(values.size());
  for (const double value : values) {
    if (!(value > 0 && std::isfinite(value))) return {nan, nan, nan};
    logs.push_back(std::log(value));
  }
  const double center = mean(logs), count = static_cast<double>(values.size());
  if (values.size() < 2) return {std::exp(center), nan, nan};
  const double reach = student_quantile(count - 1, confidence) * std::sqrt(sample_variance(logs) / count);
  return {std::exp(center), std::exp(center - reach), std::exp(center + reach)};
}

TestResult wilcoxon_signed_rank(std::span<const double> differences) {
  std::vector<double> sizes, signs;
  for (const double difference : differences) {
    if (difference == 0) continue;
    sizes.push_back(std::abs(difference));
    signs.push_back(difference > 0 ? 1 : -1);
  }
  if (sizes.empty()) return {nan, nan};
  double tie_term = 0, positive = 0;
  const std::vector<double> ranks = average_ranks(sizes, tie_term);
  for (std::size_t i = 0; i < ranks.size(); ++i)
    if (signs[i] > 0) positive += ranks[i];
  const double n = static_cast<double>(ranks.size());
  const double statistic = std::min(positive, n * (n + 1) / 2 - positive);
  if (ranks.size() <= 50) { // exact, given the ties
    std::vector<std::size_t> doubled;
    doubled.reserve(ranks.size());
    for (const double rank : ranks) doubled.push_back(static_cast<std::size_t>(std::llround(2 * rank)));
    return {statistic, possible_p(2 * signed_rank_tail(doubled, static_cast<std::size_t>(std::llround(2 * statistic))))};
  }
  const double variance = (n * (n + 1) * (2 * n + 1) - tie_term / 2) / 24;
  const double z = (statistic - n * (n + 1) / 4) / std::sqrt(variance);
  return {statistic, possible_p(2 * boost::math::cdf(boost::math::normal(), z))};
}

TestResult mcnemar_exact(std::int64_t only_first, std::int64_t only_second) {
  if (only_first < 0 || only_second < 0) throw std::invalid_argument("mcnemar_exact: counts are not negative");
  const auto smaller = static_cast<double>(std::min(only_first, only_second));
  const auto both = static_cast<double>(only_first + only_second);
  if (both == 0) return {0, 1};
  return {smaller, possible_p(2 * boost::math::cdf(boost::math::binomial(both, 0.5), smaller))};
}

std::vector<double> holm(std::span<const double> p_values) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < p_values.size(); ++i)
    if (!std::isnan(p_values[i])) order.push_back(i);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p_values[a] < p_values[b]; });
  std::vector<double> adjusted(p_values.size(), nan);
  double largest = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    largest = std::max(largest, std::min(1.0, static_cast<double>(order.size() - i) * p_values[order[i]]));
    adjusted[order[i]] = largest;
  }
  return adjusted;
}

} // namespace stdualx
