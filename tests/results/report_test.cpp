// Every table of the report, its cells and verdicts computed by hand. Three folds of 1000 test windows each and 9000 training windows give
// Nadeau and Bengio's factor 1/3 + 1/9 = (2/3)^2; Student's 97.5 % quantile with two degrees of freedom is 4.302653, and p = 1 - t /
// sqrt(t^2 + 2).
#include "cells.h"
#include "fixture.h"

#include <gmock/gmock.h>

#include <array>
#include <cmath>
#include <fstream>
#include <limits>

#include "results/tables.h"

namespace stdualx {
namespace {

using ::testing::HasSubstr;

constexpr double student = 4.302652729911275;
constexpr double closeness = 1e-9;

double reach(double deviation) { return student * deviation * 2 / 3; }
double p_of(double difference, double deviation) {
  const double t = std::abs(difference) / (deviation * 2 / 3);
  return 1 - t / std::sqrt(t * t + 2);
}

RunSpec a_network(const std::string& variant, std::int64_t fold, const std::string& dataset = "uci-har") {
  RunSpec run = a_run(fold);
  run.dataset = dataset;
  run.variant = variant;
  if (variant == "without_csa") run.model.cross_sensor_attention = false;
  if (variant == "without_stdat") run.model.stdat = false;
  if (variant == "without_contrastive") run.training.triplet_weight = 0;
  if (variant == "linear" || variant == "deep_conv_lstm") run.model.architecture = variant;
  return run;
}

RunSpec official(RunSpec run) {
  run.protocol.kind = "official";
  run.protocol.folds = 0;
  run.fold = 0;
  return run;
}
RunSpec random_windows(RunSpec run) {
  run.protocol.kind = "random";
  return run;
}

class Report : public ::testing::Test {
protected:
  TemporaryFolder folder;
  std::filesystem::path file = folder / "results.db";
  Store store = Store::open_for_writing(file);
  ReportRequest request;

