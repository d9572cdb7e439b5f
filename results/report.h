// What the tables of one report share: the store's recipes, the paper's claims, and what was found beside each. Inside the room only.
#pragma once

#include "experiments/spec/thin_class.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "results/recipes.h"
#include "results/tables.h"

namespace stdualx {

/// A number of the paper; "" where it states nothing.
struct Claim {
  std::string claim_id, dataset, condition, variant, metric;
  double value = 0;
  std::string unit, hardware, words;

  /// Whether it speaks of this data set: the paper's Opportunity is either of its label tracks, since it does not say which.
  bool is_on(std::string_view data_set) const {
    return data_set == dataset ||
           (dataset == "opportunity" && (data_set == "opportunity-locomotion" || data_set == "opportunity-gestures"));
  }
};

/// One number of ours that stands beside a claim in some table.
struct ClaimFinding {
  std::string dataset, protocol, protocol_text, preset;
  std::int64_t runs = 0;
  std::optional<Interval> ours;
  std::string verdict;
  std::string how; // what else must be said of it
};

struct ReportContext {
  ReportContext(Reader& store, const std::map<std::string, double>& planes);

  Reader& reader;
  const std::map<std::string, double>& plane_silhouettes;    // by run
  std::vector<Claim> claims;                                 // in the order of the abstract
  std::vector<RecordedRecipe> recipes;                       // whose test part is open
  std::map<std::string, double> accuracies;                  // of the test part, by run
  std::map<std::string, std::vector<ClaimFinding>> findings; // by claim, filled by the tables

  /// Whether all recordings in the store are somebody's own: then the paper says nothing of them, and `claims` is empty.
  bool own_data() const { return own_data_; }
  /// The claim of a metric and variant: of this data set, or of none that is stated.
  const Claim* claim(const std::string& metric, const std::string& dataset, const std::string& variant,
                     const std::string& condition = "") const;
  /// Whether the paper speaks of this data set. A manifest or another data set is never taken for one of the paper's.
  bool is_of_paper(const std::string& dataset) const;
  /// The verdict of our number beside the claim's, noted as a finding; "no paper value" without a claim.
  std::string judge(const Claim* claim, const Scores& scores, const std::optional<Interval>& ours, const std::string& how = "");

private:
  bool own_data_ = false;
};

/// The paper's number; empty without one.
Cell paper_cell(const Claim* claim);
/// A number with its interval, as three cells; empty without one.
void push_interval(std::vector<Cell>& row, const std::optional<Interval>& interval, bool sign = false);
/// A p-value; empty when there is none.
Cell p_cell(double p);
/// Holm's adjustment over a table's p-values, as cells.
std::vector<Cell> holm_cells(const std::vector<double>& p_values);

// Each gives its tables, none where it has nothing to say. accuracy_tables always gives the first.
/// Classes that training parts hardly know (thin_class_words): of all runs in the store, or of one.
std::vector<std::string> thin_classes_in(Reader& reader, const std::string& run_id = "");

std::vector<TitledTable> accuracy_tables(ReportContext& context);
/// Precision, recall and F1 by class, and by person; long, so only where the request names it.
std::vector<TitledTable> classes_tables(ReportContext& context);
std::vector<TitledTable> ablation_tables(ReportContext& context);
std::vector<TitledTable> baseline_tables(ReportContext& context);
std::vector<TitledTable> robustness_tables(ReportContext& context);
std::vector<TitledTable> embedding_tables(ReportContext& context);
std::vector<TitledTable> attention_tables(ReportContext& context);
/// A table of attention_tables: none where no data set has arms, legs and a third sensor.
std::optional<TitledTable> limbs_table(ReportContext& context);
std::vector<TitledTable> efficiency_tables(ReportContext& context);

} // namespace stdualx
