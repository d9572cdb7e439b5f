// The whole report: every table that has something to say, and every claim of the paper once.
#include "results/report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <tuple>

#include "experiments/spec/errors.h"
#include "results/migrate.h"
#include "results/rows.h"

namespace stdualx {

namespace {

std::vector<Claim> claims_of(Reader& reader) {
  std::vector<Claim> claims;
  for (const auto& row :
       reader.query("SELECT claim_id, dataset, condition, variant, metric, value, unit, hardware, words FROM paper_values").rows)
    claims.push_back({text_of(row[0]), text_of(row[1]), text_of(row[2]), text_of(row[3]), text_of(row[4]), real_of(row[5]), text_of(row[6]),
                      text_of(row[7]), text_of(row[8])});
  std::map<std::string, std::size_t> places; // in paper_values.json, which follows the abstract
  for (const Json& claim : Json::parse(embedded_paper_values())) places.emplace(claim.at("claim_id").get<std::string>(), places.size());
  std::stable_sort(claims.begin(), claims.end(), [&](const Claim& a, const Claim& b) {
    const auto place = [&](const Claim& claim) { return places.contains(claim.claim_id) ? places.at(claim.claim_id) : places.size(); };
    return place(a) < place(b);
  });
  return claims;
}

/// Which of a claim's findings stands for it: the paper's hardware and data sets before others, random windows apart, `default`
/// before other presets, splits by person before splits of sessions, what has an interval before what can have none, then whatever rests
/// on more runs. Never which one agrees.
const ClaimFinding* standing_for(const ReportContext& context, const std::vector<ClaimFinding>& findings, bool random) {
  // The paper names PAMAP2 first; where it does not say on what, so do we.
  constexpr std::array<std::string_view, 4> order{"pamap2", "opportunity-gestures", "opportunity-locomotion", "uci-har"};
  const auto rank = [&](const ClaimFinding& finding) {
    return std::make_tuple(finding.verdict == "OTHER HARDWARE", !context.is_of_paper(finding.dataset),
                           std::find(order.begin(), order.end(), finding.dataset) - order.begin(), finding.dataset,
                           finding.preset != "default", finding.preset, !is_by_person(finding.protocol), std::isnan(finding.ours->low),
                           !has_one_test_part(finding.protocol), -finding.runs, finding.protocol_text);
  };
  const ClaimFinding* best = nullptr;
  for (const ClaimFinding& finding : findings)
    if (finding.ours && has_random_windows(finding.protocol) == random && (best == nullptr || rank(finding) < rank(*best))) best = &finding;
  return best;
}

Cell number_cell(const Claim& claim, double value) {
  if (std::isnan(value)) return {};
  if (claim.unit == "share") return Percent{value, 2, claim.metric == "accuracy_difference"};
  if (claim.metric == "latency") return Duration{value};
  if (claim.metric == "memory") return Real{value, 2};
  return Real{value, 4};
}

TitledTable claims_table(const ReportContext& context) {
  TitledTable titled{
      "claims of the paper",
      {{"claim", "paper", "data set", "protocol", "preset", "ours", "95 % low", "95 % high", "verdict", "on random windows"}, {}},
      {}};
  for (const Claim& claim : context.claims) {
    const auto found = context.findings.find(claim.claim_id);
    const std::vector<ClaimFinding> none;
    const std::vector<ClaimFinding>& findings = found == context.findings.end() ? none : found->second;
    const ClaimFinding* ours = standing_for(context, findings, false);
    const ClaimFinding* random = standing_for(context, findings, true);
    std::vector<Cell> row{claim.words, number_cell(claim, claim.value)};
    if (ours == nullptr) {
      const std::string protocol = random == nullptr ? "" : by_person_words;
      const Cell dataset = !claim.dataset.empty() ? Cell(claim.dataset) : random == nullptr ? Cell() : Cell(random->dataset);
      row.insert(row.end(), {dataset, protocol.empty() ? Cell() : Cell(protocol), {}, {}, {}, {}, std::string(verdict({}))});
    } else {
      std::string protocol = ours->protocol_text;
      if (!ours->how.empty()) protocol += (protocol.empty() ? "" : "; ") + ours->how;
      row.insert(row.end(), {ours->dataset, protocol, ours->preset, number_cell(claim, ours->ours->mean),
                             number_cell(claim, ours->ours->low), number_cell(claim, ours->ours->high), ours->verdict});
    }
    row.push_back(random == nullptr ? Cell() : number_cell(claim, random->ours->mean));
    titled.table.rows.push_back(std::move(row));
  }
  titled.notes = {
      "Each claim stands here once; the tables below hold every data set, protocol and preset. Where the paper names no data set, "
      "ours is PAMAP2, Opportunity, UCI-HAR in this order, then any other (SUBSTITUTED DATA).",
      "REPRODUCED: the paper's value lies in an interval of at most one point to each side. UNDERPOWERED: in a wider one, or "
      "folds are missing. WITHIN TOLERANCE: outside, at most 0.5 points away. BETTER, NOT REPRODUCED: outside. OTHER HARDWARE: "
      "measured on another device. NOT RUN: nothing there. The paper states no protocol: a verdict compares numbers."};
  return titled;
}

struct NamedTables {
  std::string_view name;
  std::vector<TitledTable> (*make)(ReportContext&);
};

constexpr std::array<NamedTables, 8> all_tables{{
    {"accuracy", accuracy_tables},
    {"classes", classes_tables},
    {"ablation", ablation_tables},
    {"baseline", baseline_tables},
    {"robustness", robustness_tables},
    {"embedding", embedding_tables},
    {"attention", attention_tables},
    {"efficiency", efficiency_tables},
}};

/// The catalogue's names, which no manifest may bear.
constexpr std::array<std::string_view, 7> published{"dsads",   "hugadb", "opportunity-gestures", "opportunity-locomotion", "pamap2",
                                                    "uci-har", "watch"};

/// A note without its sentences on the paper.
std::string without_paper(const std::string& note) {
  std::string kept;
  for (std::size_t begin = 0; begin < note.size();) {
    const std::size_t end = std::min(note.find(". ", begin), note.size() - 1) + 1;
    const std::string sentence = note.substr(begin, end - begin);
    if (sentence.find("paper") == std::string::npos) kept += (kept.empty() ? "" : " ") + sentence;
    begin = note.find_first_not_of(' ', end);
  }
  return kept;
}

/// Takes what compares with the paper out of a table of own recordings.
void leave_paper_out(TitledTable& titled) {
  Table& table = titled.table;
  for (std::string& note : titled.notes) note = without_paper(note);
  std::erase(titled.notes, "");
  if (std::find(table.columns.begin(), table.columns.end(), "paper") == table.columns.end()) return; // its verdicts are on two of ours
  for (const std::string_view name : {"paper", "difference", "verdict"}) {
    const auto found = std::find(table.columns.begin(), table.columns.end(), name);
    if (found == table.columns.end()) continue;
    const auto place = found - table.columns.begin();
    table.columns.erase(found);
    for (auto& row : table.rows) row.erase(row.begin() + place);
  }
}

} // namespace

ReportContext::ReportContext(Reader& store, const std::map<std::string, double>& planes)
    : reader(store), plane_silhouettes(planes), claims(claims_of(store)), recipes(recipes_of(store, true)),
      accuracies(values_of(store, "test", "accuracy")) {
  own_data_ = !recipes.empty() && std::none_of(recipes.begin(), recipes.end(), [&](const RecordedRecipe& recipe) {
    return is_of_paper(recipe.dataset) || std::find(published.begin(), published.end(), recipe.dataset) != published.end();
  });
  if (own_data_) claims.clear();
}

const Claim* ReportContext::claim(const std::string& metric, const std::string& dataset, const std::string& variant,
                                  const std::string& condition) const {
  const auto found = std::find_if(claims.begin(), claims.end(), [&](const Claim& one) {
    return one.metric == metric && one.variant == variant && one.condition == condition && (one.dataset.empty() || one.is_on(dataset));
  });
  return found == claims.end() ? nullptr : &*found;
}

bool ReportContext::is_of_paper(const std::string& dataset) const {
  return std::any_of(claims.begin(), claims.end(), [&](const Claim& one) { return !one.dataset.empty() && one.is_on(dataset); });
}

std::string ReportContext::judge(const Claim* claim, const Scores& scores, const std::optional<Interval>& ours, const std::string& how) {
  if (!ours) return std::string(verdict({}));
  if (claim == nullptr) return "no paper value";
  VerdictQuestion question{claim->value, ours};
  question.substituted_data = claim->dataset.empty() && !is_of_paper(scores.recipe->dataset);
  question.directed = claim->metric != "accuracy_difference"; // a part that matters less than the paper says is not "better"
  std::string word(verdict(question));
  if (!question.substituted_data && scores.is_underpowered()) word = "UNDERPOWERED";
  const RecordedRecipe& recipe = *scores.recipe;
  findings[claim->claim_id].push_back(
      {recipe.dataset, recipe.protocol, recipe.protocol_text(), recipe.preset, scores.runs, ours, word, how});
  return word;
}

Cell paper_cell(const Claim* claim) { return claim == nullptr ? Cell() : number_cell(*claim, claim->value); }

void push_interval(std::vector<Cell>& row, const std::optional<Interval>& interval, bool sign) {
  row.push_back(interval ? percent_or_nothing(interval->mean, sign) : Cell());
  row.push_back(interval ? percent_or_nothing(interval->low, sign) : Cell());
  row.push_back(interval ? percent_or_nothing(interval->high, sign) : Cell());
}

Cell p_cell(double p) {
  if (std::isnan(p)) return {};
  return Real{p, p == 0 || p >= 0.0001 ? 4 : -1}; // small ones by their leading digits
}

std::vector<Cell> holm_cells(const std::vector<double>& p_values) {
  std::vector<Cell> cells;
  for (const double p : holm(p_values)) cells.push_back(p_cell(p));
  return cells;
}

const std::vector<std::string>& report_table_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> made{"claims"};
    for (const NamedTables& tables : all_tables) made.emplace_back(tables.name);
    return made;
  }();
  return names;
}