  struct Disturbed {
    std::string condition;
    std::int64_t right;
  };
  /// A COMPLETE run with `right` of 1000 test windows right, and what else its test part gave.
  std::string add(const RunSpec& run, std::int64_t right, const std::vector<Disturbed>& disturbed = {},
                  const std::vector<Metric>& metrics = {}, const std::vector<AttentionMap>& attention = {}) {
    Store::Transaction transaction(store);
    const std::string run_id = run_identity(run);
    Plan plan = a_plan({run}, "sweep of " + run_id);
    plan.datasets = {{run.dataset_hash, run.dataset, {"wrist", "ankle"}, {"sitting", "walking"}}};
    store.register_sweep(plan);
    const std::int64_t attempt = store.begin_attempt(run_id, a_place(), 1);
    for (std::int64_t epoch = 1; epoch <= run.training.epochs; ++epoch) {
      EpochReport report = an_epoch(run_id, attempt, epoch);
      report.windows = 9000;
      store.record_epoch(report);
    }
    EvaluationReport clean = an_evaluation(run_id, attempt, "test", right, 1000, 7);
    clean.metrics.insert(clean.metrics.end(), metrics.begin(), metrics.end());
    clean.sensors = 2;
    clean.attention = attention;
    store.record_evaluation(clean);
    for (const auto& [condition, still_right] : disturbed) {
      EvaluationReport report = an_evaluation(run_id, attempt, "test", still_right, 1000, 7);
      report.condition = condition;
      store.record_evaluation(report);
    }
    store.end_attempt({run_id, attempt, "complete", "", "", {}}, RunStatus::complete);
    transaction.commit();
    return run_id;
  }
  void add_folds(const std::string& variant, const std::array<std::int64_t, 3>& right, const std::string& dataset = "uci-har") {
    for (std::size_t fold = 0; fold < 3; ++fold) add(a_network(variant, static_cast<std::int64_t>(fold), dataset), right[fold]);
  }
  std::vector<TitledTable> tables(const std::vector<std::string>& names) {
    Reader reader(file);
    request.tables = names;
    return report(reader, request);
  }
  TitledTable table(const std::string& name) {
    std::vector<TitledTable> made = tables({name});
    if (made.empty()) throw std::runtime_error("no table " + name);
    return std::move(made.front());
  }
  /// Verdicts by the start of the claim's words.
  std::string claim(const std::string& words, const std::string& column) {
    const TitledTable claims = table("claims");
    for (const auto& cells : claims.table.rows)
      if (cell_text(cells[0]).starts_with(words)) return Row{&claims.table, &cells}.text(column);
    throw std::runtime_error("no claim " + words);
  }
};

TEST_F(Report, AnEmptyStoreNamesEveryClaimOnceAsNotRun) {
  Reader reader(file);
  const auto all = report(reader, {});
  ASSERT_EQ(all.size(), 2u) << "the claims, and the accuracies";
  ASSERT_EQ(all[0].table.rows.size(), 10u);
  for (const auto& cells : all[0].table.rows) EXPECT_EQ((Row{&all[0].table, &cells}.text("verdict")), "NOT RUN");
  std::vector<std::string> paper;
  for (const auto& cells : all[0].table.rows) paper.push_back(cell_text(cells[1]));
  EXPECT_THAT(paper, ::testing::ElementsAre("97.02 %", "95.43 %", "98.80 %", "-7.74 %", "-2.34 %", "-4.64 %", "0.5826", "96.78 %", "1.6 ms",
                                            "144.72"));
}

TEST_F(Report, TablesAreChosenByName) {
  EXPECT_THAT(message_of<InputError>([&] { tables({"ablations"}); }), HasSubstr("ablation"));
  const TitledTable nothing = table("robustness");
  EXPECT_EQ(cell_text(nothing.table.rows.at(0).at(0)), "NOT RUN");
  EXPECT_EQ(tables({"accuracy", "claims"}).at(0).title, "claims of the paper");
}

TEST_F(Report, AblationsArePairedJudgedAndAdjusted) {
  add_folds("stdual_x", {950, 960, 940});
  add_folds("without_stdat", {870, 882, 858});       // -0.080 -0.078 -0.082
  add_folds("without_csa", {930, 930, 930});         // -0.020 -0.030 -0.010
  add_folds("without_contrastive", {950, 959, 941}); // 0 -0.001 0.001
  const TitledTable ablations = table("ablation");
  ASSERT_EQ(ablations.table.rows.size(), 3u);

  const Row stdat = row_of(ablations, {{"variant", "without_stdat"}});
  EXPECT_EQ(stdat.text("protocol"), "leave persons out, 3 folds");
  EXPECT_EQ(stdat.text("accuracy"), "87.00 %");
  EXPECT_EQ(stdat.text("whole network"), "95.00 %");
  EXPECT_EQ(stdat.text("paper"), "-7.74 %");
  EXPECT_NEAR(stdat.share("difference (mean)"), -0.08, closeness);
  EXPECT_NEAR(stdat.share("95 % low"), -0.08 - reach(0.002), closeness);
  EXPECT_NEAR(stdat.share("95 % high"), -0.08 + reach(0.002), closeness);
  EXPECT_NEAR(stdat.real("p"), p_of(0.08, 0.002), closeness);
  EXPECT_NEAR(stdat.real("p"), 0.000277662, 1e-9);
  EXPECT_NEAR(stdat.real("p (Holm)"), 3 * p_of(0.08, 0.002), closeness);
  EXPECT_EQ(stdat.text("folds x seeds"), "3 x 1");
  EXPECT_EQ(stdat.text("verdict"), "REPRODUCED") << "half-width 0.57 points";

  const Row csa = row_of(ablations, {{"variant", "without_csa"}});
  EXPECT_NEAR(csa.share("difference (mean)"), -0.02, closeness);
  EXPECT_NEAR(csa.real("p"), 1 - 3 / std::sqrt(11.0), closeness);
  EXPECT_NEAR(csa.real("p (Holm)"), 2 * (1 - 3 / std::sqrt(11.0)), closeness);
  EXPECT_EQ(csa.text("verdict"), "UNDERPOWERED") << "half-width 2.87 points";

  const Row contrastive = row_of(ablations, {{"variant", "without_contrastive"}});
  EXPECT_NEAR(contrastive.share("difference (mean)"), 0, closeness);
  EXPECT_NEAR(contrastive.real("p (Holm)"), 1, 1e-6);
  EXPECT_EQ(contrastive.text("verdict"), "NOT REPRODUCED") << "a part that matters less than claimed is not BETTER";

  EXPECT_EQ(claim("7.74 points", "verdict"), "REPRODUCED");
  EXPECT_EQ(claim("7.74 points", "ours"), "-8.00 %");
  EXPECT_EQ(claim("2.34 points", "verdict"), "UNDERPOWERED");
  EXPECT_EQ(claim("4.64 points", "verdict"), "NOT REPRODUCED");
  EXPECT_EQ(claim("98.80 %", "verdict"), "NOT REPRODUCED") << "95 %";
}

TEST_F(Report, AblationsUnderThePublishedPresetStandInRowsOfTheirOwn) {
  for (const char* preset : {"default", "faithful"})
    for (const char* variant : {"stdual_x", "without_csa"})
      for (std::int64_t fold = 0; fold < 3; ++fold) {
        RunSpec run = a_network(variant, fold);
        run.preset = preset;
        if (run.preset == "faithful") run.model.stem_layers = 0;
        add(run, run.preset == "faithful" ? (run.variant == "stdual_x" ? 920 : 910) : 950);
      }
  const TitledTable ablations = table("ablation");
  ASSERT_EQ(ablations.table.rows.size(), 2u);
  const Row faithful = row_of(ablations, {{"preset", "faithful"}});
  EXPECT_EQ(faithful.text("accuracy"), "91.00 %");
  EXPECT_EQ(faithful.text("whole network"), "92.00 %");
  EXPECT_EQ(row_of(ablations, {{"preset", "default"}}).text("difference (mean)"), "0.00 %");
}

TEST_F(Report, AnAblationOnAnOfficialSplitGetsABootstrapOverItsPeople) {
  for (std::int64_t seed = 1; seed <= 2; ++seed)
    for (const char* variant : {"stdual_x", "without_csa"}) {
      RunSpec run = official(a_network(variant, 0));
      run.seed = seed;
      add(run, run.variant == "stdual_x" ? 990 : 970);
    }
  const TitledTable ablations = table("ablation");
  const Row row = row_of(ablations, {{"variant", "without_csa"}});
  // Windows 970 to 989 are right with the whole network alone, twice; window i was worn by person i % 7 + 1.
  const std::vector<Cluster> people{{-6, 286}, {-6, 286}, {-6, 286}, {-4, 286}, {-6, 286}, {-6, 286}, {-6, 284}};
  const PairedResult expected = paired_cluster_bootstrap(people);
  EXPECT_NEAR(row.share("difference (mean)"), -0.02, closeness);
  EXPECT_NEAR(row.share("95 % low"), expected.difference.low, closeness);
  EXPECT_NEAR(row.share("95 % high"), expected.difference.high, closeness);
  EXPECT_NEAR(row.real("p"), 2.0 / 10001, closeness) << "worse for every person";
  EXPECT_EQ(row.text("folds x seeds"), "1 x 2");
  EXPECT_EQ(row.text("verdict"), "WITHIN TOLERANCE") << "0.34 points from -2.34, the interval is narrower";
}

TEST_F(Report, NoTableShowsARandomSplitAlone) {
  for (std::int64_t fold = 0; fold < 3; ++fold) {
    const std::vector<Disturbed> disturbed{{"missing_samples/0.1/last/1", 968}};
    const std::vector<Metric> metrics{{"silhouette", 0.58}, {"attention_entropy", 0.9}};
    add(random_windows(a_network("stdual_x", fold)), 988, disturbed, metrics, {{1, 1, 10, {0, 1, 1, 0}}});
    for (const char* variant : {"without_csa", "linear"}) add(random_windows(a_network(variant, fold)), 970);
  }
  for (const char* name : {"accuracy", "ablation", "baseline", "robustness", "embedding", "attention"}) {
    for (const TitledTable& made : tables({name})) {
      const Table& cells = made.table;
      ASSERT_GE(cells.rows.size(), 2u) << made.title;
      const Row first{&cells, cells.rows.data()}, second{&cells, cells.rows.data() + 1};
      EXPECT_THAT(first.text("protocol"), HasSubstr("by person (official")) << made.title;
      EXPECT_THAT(format_table({cells.columns, {cells.rows[0]}}, Format::csv), HasSubstr("NOT RUN")) << made.title;
      if (made.title != "embedding: Silhouette of the activities on the test part") { // there the plane's row comes between
        EXPECT_THAT(second.text("protocol"), HasSubstr("random windows")) << made.title;
      }
    }
  }
  EXPECT_EQ(claim("98.80 %", "verdict"), "NOT RUN") << "a random split answers no claim";
  EXPECT_EQ(claim("98.80 %", "on random windows"), "98.80 %");
  EXPECT_EQ(claim("96.78 %", "on random windows"), "96.80 %");
}

TEST_F(Report, ASplitBySessionAnswersAClaimButIsNoRowByPerson) {
  RunSpec challenge = official(a_network("stdual_x", 0, "opportunity"));
  challenge.protocol.kind = "challenge";
  add(challenge, 950);
  add(random_windows(a_network("stdual_x", 0, "opportunity")), 990);
  const TitledTable accuracy = table("accuracy");
  const auto rows = rows_of(accuracy, "opportunity");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].text("protocol"), "challenge split by session (people on both sides)");
  EXPECT_THAT(rows[1].text("protocol"), HasSubstr("by person (official"));
  EXPECT_EQ(rows[1].text("verdict"), "NOT RUN");
  EXPECT_EQ(claim("95.43 %", "ours"), "95.00 %");
  EXPECT_EQ(claim("95.43 %", "protocol"), "challenge split by session (people on both sides)");
  EXPECT_EQ(claim("95.43 %", "on random windows"), "99.00 %");
}

