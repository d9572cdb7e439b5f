// The statistics of the report, each named after its authors. Checked against SciPy and NumPy in tests/results.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace stdualx {

/// A mean with its confidence interval; low and high are NaN where too few values allow none.
struct Interval {
  double mean = 0;
  double low = 0;
  double high = 0;
  /// To the farther side: an interval near 0 or 1 is not symmetric.
  double reach() const { return high - mean > mean - low ? high - mean : mean - low; }
};
/// A test's statistic and its two-sided p-value, above 0 and at most 1 (NaN where there is nothing to test).
struct TestResult {
  double statistic = 0;
  double p = 1;
};

/// Throws std::invalid_argument when empty, as every function here that needs values.
double mean(std::span<const double> values);
double median(std::vector<double> values);
/// Linear interpolation between order statistics (NumPy's default). `values` must be sorted.
double quantile_of_sorted(std::span<const double> values, double probability);

/// What is known of a mean's error: its variance, and Student's degrees of freedom. The variance is NaN where nothing is known: of one
/// value, and of values that do not differ at all, since equal numbers are an accident of rounding to whole windows and no certainty.
struct Spread {
  double variance = 0;
  double degrees = 0;
};

/// Scores by unit, then by seed: a unit is a fold, or a person of one test part. NaN: not there.
using CrossedScores = std::vector<std::vector<double>>;

/// The spread of the mean of the units' means, where units and seeds both are drawn. From k units: their variance, by the factor
/// 1/k + test_train_ratio, since scores of folds share training data (Nadeau and Bengio, Machine Learning 52, 2003; 0 for people of one
/// test part). From the seeds that every unit has: what they add to that, as two crossed random effects (Satterthwaite's degrees of
/// freedom, Biometrics Bulletin 2, 1946; Hillis, Statistics in Medicine 26, 2007, has readers and cases in place of seeds and people).
/// One seed adds nothing, so nothing is known of what training it again would give.
Spread crossed_spread(const CrossedScores& scores, double test_train_ratio = 0);

/// What one person (the cluster) contributes to a ratio such as accuracy: hits over windows. Paired: hits of A minus hits of B.
struct Cluster {
  double hits = 0;
  double windows = 0;
};
/// The ratio hits / windows of all people, made linear, so that crossed_spread of it is the ratio's (Cochran 1977, 6.4): by person, then by
/// seed, as `people`. A person without windows is not there.
CrossedScores ratio_contributions(const std::vector<std::vector<Cluster>>& people);

/// Interval of a mean of values from `lowest` to `highest`, which it never leaves: Student's on the logit scale, by the delta method (Korn
/// and Graubard, Survey Methodology 24, 1998, compare it with others; `svyciprop(method = "logit")` in R). Fisher's z for -1 to 1.
/// NaN at the bounds themselves: who has seen no error yet does not know how rare they are.
/// Coverage: tests/benchmarks/measured/interval_coverage.txt.
Interval logit_interval(double center, const Spread& spread, double lowest = 0, double highest = 1, double confidence = 0.95);

/// Student's interval of a mean difference of shares, cut where no difference can be: below -1, above 1.
Interval difference_interval(double center, const Spread& spread, double confidence = 0.95);
/// Student's test of mean difference 0; the corrected resampled t test where the spread is that of folds.
TestResult difference_test(double center, const Spread& spread);
/// Both at once.
struct PairedResult {
  Interval difference;
  double p = 1;
};

/// Student's interval of independent values above 0, on the logarithmic scale: the mean is the geometric one. Equal values have none to
/// either side: a size in bytes may be the same each time. NaN where a value is 0 or less.
Interval positive_interval(std::span<const double> values, double confidence = 0.95);

/// Wilcoxon's signed-rank test of paired differences: zeros are dropped; exact up to 50 differences without ties, else normal
/// with tie correction. The statistic is the smaller rank sum (SciPy: zero_method="wilcox", correction=False).
TestResult wilcoxon_signed_rank(std::span<const double> differences);

/// McNemar's exact test. `only_first` and `only_second`: windows that one of two classifiers alone got right.
TestResult mcnemar_exact(std::int64_t only_first, std::int64_t only_second);

/// Holm's step-down adjustment (1979), in the order given. A NaN is no test: it stays one and does not count.
std::vector<double> holm(std::span<const double> p_values);

} // namespace stdualx
