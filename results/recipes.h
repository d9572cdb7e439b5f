// What the tables of the report have in common: runs by recipe, numbers by fold, intervals. Inside the room only.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "experiments/spec/fields.h"
#include "results/reader.h"
#include "results/statistics.h"
#include "results/table.h"

namespace stdualx {

/// Whether all folds share one test part (official, challenge): then people are drawn, not folds.
bool has_one_test_part(std::string_view protocol);
/// Whether nobody is on both sides of the split.
bool is_by_person(std::string_view protocol);
/// Whether windows are parted at random, so that overlapping ones lie on both sides.
bool has_random_windows(std::string_view protocol);

/// Split and number: two sweeps may number other validation groups alike.
using Fold = std::pair<std::string, std::int64_t>; // split_id, which alone tells groups of validation people apart, and fold

struct RecipeRun {
  std::string run_id;
  Fold fold;
  std::int64_t seed = 0;
  bool complete = false;
  double overlap_share = 0, test_windows = 0, train_windows = 0; // NaN: not recorded
};

/// The runs that differ in fold and seed alone.
struct RecordedRecipe {
  std::string recipe_id, dataset, protocol, preset, variant, architecture;
  std::int64_t folds = 0;                    // of the protocol; 0: as many as there are
  std::string part;                          // that is scored: test, or validation while the test part is closed
  std::map<std::string, std::string> fields; // its settings, flattened, without what runs of a recipe differ in
  std::vector<RecipeRun> runs;               // all that were planned

  std::int64_t expected_folds() const;
  std::int64_t seeds() const;
  bool keeps_null_class() const;
  std::string protocol_text() const; // in words
  /// Data set, whether it has the null class, preset and variant: what rows of different protocols have in common.
  std::string names() const;
};

/// Sorted by data set, preset, variant (STDual-X first) and protocol, so that a random split stands under the rows by person of the same
/// network.
std::vector<RecordedRecipe> recipes_of(Reader& reader, bool open_test);

/// What numbers are, which says where they can lie and what a test of them needs.
enum class Quantity {
  share,      // accuracy, entropy: 0 to 1
  silhouette, // -1 to 1
  change,     // of a share, between two uses of the same trained network
  difference  // of a share, between two trained networks: training noise is in it
};

/// How many seeds a side a verdict between two trained networks takes: from fewer nobody can tell training noise.
inline constexpr std::int64_t fewest_seeds = 3;

/// Numbers of runs by fold and seed. Seeds of one fold share their split, so they are averaged, not counted as further folds.
struct Scores {
  const RecordedRecipe* recipe = nullptr;
  Quantity quantity = Quantity::share;
  std::map<Fold, std::map<std::int64_t, double>> values; // by seed
  std::int64_t runs = 0;
  double overlap_sum = 0, test_windows = 0, train_windows = 0;         // over these runs
  std::map<std::int64_t, std::map<std::int64_t, Cluster>> people = {}; // where all folds share one test part: by person, then by seed

  void add(const RecipeRun& run, double value);
  void add_person(const RecipeRun& run, std::int64_t person, Cluster counts);
  bool empty() const { return runs == 0; }
  std::vector<double> fold_means() const;
  bool has_all_folds() const;
  /// Of the fold that has the fewest.
  std::int64_t seeds_of_every_fold() const;
  /// Whether folds are missing, or seeds for a difference of two trained networks: then no verdict stands on it.
  bool is_underpowered() const;
  double overlap_share() const { return overlap_sum / static_cast<double>(runs); }
  /// "5 x 2"; "4 of 5 x 2, 8 of 10 runs".
  std::string folds_and_seeds() const;
  /// The mean with its interval, and the p-value of mean 0: over folds and seeds; over people and seeds of one test part, without interval
  /// where no predictions are stored or people are too few. A difference of two trained networks has no p with fewer than `fewest_seeds`,
  /// and on one test part, where training noise is in nothing but the seeds, no interval either. None: no runs.
  std::optional<PairedResult> result() const;
  std::optional<Interval> interval() const;

private:
  Spread spread() const;
};

/// How the notes of the tables say all this.
inline constexpr const char* interval_words =
    "95 % intervals of shares: Student's t on the logit scale (Korn and Graubard 1998), which stays within 0 and 100 %. k folds: over "
    "folds, variance corrected for the training data that they share (Nadeau and Bengio 2003). Official split: over the test people, of "
    "whom there must be five. Several seeds are taken as drawn like folds and people (crossed effects, Satterthwaite). None where folds or "
    "people do not differ at all.";
inline constexpr const char* difference_words =
    "Paired by split, fold and seed. Interval and p of a difference: Student's t over folds, or over the people of an official split, and "
    "over seeds (variance as for accuracy). UNDERPOWERED: fewer than three seeds a side (no p, and no interval on an official split: "
    "training noise alone makes a network better than itself), missing folds, or differences that are all equal.";

/// A metric of the undisturbed part, by run. Only numbers that are finite.
std::map<std::string, double> values_of(Reader& reader, const std::string& part, const std::string& metric);

/// What each person contributes to the accuracy of a run under a condition.
std::map<std::int64_t, Cluster> people_of(Reader& reader, const std::string& run_id, const std::string& condition, const std::string& part);

/// The accuracies of a recipe's COMPLETE runs.
Scores accuracies_of(Reader& reader, const RecordedRecipe& recipe, const std::map<std::string, double>& values);

/// Two recipes and those of their COMPLETE runs that share split, fold and seed.
struct RecipePair {
  const RecordedRecipe* first = nullptr;
  const RecordedRecipe* second = nullptr;
  std::vector<std::pair<const RecipeRun*, const RecipeRun*>> runs;
};

/// Each of `first` beside the one of `second` that shares runs with it and differs from it in the fewest fields; several where several
/// differ in as few. Never a recipe beside itself.
std::vector<RecipePair> nearest_pairs(const std::vector<const RecordedRecipe*>& first, const std::vector<const RecordedRecipe*>& second);

/// What two networks did with the windows of one person that both were shown.
struct PairedPerson {
  double only_first = 0, only_second = 0, windows = 0; // windows that one alone got right
};
std::map<std::int64_t, PairedPerson> paired_people(Reader& reader, const std::string& first, const std::string& second,
                                                   const std::string& part);

/// Accuracies of both sides over the pairs, and their differences, first less second.
struct PairedScores {
  Scores first, second, difference;
};
PairedScores paired_accuracies(Reader& reader, const RecipePair& pair, const std::map<std::string, double>& values);

/// How rows by person are called where there is none.
inline constexpr const char* by_person_words = "by person (official, or leave persons out)";

/// A row of a table that is yet to be written: what it is about (its names but the protocol), and its protocol.
struct RowSubject {
  std::string what, protocol;
};
/// For each row: whether it is the first of a random split whose like by person is missing, and gets one above it that says NOT RUN.
std::vector<bool> lacks_row_by_person(const std::vector<RowSubject>& rows);

/// Of recipes that a table gives the same names (`what`, protocol and folds): where their fields differ, by recipe. Empty: nowhere.
struct NamedFields {
  std::string what, id;
  std::map<std::string, std::string> fields;
};
std::map<std::string, std::string> differing_fields(const std::vector<NamedFields>& rows);
/// Adds the column "differs in" where there is anything to say; `ids` of the table's rows, "" for none.
void add_differences(Table& table, const std::vector<std::string>& ids, const std::map<std::string, std::string>& differences);

/// Names joined so that different ones stay different.
std::string joined(std::initializer_list<std::string> names);

} // namespace stdualx