TEST_F(Report, OtherDataStandsInForTheClaimsWithoutADataSetAndForNoOthers) {
  for (std::int64_t fold = 0; fold < 3; ++fold) {
    add(a_network("stdual_x", fold, "dsads"), 950, {{"missing_samples/0.1/last/1", 940}}, {{"silhouette", 0.5826}});
    add(a_network("without_csa", fold, "dsads"), 927);
  }
  EXPECT_EQ(claim("96.78 %", "verdict"), "SUBSTITUTED DATA");
  EXPECT_EQ(claim("96.78 %", "data set"), "dsads");
  EXPECT_EQ(claim("2.34 points", "verdict"), "SUBSTITUTED DATA");
  EXPECT_EQ(claim("Silhouette", "verdict"), "SUBSTITUTED DATA");
  EXPECT_EQ(claim("7.74 points", "verdict"), "NOT RUN");
  for (const char* words : {"97.02 %", "95.43 %", "98.80 %"}) EXPECT_EQ(claim(words, "verdict"), "NOT RUN") << words;
  const TitledTable robustness = table("robustness"), accuracy = table("accuracy");
  EXPECT_EQ(row_of(robustness, {{"data set", "dsads"}}).text("verdict"), "SUBSTITUTED DATA");
  EXPECT_EQ(row_of(accuracy, {{"data set", "dsads"}, {"variant", "stdual_x"}}).text("verdict"), "no paper value");

  // One of the paper's own data sets goes before, also with worse numbers.
  add_folds("stdual_x", {900, 900, 900}, "pamap2");
  add_folds("without_csa", {890, 890, 890}, "pamap2");
  EXPECT_EQ(claim("2.34 points", "data set"), "pamap2");
  EXPECT_EQ(claim("2.34 points", "verdict"), "NOT REPRODUCED");
}

