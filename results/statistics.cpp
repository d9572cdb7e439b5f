// The statistics of the report; see the header for whose they are.
#include "results/statistics.h"

#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "experiments/spec/random.h"

namespace stdualx {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

void need_values(bool there, const char* what) {
  if (!there) throw std::invalid_argument(std::string(what) + ": no values");
}

/// Unbiased variance of the mean's summands.
double sample_variance(std::span<const double> values, double center) {
  double squares = 0;
  for (const double value : values) squares += (value - center) * (value - center);
  return squares / (static_cast<double>(values.size()) - 1);
}

/// The interval center +- t * sqrt(variance * factor), n - 1 degrees of freedom.
Interval student_interval(std::span<const double> values, double factor, double confidence) {
  const double center = mean(values);
  if (values.size() < 2) return {center, nan, nan};
  const boost::math::students_t distribution(static_cast<double>(values.size()) - 1);
  const double t = boost::math::quantile(boost::math::complement(distribution, (1 - confidence) / 2));
  const double reach = t * std::sqrt(sample_variance(values, center) * factor);
  return {center, center - reach, center + reach};
}

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

Interval t_interval(std::span<const double> values, double confidence) {
  need_values(!values.empty(), "t_interval");
  return student_interval(values, 1 / static_cast<double>(values.size()), confidence);
}

Interval corrected_resampled_interval(std::span<const double> fold_scores, double test_train_ratio, double confidence) {
  need_values(!fold_scores.empty(), "corrected_resampled_interval");
  return student_interval(fold_scores, 1 / static_cast<double>(fold_scores.size()) + test_train_ratio, confidence);
}

TestResult corrected_resampled_test(std::span<const double> fold_differences, double test_train_ratio) {
  need_values(!fold_differences.empty(), "corrected_resampled_test");
  if (fold_differences.size() < 2) return {nan, nan};
  const double count = static_cast<double>(fold_differences.size());
  const double center = mean(fold_differences);
  const double deviation = std::sqrt(sample_variance(fold_differences, center) * (1 / count + test_train_ratio));
  if (deviation == 0)
    return center == 0 ? TestResult{nan, nan} : TestResult{std::copysign(std::numeric_limits<double>::infinity(), center), 0};
  const double t = center / deviation;
  return {t, 2 * boost::math::cdf(boost::math::complement(boost::math::students_t(count - 1), std::abs(t)))};
}

namespace {

using PeopleStatistic = std::function<double(std::span<const std::int64_t>)>;

/// The statistic of all people, and of each resample, sorted; no resamples of a single person.
struct Resampled {
  double whole = 0;
  std::vector<double> values;
  Interval interval(double confidence) const {
    if (values.empty()) return {whole, nan, nan};
    return {whole, quantile_of_sorted(values, (1 - confidence) / 2), quantile_of_sorted(values, (1 + confidence) / 2)};
  }
};

Resampled resampled(std::int64_t people, const PeopleStatistic& statistic, std::int64_t resamples, std::int64_t seed) {
  need_values(people > 0 && resamples > 0, "cluster_bootstrap");
  std::vector<std::int64_t> drawn(static_cast<std::size_t>(people));
  std::iota(drawn.begin(), drawn.end(), std::int64_t{0});
  Resampled result{statistic(drawn), {}};
  if (people < 2) return result;
  const RandomStream stream(seed, "bootstrap");
  result.values.reserve(static_cast<std::size_t>(resamples));
  for (std::int64_t resample = 0; resample < resamples; ++resample) {
    for (std::int64_t i = 0; i < people; ++i) {
      const std::uint64_t word = stream.words(0, static_cast<std::uint32_t>(resample), static_cast<std::uint32_t>(i), 0)[0];
      drawn[static_cast<std::size_t>(i)] = static_cast<std::int64_t>((word * static_cast<std::uint64_t>(people)) >> 32);
    }
    result.values.push_back(statistic(drawn));
  }
  std::sort(result.values.begin(), result.values.end());
  return result;
}

Resampled resampled(std::span<const Cluster> people, std::int64_t resamples, std::int64_t seed) {
  return resampled(
      static_cast<std::int64_t>(people.size()),
      [&](std::span<const std::int64_t> drawn) {
        double hits = 0, windows = 0;
        for (const std::int64_t person : drawn) {
          hits += people[static_cast<std::size_t>(person)].hits;
          windows += people[static_cast<std::size_t>(person)].windows;
        }
        return hits / windows;
      },
      resamples, seed);
}

} // namespace

Interval cluster_bootstrap(std::int64_t people, const PeopleStatistic& statistic, std::int64_t resamples, std::int64_t seed,
                           double confidence) {
  return resampled(people, statistic, resamples, seed).interval(confidence);
}

Interval cluster_bootstrap(std::span<const Cluster> people, std::int64_t resamples, std::int64_t seed, double confidence) {
  return resampled(people, resamples, seed).interval(confidence);
}

PairedResult paired_cluster_bootstrap(std::span<const Cluster> people, std::int64_t resamples, std::int64_t seed, double confidence) {
  const Resampled drawn = resampled(people, resamples, seed);
  if (drawn.values.empty()) return {drawn.interval(confidence), nan};
  const auto below = std::upper_bound(drawn.values.begin(), drawn.values.end(), 0.0) - drawn.values.begin(); // at most 0
  const auto above = drawn.values.end() - std::lower_bound(drawn.values.begin(), drawn.values.end(), 0.0);   // at least 0
  const double rarer = static_cast<double>(std::min(below, above));
  return {drawn.interval(confidence), std::min(1.0, 2 * (1 + rarer) / (1 + static_cast<double>(resamples)))};
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
    return {statistic, std::min(1.0, 2 * signed_rank_tail(doubled, static_cast<std::size_t>(std::llround(2 * statistic))))};
  }
  const double variance = (n * (n + 1) * (2 * n + 1) - tie_term / 2) / 24;
  const double z = (statistic - n * (n + 1) / 4) / std::sqrt(variance);
  return {statistic, std::min(1.0, 2 * boost::math::cdf(boost::math::normal(), z))};
}

TestResult mcnemar_exact(std::int64_t only_first, std::int64_t only_second) {
  if (only_first < 0 || only_second < 0) throw std::invalid_argument("mcnemar_exact: counts are not negative");
  const auto smaller = static_cast<double>(std::min(only_first, only_second));
  const auto both = static_cast<double>(only_first + only_second);
  if (both == 0) return {0, 1};
  return {smaller, std::min(1.0, 2 * boost::math::cdf(boost::math::binomial(both, 0.5), smaller))};
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
