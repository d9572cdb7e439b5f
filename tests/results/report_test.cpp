// Every table of the report, its cells and verdicts computed by hand (report_fixture.h); ablation_report_test.cpp has the ablations.
#include "report_fixture.h"

#include <gmock/gmock.h>

#include <fstream>
#include <limits>

namespace stdualx {
namespace {

using ::testing::HasSubstr;

TEST_F(Report, AnEmptyStoreNamesEveryClaimOnceAsNotRun) {
  Reader reader(file);
  const auto all = report(reader, {});
  ASSERT_EQ(all.size(), 2u) << "the claims, and the accuracies";
  ASSERT_EQ(all[0].table.rows.size(), 10u);
  for (const auto& cells : all[0].table.rows) EXPECT_EQ((Row{&all[0].table, &cells}.text("verdict")), "NOT RUN");
  std::vector<std::string> paper;
  for (const auto& cells : all[0].table.rows) paper.push_back(cell_text(cells[1]));
  EXPECT_THAT(paper, ::testing::ElementsAre("97.02 %", "95.43 %", "98.80 %", "-7.74 points", "-2.34 points", "-4.64 points", "0.5826",
                                            "96.78 %", "1.6 ms", "144.72"));
}

TEST_F(Report, TablesAreChosenByName) {
  EXPECT_THAT(message_of<InputError>([&] { tables({"ablations"}); }), HasSubstr("ablation"));
  const TitledTable nothing = table("robustness");
  EXPECT_EQ(cell_text(nothing.table.rows.at(0).at(0)), "NOT RUN");
  EXPECT_EQ(tables({"accuracy", "claims"}).at(0).title, "claims of the paper");
}

TEST_F(Report, NothingPrintedLiesBeyondWhatIsPossible) {
  // Two folds far apart: 29.08 to 119.25 % was printed of such.
  for (std::int64_t fold = 0; fold < 2; ++fold)
    for (const char* variant : {"stdual_x", "without_csa", "linear"}) {
      RunSpec run = a_network(variant, fold);
      run.protocol.folds = 2;
      const bool good = (fold == 0) == (run.variant == "stdual_x");
      add(run, good ? 990 : 300, {{"noise/10/1", good ? 980 : 5}},
          {{"silhouette", good ? 0.98 : -0.7}, {"attention_entropy", good ? 0.99 : 0.2}});
    }
  for (std::int64_t fold = 0; fold < 2; ++fold) {
    RunSpec run = a_network("stdual_x", fold);
    run.protocol.folds = 2;
    store.record_efficiency(
        {run_identity(run), "node2", "Tesla P100", "cuda", 1, {{"latency_median", fold == 0 ? 0.0001 : 0.1}, {"process_peak_bytes", 1e6}}});
  }
  std::int64_t numbers = 0;
  for (const TitledTable& made : tables({}))
    for (const auto& cells : made.table.rows)
      for (std::size_t c = 0; c < cells.size(); ++c) {
        const std::string where = made.title + ", " + made.table.columns[c] + ": " + cell_text(cells[c]);
        if (const auto* share = std::get_if<Percent>(&cells[c])) {
          EXPECT_GE(share->share, share->sign ? -1 : 0) << where;
          EXPECT_LE(share->share, 1) << where;
          EXPECT_EQ(share->sign, made.table.columns[c].find("difference") != std::string::npos ||
                                     (made.title == "ablations: without a part, less the network that has it" &&
                                      (made.table.columns[c].starts_with("95 %") || made.table.columns[c] == "paper")) ||
                                     (made.title == "baselines" && made.table.columns[c].starts_with("95 %")) ||
                                     (made.title == "claims of the paper" && cell_text(cells[0]).find("points") != std::string::npos))
              << where;
          ++numbers;
        } else if (const auto* time = std::get_if<Duration>(&cells[c])) {
          EXPECT_GE(time->seconds, 0) << where;
          ++numbers;
        } else if (const auto* real = std::get_if<Real>(&cells[c]); real != nullptr && made.title.starts_with("embedding")) {
          const bool difference = made.table.columns[c] == "difference";
          EXPECT_LE(std::abs(real->value), difference ? 2 : 1) << where;
          ++numbers;
        } else if (real != nullptr && (made.title.starts_with("attention") || made.table.columns[c].starts_with("p"))) {
          EXPECT_GE(real->value, 0) << where;
          ++numbers;
        }
      }
  EXPECT_GT(numbers, 60);
  const TitledTable accuracy = table("accuracy");
  const Row row = row_of(accuracy, {{"data set", "uci-har"}, {"variant", "stdual_x"}});
  EXPECT_GT(row.share("95 % high") - row.share("95 % low"), 0.9) << "two folds that far apart say nothing";
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
    add(a_network("stdual_x", fold, "dsads"), 950 + fold, {{"missing_samples/0.1/last/1", 940}}, {{"silhouette", 0.5826}});
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
  add_folds("stdual_x", {900, 901, 902}, "pamap2");
  add_folds("without_csa", {890, 892, 891}, "pamap2");
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
  EXPECT_NEAR(missing.share("95 % low"), share_end(0.96, 0.01, -1), closeness);
  EXPECT_NEAR(missing.share("95 % high"), share_end(0.96, 0.01, 1), closeness);
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
  const std::vector<std::vector<Cluster>> level{{{143 - 4.5, 143}}, {{143 - 5, 143}},   {{143 - 5, 143}},  {{143 - 5, 143}},
                                                {{143 - 5.5, 143}}, {{143 - 5.5, 143}}, {{142 - 4.5, 142}}};
  const std::vector<std::vector<Cluster>> less{{{-3.5, 143}}, {{-4, 143}},   {{-4, 143}},  {{-3, 143}},
                                               {{-3.5, 143}}, {{-3.5, 143}}, {{-3.5, 142}}};
  const Interval ours = logit_interval(0.965, crossed_spread(ratio_contributions(level)));
  EXPECT_NEAR(row.share("ours (mean)"), 0.965, closeness);
  EXPECT_NEAR(row.share("95 % low"), ours.low, closeness);
  EXPECT_NEAR(row.share("95 % high"), ours.high, closeness);
  EXPECT_NEAR(row.share("difference (mean)"), -0.025, closeness);
  EXPECT_NEAR(row.share("difference low"), difference_interval(-0.025, crossed_spread(ratio_contributions(less))).low, closeness)
      << "one seed is enough for what one trained network does";
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
  // Half of 1 + Silhouette is a share.
  EXPECT_NEAR(own.real("95 % low"), 2 * share_end((1 + 1.747 / 3) / 2, deviation / 2, -1) - 1, closeness);
  EXPECT_NEAR(own.real("95 % high"), 2 * share_end((1 + 1.747 / 3) / 2, deviation / 2, 1) - 1, closeness);
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

TEST_F(Report, TheQueriesOfTheDocumentationRun) {
  add(a_network("stdual_x", 0), 950, {{"missing_samples/0.1/last/1", 900}}, {},
      {{1, 1, 10, {0.25, 0.75, 0.5, 0.5}}, {2, 1, 10, {0, 1, 1, 0}}});
  add(a_network("without_csa", 0), 940);
  std::ifstream document(std::string(STDUALX_SOURCE_DIR) + "/docs/queries.md");
  std::vector<Table> answers;
  std::string sql;
  bool inside = false;
  Reader reader(file);
  for (std::string line; std::getline(document, line);) {
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
  ASSERT_EQ(answers.size(), 4u);
  ASSERT_EQ(answers[0].rows.size(), 7u) << "people of the whole network";
  EXPECT_EQ(answers[0].rows[0].at(1), Cell(Real{0.944})) << "the hardest one: 8 of 143 wrong";
  ASSERT_EQ(answers[1].rows.size(), 50u) << "windows that are wrong";
  EXPECT_NE(answers[1].rows[0].at(3), answers[1].rows[0].at(4));
  ASSERT_EQ(answers[2].rows.size(), 1u);
  EXPECT_EQ(cell_text(answers[2].rows[0].back()), "-0.05");
  ASSERT_EQ(answers[3].rows.size(), 4u);
  EXPECT_EQ(answers[3].rows[0], (std::vector<Cell>{"wrist", "ankle", Real{0.875}}));
}

TEST_F(Report, EveryFormatTakesEveryTable) {
  add(a_network("stdual_x", 0), 950, {{"noise/10/1", 800}}, {{"silhouette", 0.5}, {"attention_entropy", 0.9}}, {{1, 1, 10, {0, 1, 1, 0}}});
  add(a_network("without_csa", 0), 940);
  add(a_network("linear", 0), 900);
  Reader reader(file);
  for (const Format format : {Format::table, Format::csv, Format::json, Format::markdown, Format::latex}) {
    const std::string text = format_tables(report(reader, {}), format);
    for (const char* title :
         {"claims of the paper", "accuracy on the test part", "ablations: without a part, less", "baselines", "robustness: accuracy",
          "embedding: Silhouette", "attention: entropy", "attention by activity: uci-har", "efficiency: what training cost"})
      EXPECT_THAT(text, HasSubstr(title));
  }
}

} // namespace
} // namespace stdualx