TEST_F(Report, EveryNetworkIsHeldAgainstTheLinearClassifier) {
  add_folds("stdual_x", {950, 960, 940});
  add_folds("deep_conv_lstm", {901, 905, 894});
  const TitledTable without = table("baseline");
  EXPECT_EQ(row_of(without, {{"compared with", "linear (the bar)"}}).text("verdict"), "NOT RUN");

  add_folds("linear", {900, 905, 895});
  const TitledTable baselines = table("baseline");
  ASSERT_EQ(baselines.table.rows.size(), 3u);
  const double whole_linear = p_of(0.05, 0.005), deep_whole = p_of(0.05, std::sqrt(21e-6)); // deviations 0.001, -0.005, 0.004
  const Row bar = row_of(baselines, {{"network", "stdual_x"}, {"compared with", "linear (the bar)"}});
  EXPECT_EQ(bar.text("accuracy"), "95.00 %");
  EXPECT_EQ(bar.text("its accuracy"), "90.00 %");
  EXPECT_NEAR(bar.share("difference (mean)"), 0.05, closeness);
  EXPECT_NEAR(bar.real("p"), whole_linear, closeness);
  EXPECT_NEAR(bar.real("p (Holm)"), std::max(3 * deep_whole, 2 * whole_linear), closeness);
  EXPECT_EQ(bar.text("verdict"), "PASSES THE BAR");
  const Row nothing_shown = row_of(baselines, {{"network", "deep_conv_lstm"}, {"compared with", "linear (the bar)"}});
  EXPECT_EQ(nothing_shown.text("verdict"), "DOES NOT PASS THE BAR");
  const Row beside = row_of(baselines, {{"network", "deep_conv_lstm"}, {"compared with", "stdual_x"}});
  EXPECT_NEAR(beside.share("difference (mean)"), -0.05, closeness);
  EXPECT_NEAR(beside.share("95 % low"), -0.05 - reach(std::sqrt(21e-6)), closeness);
  EXPECT_NEAR(beside.real("p (Holm)"), 3 * deep_whole, closeness);
  EXPECT_EQ(beside.text("verdict"), "BELOW");
  EXPECT_TRUE(tables({"ablation"}).at(0).table.columns == std::vector<std::string>{"verdict"}) << "no baseline is an ablation";
}

