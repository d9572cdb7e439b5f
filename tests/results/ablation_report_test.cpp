// The table of ablations: who is the ablation, what is said of the difference, and when nothing is.
#include "report_fixture.h"

namespace stdualx {
namespace {

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
  EXPECT_EQ(stdat.text("without"), "stdat");
  EXPECT_EQ(stdat.text("compared with"), "stdual_x");
  EXPECT_EQ(stdat.text("its accuracy"), "95.00 %");
  EXPECT_EQ(stdat.text("paper"), "-7.74 points");
  EXPECT_NEAR(stdat.share("difference (mean)"), -0.08, closeness);
  EXPECT_NEAR(stdat.share("95 % low"), -0.08 - reach(0.002), closeness);
  EXPECT_NEAR(stdat.share("95 % high"), -0.08 + reach(0.002), closeness);
  EXPECT_NEAR(stdat.real("p"), p_of(0.08, 0.002), closeness);
  EXPECT_NEAR(stdat.real("p"), 0.000277662, 1e-9);
  EXPECT_NEAR(stdat.real("p (Holm)"), 3 * p_of(0.08, 0.002), closeness);
  EXPECT_EQ(stdat.text("folds x seeds"), "3 x 3");
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
  EXPECT_EQ(claim("7.74 points", "ours"), "-8.00 points");
  EXPECT_EQ(claim("2.34 points", "verdict"), "UNDERPOWERED");
  EXPECT_EQ(claim("4.64 points", "verdict"), "NOT REPRODUCED");
  EXPECT_EQ(claim("98.80 %", "verdict"), "NOT REPRODUCED") << "95 %, at most 96.95";
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
  EXPECT_EQ(faithful.text("its accuracy"), "92.00 %");
  EXPECT_EQ(row_of(ablations, {{"preset", "default"}}).text("difference (mean)"), "0.00 points");
}

/// Windows right of the three seeds of an official split: whole network, without CSA.
constexpr std::array<std::array<std::int64_t, 2>, 3> official_right{{{990, 970}, {985, 975}, {992, 965}}};

TEST_F(Report, AnAblationOnAnOfficialSplitDrawsPeopleAndSeeds) {
  for (std::int64_t seed = 1; seed <= 3; ++seed)
    for (const char* variant : {"stdual_x", "without_csa"}) {
      RunSpec run = official(a_network(variant, 0));
      run.seed = seed;
      add(run, official_right[static_cast<std::size_t>(seed - 1)][run.variant == "stdual_x" ? 0 : 1]);
    }
  const TitledTable ablations = table("ablation");
  const Row row = row_of(ablations, {{"variant", "without_csa"}});
  // Windows from the second to the first number are right with the whole network alone; window i was worn by person i % 7.
  std::vector<std::vector<Cluster>> people(7, std::vector<Cluster>(3));
  for (std::size_t seed = 0; seed < 3; ++seed)
    for (std::int64_t i = 0; i < 1000; ++i) {
      Cluster& person = people[static_cast<std::size_t>(i % 7)][seed];
      person.windows += 1;
      person.hits -= i >= official_right[seed][1] && i < official_right[seed][0] ? 1 : 0;
    }
  const Spread spread = crossed_spread(ratio_contributions(people));
  EXPECT_GT(spread.variance, 0.00002) << "the seeds' differences, 20, 10 and 27 windows, are most of it";
  EXPECT_LT(spread.degrees, 3);
  EXPECT_NEAR(row.share("difference (mean)"), -0.019, closeness);
  EXPECT_NEAR(row.share("95 % low"), difference_interval(-0.019, spread).low, closeness);
  EXPECT_NEAR(row.share("95 % high"), difference_interval(-0.019, spread).high, closeness);
  EXPECT_NEAR(row.real("p"), difference_test(-0.019, spread).p, closeness);
  EXPECT_GT(row.real("p"), 0.01) << "worse for every person, but only three trainings";
  EXPECT_EQ(row.text("folds x seeds"), "1 x 3");
  EXPECT_EQ(row.text("verdict"), "UNDERPOWERED") << "-2.34 lies within, but the interval is wide";
}

TEST_F(Report, WithFewerThanThreeSeedsNothingIsSaidOfTwoTrainedNetworks) {
  for (std::int64_t seed = 1; seed <= 2; ++seed)
    for (const char* variant : {"stdual_x", "without_csa", "linear"}) {
      RunSpec run = official(a_network(variant, 0));
      run.seed = seed;
      add(run, run.variant == "stdual_x" ? 990 : 966 + 2 * seed);
    }
  add_seeds("stdual_x", {950, 960, 940}, 2, "pamap2");
  add_seeds("without_csa", {930, 937, 913}, 2, "pamap2");
  add_seeds("linear", {800, 812, 790}, 2, "pamap2");
  for (const char* name : {"ablation", "baseline"})
    for (const TitledTable& made : tables({name}))
      for (const auto& cells : made.table.rows) {
        const Row row{&made.table, &cells};
        EXPECT_EQ(row.text("verdict"), "UNDERPOWERED") << name << " " << row.text("data set");
        EXPECT_EQ(row.text("p"), "—");
        EXPECT_EQ(row.text("p (Holm)"), "—");
        // Over folds the interval says how far folds differ; on one test part training noise would be in nothing that it knows.
        EXPECT_EQ(row.text("95 % low") == "—", row.text("data set") == "uci-har") << name;
      }
  EXPECT_EQ(claim("2.34 points", "verdict"), "UNDERPOWERED");
  const TitledTable accuracy = table("accuracy");
  EXPECT_NE(row_of(accuracy, {{"data set", "uci-har"}, {"variant", "without_csa"}}).text("95 % low"), "—") << "of one network";
}

TEST_F(Report, EqualDifferencesInEveryFoldHaveNoPAndNoVerdict) {
  add_folds("stdual_x", {950, 960, 940});
  add_folds("without_csa", {927, 937, 917});
  const TitledTable ablations = table("ablation");
  const Row row = row_of(ablations, {{"variant", "without_csa"}});
  EXPECT_EQ(row.text("difference (mean)"), "-2.30 points");
  EXPECT_EQ(row.text("95 % low"), "—");
  EXPECT_EQ(row.text("p"), "—");
  EXPECT_EQ(row.text("verdict"), "UNDERPOWERED");
}

TEST_F(Report, AnAblationIsTheSideThatLacksThePartWhateverItIsCalled) {
  const std::array<std::int64_t, 3> jitter{0, 3, -4};
  for (std::size_t fold = 0; fold < 3; ++fold)
    for (std::int64_t seed = 1; seed <= 3; ++seed) {
      const auto run = [&](const std::string& variant, bool csa, bool position, std::int64_t right, double learning_rate = 1e-3) {
        RunSpec spec = a_run(static_cast<std::int64_t>(fold), seed);
        spec.variant = variant;
        spec.model.cross_sensor_attention = csa;
        spec.model.position = position;
        spec.training.learning_rate = learning_rate;
        add(spec, right + (csa ? jitter[fold] : 0));
      };
      run("stdual_x", false, true, 930); // a grid: the network itself without the part, and with it
      run("stdual_x", true, true, 950);
      run("stdual_x", true, false, 900);
      run("stdual_x", true, false, 900, 2e-3); // told to leave the position out, and a variant that has it all the same
      run("with_position", true, true, 955, 2e-3);
    }
  const TitledTable ablations = table("ablation");
  const Row grid = row_of(ablations, {{"without", "cross sensor attention"}, {"compared with", "stdual_x"}});
  EXPECT_EQ(grid.text("variant"), "stdual_x");
  EXPECT_NEAR(grid.share("difference (mean)"), -0.02 + 1e-3 / 3, closeness);
  EXPECT_EQ(grid.text("paper"), "-2.34 points") << "the part is the paper's, whatever the variant's name";
  const Row turned = row_of(ablations, {{"without", "position"}, {"compared with", "with_position"}});
  EXPECT_EQ(turned.text("variant"), "stdual_x");
  EXPECT_EQ(turned.text("difference (mean)"), "-5.50 points");
  EXPECT_EQ(turned.text("paper"), "—");
  EXPECT_EQ(row_of(ablations, {{"without", "position"}, {"compared with", "stdual_x"}}).text("difference (mean)"), "-5.00 points");
  for (const auto& cells : ablations.table.rows) EXPECT_LT((Row{&ablations.table, &cells}.share("difference (mean)")), 0);
}

TEST_F(Report, TheViewOfAblationsNamesThePartAndTheSideThatHasIt) {
  const auto run = [&](const std::string& variant, bool csa, bool position, double learning_rate = 1e-3) {
    RunSpec spec = a_run();
    spec.variant = variant;
    spec.training.learning_rate = learning_rate;
    spec.model.cross_sensor_attention = csa;
    spec.model.position = position;
    add(spec, 950);
  };
  run("stdual_x", true, true);
  run("stdual_x", false, true);
  run("stdual_x", true, false);
  run("stdual_x", true, false, 2e-3);
  run("with_position", true, true, 2e-3);
  run("with_position", true, true, 3e-3);
  run("other", true, false, 3e-3); // beside with_position neither is the network that the sweep is about
  Reader reader(file);
  EXPECT_EQ(text_at(reader, "SELECT group_concat(part || ': ' || variant || ', ' || whole_variant || ' ' || lacks_nothing, '; ') FROM "
                            "(SELECT * FROM v_ablation ORDER BY part, variant, whole_variant)"),
            "cross_sensor_attention: stdual_x, stdual_x 1; position: stdual_x, stdual_x 1; position: stdual_x, with_position 1");
}

TEST_F(Report, ADropFromANetworkThatLacksSomethingElseIsNoneOfThePapers) {
  for (std::int64_t fold = 0; fold < 3; ++fold)
    for (const bool csa : {true, false}) {
      RunSpec run = a_network(csa ? "stdual_x" : "without_csa", fold);
      run.model.position = false;
      add(run, csa ? 950 : 930 + fold);
    }
  const TitledTable ablations = table("ablation");
  EXPECT_EQ(row_of(ablations, {{"without", "cross sensor attention"}}).text("paper"), "—");
  EXPECT_EQ(claim("2.34 points", "verdict"), "NOT RUN");
}

} // namespace
} // namespace stdualx
