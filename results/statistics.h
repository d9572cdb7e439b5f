// The statistics of the report, each named after its authors. Checked against SciPy and scikit-learn in tests/results.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace stdualx {

/// A mean with its confidence interval; low and high are NaN where too few values allow none.
struct Interval {
  double mean = 0;
  double low = 0;
  double high = 0;
  double half_width() const { return (high - low) / 2; }
};
/// A test's statistic and its two-sided p-value (NaN where there is nothing to test).
struct TestResult {
  double statistic = 0;
  double p = 1;
};

/// Throws std::invalid_argument when empty, as every function here that needs values.
double mean(std::span<const double> values);
double median(std::vector<double> values);
/// Linear interpolation between order statistics (NumPy's default). `values` must be sorted.
double quantile_of_sorted(std::span<const double> values, double probability);

/// Student's interval of the mean of independent values; n - 1 degrees of freedom.
Interval t_interval(std::span<const double> values, double confidence = 0.95);

/// Scores of k folds share training data, so their variance is corrected by (1/k + n_test/n_train) instead of 1/k
/// (Nadeau and Bengio, Machine Learning 52, 2003); k - 1 degrees of freedom. For paired differences as well.
Interval corrected_resampled_interval(std::span<const double> fold_scores, double test_train_ratio, double confidence = 0.95);
/// The corrected resampled t test of mean difference 0.
TestResult corrected_resampled_test(std::span<const double> fold_differences, double test_train_ratio);

/// What one person (the cluster) contributes to a ratio such as accuracy: hits over windows. Paired: hits of A minus hits of B.
struct Cluster {
  double hits = 0;
  double windows = 0;
};
/// Percentile bootstrap over people (Efron 1979; clusters drawn whole). Draw i of resample b takes the first of Philox words
/// (0, b, i, 0) of RandomStream(seed, "bootstrap"), so the interval is the same everywhere.
Interval cluster_bootstrap(std::span<const Cluster> people, std::int64_t resamples = 10000, std::int64_t seed = 1,
                           double confidence = 0.95);
/// A mean difference with its interval, and the two-sided p-value of "no difference" (NaN where nothing can be tested).
struct PairedResult {
  Interval difference;
  double p = 1;
};
/// Percentile bootstrap over people of a paired difference, with the same draws. p = 2 (1 + r) / (1 + resamples), at most 1, where r counts
/// the resamples on the rarer side of 0, those at 0 included (Davison and Hinkley 1997, 4.4, for a null value of 0).
PairedResult paired_cluster_bootstrap(std::span<const Cluster> people, std::int64_t resamples = 10000, std::int64_t seed = 1,
                                      double confidence = 0.95);
/// The bootstrap for any statistic of the drawn people's indices (macro-F1, say). `statistic` of all people is the mean.
Interval cluster_bootstrap(std::int64_t people, const std::function<double(std::span<const std::int64_t>)>& statistic,
                           std::int64_t resamples = 10000, std::int64_t seed = 1, double confidence = 0.95);

/// Wilcoxon's signed-rank test of paired differences: zeros are dropped; exact up to 50 differences without ties, else normal
/// with tie correction. The statistic is the smaller rank sum (SciPy: zero_method="wilcox", correction=False).
TestResult wilcoxon_signed_rank(std::span<const double> differences);

/// McNemar's exact test. `only_first` and `only_second`: windows that one of two classifiers alone got right.
TestResult mcnemar_exact(std::int64_t only_first, std::int64_t only_second);

/// Holm's step-down adjustment (1979), in the order given. A NaN is no test: it stays one and does not count.
std::vector<double> holm(std::span<const double> p_values);

} // namespace stdualx