TEST_F(Report, RobustnessAveragesDrawsWithinARunAndComparesWithTheUndisturbedPart) {
  const std::array<std::array<std::int64_t, 2>, 3> right{{{940, 960}, {960, 960}, {980, 960}}}; // means 0.95 0.96 0.97
  for (std::size_t fold = 0; fold < 3; ++fold)
    add(a_network("stdual_x", static_cast<std::int64_t>(fold)), 980,
        {{"missing_samples/0.1/last/1", right[fold][0]},
         {"missing_samples/0.1/last/2", right[fold][1]},
         {"missing_sensor/1/zero", 700},
         {"noise/-5/1", 800},
         {"noise/10/1", 900}});
  const TitledTable robustness = table("robustness");
  ASSERT_EQ(robustness.table.rows.size(), 4u);
  const Row missing = row_of(robustness, {{"disturbance", "missing samples"}});
  EXPECT_EQ(missing.text("amount"), "10 % of the samples");
  EXPECT_EQ(missing.text("filled by"), "last");
  EXPECT_EQ(missing.text("draws"), "2");
  EXPECT_EQ(missing.text("paper"), "96.78 %");
  EXPECT_NEAR(missing.share("ours (mean)"), 0.96, closeness);
  EXPECT_NEAR(missing.share("95 % low"), 0.96 - reach(0.01), closeness);
  EXPECT_EQ(missing.text("undisturbed"), "98.00 %");
  EXPECT_NEAR(missing.share("difference (mean)"), -0.02, closeness);
  EXPECT_NEAR(missing.share("difference high"), -0.02 + reach(0.01), closeness);
  EXPECT_EQ(missing.text("folds x seeds"), "3 x 1");
  EXPECT_EQ(missing.text("verdict"), "UNDERPOWERED");
  const Row sensor = row_of(robustness, {{"disturbance", "missing sensor"}});
  EXPECT_EQ(sensor.text("amount"), "ankle");
  EXPECT_EQ(sensor.text("verdict"), "no paper value");
  const auto noise = rows_of(robustness, Wanted{{"disturbance", "noise"}});
  ASSERT_EQ(noise.size(), 2u);
  EXPECT_EQ(noise[0].text("amount"), "10 dB") << "from mild to harsh";
  EXPECT_EQ(noise[1].text("amount"), "-5 dB");
  EXPECT_EQ(claim("96.78 %", "ours"), "96.00 %");
  EXPECT_EQ(claim("96.78 %", "verdict"), "UNDERPOWERED");
}