std::vector<TitledTable> report(Reader& reader, const ReportRequest& request) {
  for (const std::string& name : request.tables)
    if (std::find(report_table_names().begin(), report_table_names().end(), name) == report_table_names().end())
      throw_not_a_choice("table", {report_table_names().begin(), report_table_names().end()}, name);
  const auto wanted = [&](std::string_view name) {
    return request.tables.empty() || std::find(request.tables.begin(), request.tables.end(), name) != request.tables.end();
  };
  const Reader::Snapshot snapshot(reader);
  ReportContext context(reader, request.plane_silhouettes);
  std::vector<TitledTable> tables;
  const bool claims = wanted("claims"); // needs what all tables find
  for (const NamedTables& one : all_tables) {
    if (one.name == "classes" && request.tables.empty()) continue; // long: a row a class and person
    if (!claims && !wanted(one.name)) continue;
    std::vector<TitledTable> made = one.make(context);
    if (!wanted(one.name)) continue;
    if (made.empty() && !request.tables.empty()) made.push_back({std::string(one.name), {{"verdict"}, {{std::string(verdict({}))}}}, {}});
    tables.insert(tables.end(), std::make_move_iterator(made.begin()), std::make_move_iterator(made.end()));
  }
  if (context.own_data()) {
    for (TitledTable& table : tables) leave_paper_out(table);
    if (claims && !request.tables.empty())
      tables.insert(tables.begin(),
                    {"claims of the paper", {{"verdict"}, {{std::string(verdict({}))}}}, {"The store holds own recordings alone."}});
  } else if (claims) tables.insert(tables.begin(), claims_table(context));
  return tables;
}

std::vector<TitledTable> accuracy_report(Reader& reader) {
  ReportRequest request;
  request.tables = {"accuracy"};
  return report(reader, request);
}

} // namespace stdualx