TEST_F(Report, RobustnessOnAnOfficialSplitDrawsItsPeople) {
  add(official(a_network("stdual_x", 0)), 990, {{"missing_samples/0.1/last/1", 970}, {"missing_samples/0.1/last/2", 960}});
  const TitledTable robustness = table("robustness");
  const Row row = row_of(robustness, {{"disturbance", "missing samples"}});
  // Wrong from 970 or 960 on: of the persons (0 to 6 modulo 7) 4 4 4 4 5 5 4 or 5 6 6 6 6 6 5; from 990 on, undisturbed, 1 1 1 2 2 2 1.
  const std::vector<Cluster> level{{143 - 4.5, 143}, {143 - 5, 143},   {143 - 5, 143},  {143 - 5, 143},
                                   {143 - 5.5, 143}, {143 - 5.5, 143}, {142 - 4.5, 142}};
  const std::vector<Cluster> less{{-3.5, 143}, {-4, 143}, {-4, 143}, {-3, 143}, {-3.5, 143}, {-3.5, 143}, {-3.5, 142}};
  EXPECT_NEAR(row.share("ours (mean)"), 0.965, closeness);
  EXPECT_NEAR(row.share("95 % low"), cluster_bootstrap(level).low, closeness);
  EXPECT_NEAR(row.share("difference (mean)"), -0.025, closeness);
  EXPECT_NEAR(row.share("difference low"), cluster_bootstrap(less).low, closeness);
  EXPECT_EQ(row.text("verdict"), "WITHIN TOLERANCE") << "0.28 points from 96.78";
}

TEST_F(Report, TheSilhouetteStandsForTheEmbeddingAndForItsPlaneWhenAskedFor) {
  const std::array<double, 3> silhouettes{0.580, 0.585, 0.582};
  for (std::size_t fold = 0; fold < 3; ++fold) {
    const std::string run_id = add(a_network("stdual_x", static_cast<std::int64_t>(fold)), 950, {}, {{"silhouette", silhouettes[fold]}});
    if (fold < 2) request.plane_silhouettes[run_id] = 0.7;
  }
  const double deviation = std::sqrt((std::pow(7.0 / 3, 2) + std::pow(8.0 / 3, 2) + std::pow(1.0 / 3, 2)) / 2) / 1000;
  const TitledTable embedding = table("embedding");
  const Row own = row_of(embedding, {{"space", "embedding"}});
  EXPECT_EQ(own.text("paper"), "0.5826");
  EXPECT_NEAR(own.real("ours (mean)"), 1.747 / 3, closeness);
  EXPECT_NEAR(own.real("95 % low"), 1.747 / 3 - reach(deviation), closeness);
  EXPECT_EQ(own.text("verdict"), "REPRODUCED");
  const Row plane = row_of(embedding, {{"space", "t-SNE plane"}});
  EXPECT_EQ(plane.text("ours (mean)"), "0.7000");
  EXPECT_EQ(plane.text("folds x seeds"), "2 of 3 x 1, 2 of 3 runs");
  EXPECT_EQ(plane.text("verdict"), "UNDERPOWERED") << "a fold is missing";
  EXPECT_EQ(claim("Silhouette", "ours"), "0.5823");
  request.plane_silhouettes.clear();
  const TitledTable without = table("embedding");
  EXPECT_EQ(row_of(without, {{"space", "t-SNE plane"}}).text("verdict"), "NOT RUN");
}

TEST_F(Report, AttentionIsAveragedOverPeopleNotOverRuns) {
  // Person 1 is in the test part of two seeds; the rows are those of the querying sensor.
  const auto map = [](std::int64_t person, double wrist_to_ankle) {
    return AttentionMap{person, 1, 50, {1 - wrist_to_ankle, wrist_to_ankle, 0.5, 0.5}};
  };
  RunSpec again = a_network("stdual_x", 0);
  again.seed = 2;
  add(a_network("stdual_x", 0), 950, {}, {{"attention_entropy", 0.90}}, {map(1, 0.2)});
  add(again, 950, {}, {{"attention_entropy", 0.92}}, {map(1, 0.4)});
  add(a_network("stdual_x", 1), 950, {}, {{"attention_entropy", 0.95}}, {map(2, 0.7)});
  const auto made = tables({"attention"});
  ASSERT_EQ(made.size(), 2u);
  const Row entropy = row_of(made[0], {{"variant", "stdual_x"}});
  EXPECT_NEAR(entropy.real("entropy (uniform = 1)"), (0.91 + 0.95) / 2, closeness);
  EXPECT_EQ(entropy.text("folds x seeds"), "2 of 3 x 2");
  EXPECT_EQ(made[1].title, "attention by activity: uci-har");
  const Row wrist = row_of(made[1], {{"activity", "walking"}, {"sensor", "wrist"}});
  EXPECT_NEAR(wrist.real("to ankle"), (0.3 + 0.7) / 2, closeness);
  EXPECT_NEAR(wrist.real("to wrist"), 0.5, closeness);
  EXPECT_NEAR(wrist.real("largest deviation over people"), std::sqrt(2 * 0.2 * 0.2), closeness);
  EXPECT_EQ(wrist.text("people"), "2");
}

TEST_F(Report, SpeedAndMemoryAreJudgedOnThePapersHardwareAlone) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (std::int64_t fold = 0; fold < 3; ++fold) {
    const std::string run_id = add(a_network("stdual_x", fold), 950);
    store.record_efficiency({run_id,
                             "node1",
                             "cpu",
                             "cpu A",
                             1,
                             {{"latency_median", 0.003 + 0.001 * static_cast<double>(fold)},
                              {"latency_p99", 0.009},
                              {"windows_per_second_64", 500},
                              {"process_peak_bytes", 300e6},
                              {"allocator_peak_bytes", nan},
                              {"parameters", 951000},
                              {"flops", 12e6}}});
    store.record_efficiency(
        {run_id, "node2", "Tesla P100-PCIE-16GB GPU-1", "cuda", 1, {{"latency_median", 0.0016}, {"process_peak_bytes", 72.36e6}}});
  }
  const auto made = tables({"efficiency"});
  ASSERT_EQ(made.size(), 2u);
  const auto measure = [&](const std::string& words, const std::string& device = "cpu") {
    return row_of(made[0], {{"measure", words}, {"device", device}});
  };
  EXPECT_EQ(measure("latency of one window, median").text("ours (median)"), "4 ms");
  EXPECT_EQ(measure("latency of one window, median").text("paper"), "1.6 ms");
  EXPECT_EQ(measure("latency of one window, median").text("verdict"), "OTHER HARDWARE");
  EXPECT_EQ(measure("latency of one window, 99th percentile").text("verdict"), "no paper value");
  EXPECT_EQ(measure("windows a second, batch 64").text("ours (median)"), "500.0");
  EXPECT_EQ(measure("time of one window in a batch of 64").text("ours (median)"), "2 ms");
  EXPECT_EQ(measure("time of one window in a batch of 64").text("verdict"), "OTHER HARDWARE");
  EXPECT_EQ(measure("peak memory of the process, MB").text("ours (median)"), "300.00");
  EXPECT_EQ(measure("peak memory of the process, MB").text("paper"), "144.72");
  EXPECT_EQ(measure("parameters").text("ours (median)"), "951000");
  EXPECT_EQ(measure("FLOPs of one window").text("runs"), "3");
  EXPECT_TRUE(rows_of(made[0], Wanted{{"measure", "peak memory of the allocator, MB"}}).empty()) << "no number";
  const std::string p100 = "Tesla P100-PCIE-16GB GPU-1";
  EXPECT_EQ(measure("latency of one window, median", p100).text("verdict"), "REPRODUCED");
  EXPECT_EQ(measure("peak memory of the process, MB", p100).text("verdict"), "BETTER") << "half as much";
  EXPECT_EQ(claim("1.6 ms", "verdict"), "REPRODUCED") << "measured on the paper's hardware goes before";
  EXPECT_EQ(claim("144.72 MB", "verdict"), "BETTER");
  const Row training = row_of(made[1], {{"variant", "stdual_x"}});
  EXPECT_EQ(training.text("runs"), "3");
  EXPECT_EQ(training.text("windows a second"), "3000.0") << "9000 in 3 s";
  EXPECT_EQ(training.text("time of a run"), "6.0 s");
  EXPECT_NEAR(training.share("waiting for the group"), 0.25 / 3, closeness);
}

TEST_F(Report, SettingsOfOneVariantAreToldApartInEveryTable) {
  for (const double rate : {1e-3, 2e-3})
    for (const char* variant : {"stdual_x", "without_csa"}) {
      RunSpec run = a_network(variant, 0);
      run.training.learning_rate = rate;
      add(run, rate < 1.5e-3 ? 900 : 950, {{"noise/10/1", 800}}, {{"silhouette", 0.5}});
    }
  for (const char* name : {"accuracy", "ablation", "robustness", "embedding"}) {
    const TitledTable made = table(name);
    const auto rows =
        rows_of(made, Wanted{{"data set", "uci-har"}, {"variant", "without_csa"}, {"differs in", "training.learning_rate=0.001"}});
    EXPECT_EQ(rows.size(), std::string(name) == "embedding" ? 2u : 1u) << name;
  }
}

TEST_F(Report, TheQueriesOfTheReadmeRun) {
  add(a_network("stdual_x", 0), 950, {{"missing_samples/0.1/last/1", 900}}, {},
      {{1, 1, 10, {0.25, 0.75, 0.5, 0.5}}, {2, 1, 10, {0, 1, 1, 0}}});
  add(a_network("without_csa", 0), 940);
  std::ifstream readme(std::string(STDUALX_SOURCE_DIR) + "/README.md");
  std::vector<Table> answers;
  std::string sql;
  bool inside = false;
  Reader reader(file);
  for (std::string line; std::getline(readme, line);) {
    if (line.starts_with("```")) {
      inside = line == "```sql";
      continue;
    }
    if (!inside) continue;
    sql += line + "\n";
    if (!line.ends_with(";")) continue;
    answers.push_back(reader.query(sql));
    sql.clear();
  }
  ASSERT_EQ(answers.size(), 3u);
  ASSERT_EQ(answers[0].rows.size(), 7u) << "people of the whole network";
  EXPECT_EQ(answers[0].rows[0].at(1), Cell(Real{0.944})) << "the hardest one: 8 of 143 wrong";
  ASSERT_EQ(answers[1].rows.size(), 1u);
  EXPECT_EQ(cell_text(answers[1].rows[0].back()), "-0.05");
  ASSERT_EQ(answers[2].rows.size(), 4u);
  EXPECT_EQ(answers[2].rows[0], (std::vector<Cell>{"wrist", "ankle", Real{0.875}}));
}

TEST_F(Report, EveryFormatTakesEveryTable) {
  add(a_network("stdual_x", 0), 950, {{"noise/10/1", 800}}, {{"silhouette", 0.5}, {"attention_entropy", 0.9}}, {{1, 1, 10, {0, 1, 1, 0}}});
  add(a_network("without_csa", 0), 940);
  add(a_network("linear", 0), 900);
  Reader reader(file);
  for (const Format format : {Format::table, Format::csv, Format::json, Format::markdown, Format::latex}) {
    const std::string text = format_tables(report(reader, {}), format);
    for (const char* title :
         {"claims of the paper", "accuracy on the test part", "ablations: without a part", "baselines", "robustness: accuracy",
          "embedding: Silhouette", "attention: entropy", "attention by activity: uci-har", "efficiency: what training cost"})
      EXPECT_THAT(text, HasSubstr(title));
  }
}

} // namespace
} // namespace stdualx
