// A plan: the same sweep gives the same runs, a larger one the old runs and the new ones.
#include "data_fixtures.h"
#include "sweep_fixture.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>

namespace stdualx::sweep_tests {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::set<std::string> identities(const Plan& plan) {
  std::set<std::string> ids;
  for (const auto& planned : plan.runs) ids.insert(planned.run_id);
  return ids;
}

TEST(Plan, IsAFunctionOfTheSweep) {
  const std::string text =
      small_sweep(R"(, "grid": {"training.epochs": [1, 2]}, "seeds": [1, 2], "variants": ["stdual_x", "without_csa"])");
  const Plan one = plan_of(text), other = plan_of(text);
  EXPECT_EQ(to_json_all(one), to_json_all(other));
  EXPECT_EQ(one.runs.size(), 24u); // 3 folds, 2 settings, 2 seeds, 2 variants
  EXPECT_EQ(identities(one).size(), 24u);
  for (const auto& planned : one.runs) EXPECT_EQ(planned.run_id, run_identity(planned.run));
}

TEST(Plan, TwoMoreValuesInAGridAreNKnownAndTwoNewRuns) {
  const auto plan = [](const std::string& values) {
    return plan_of(small_sweep(R"(, "folds": [0], "grid": {"training.learning_rate": [)" + values + "]}"));
  };
  const auto before = identities(plan("1e-3, 2e-3, 4e-3")), after = identities(plan("5e-4, 1e-3, 0.002, 4e-3, 8e-3"));
  EXPECT_EQ(before.size(), 3u);
  EXPECT_EQ(after.size(), 5u);
  EXPECT_TRUE(std::includes(after.begin(), after.end(), before.begin(), before.end()));
}

TEST(Plan, KeyOrderWhiteSpaceAndWaysToWriteANumberChangeNoIdentity) {
  const Plan one = plan_of(
      R"({"name": "n", "dataset": "watch", "fixed": {"training": {"epochs": 3, "learning_rate": 0.001}}, "protocols": [{"kind": "random", "folds": 2}]})");
  const Plan other = plan_of(R"({
    "$schema": "sweep.schema.json", "description": "for people",
    "protocols": [ {"folds": 2.0, "kind": "random"} ],
    "fixed": {"training": {"learning_rate": 1e-3, "epochs": 3e0}},
    "dataset": "watch", "name": "n"})");
  EXPECT_EQ(one.sweep_id, other.sweep_id);
  EXPECT_EQ(one.sweep_text, other.sweep_text);
  EXPECT_EQ(one.sweep_id, sha256_hex(one.sweep_text));
  EXPECT_EQ(identities(one), identities(other));
}

TEST(Plan, ItsTextIsTheSweepAgainOverridesIncluded) {
  const std::string text = small_sweep(R"(, "grid": {"training.epochs": [1, 2]})");
  const Plan plan = plan_of(text, {"name=other", "training.learning_rate=5e-3"});
  EXPECT_NE(plan.sweep_id, plan_of(text).sweep_id);
  EXPECT_EQ(to_json_all(plan_of(plan.sweep_text)), to_json_all(plan));
}

TEST(Plan, AnotherNameIsAnotherSweepOfTheSameRuns) {
  const Plan one = plan_of(small_sweep()), other = plan_of(small_sweep(), {"name=other"});
  EXPECT_NE(one.sweep_id, other.sweep_id);
  EXPECT_EQ(identities(one), identities(other));
}

TEST(Plan, WidestGroupsComeFirstElseTheSweepsOrder) {
  const Plan plan = plan_of(small_sweep(
      R"(, "variants": ["stdual_x", "without_csa", {"name": "pair", "ranks": 2, "folds": [2, 1]}, {"name": "four", "ranks": 4, "folds": [1]}], "folds": [0, 1])"));
  std::vector<std::string> order;
  for (const auto& planned : plan.runs) order.push_back(planned.run.variant + " " + std::to_string(planned.run.fold));
  EXPECT_EQ(order, (std::vector<std::string>{"four 1", "pair 1", "pair 2", "stdual_x 0", "without_csa 0", "stdual_x 1", "without_csa 1"}));
  EXPECT_EQ(plan.runs[0].run.world_size, 4);
}

TEST(Plan, LeavesNothingOpen) {
  const Plan plan =
      plan_of(small_sweep(R"(, "resources": {"ranks_per_run": 2, "threads": 3}, "windows": {"stride": 32}, "conditions": ["clean"])"));
  ASSERT_EQ(plan.runs.size(), 3u);
  for (const PlannedRun& planned : plan.runs) {
    const RunSpec& run = planned.run;
    EXPECT_EQ(run.windows, (WindowSpec{128, 32, 0.5}));
    EXPECT_EQ(run.dataset_hash, "0123456789abcdef");
    EXPECT_EQ(run.world_size, 2);
    EXPECT_EQ(run.threads, 3);
    EXPECT_EQ(run.seed, 1);
    EXPECT_EQ(run.variant, "stdual_x");
  }
  EXPECT_EQ(plan.runs.at(0).evaluations, std::vector<EvaluationSpec>{{}});
}

TEST(Plan, EachValidationGroupIsAFold) {
  const Plan plan = plan_of(
      R"({"name": "n", "dataset": "uci_har", "protocols": [{"kind": "official", "validation_groups": [[3, 1], [5, 6, 7]], "open_test": false}]})");
  ASSERT_EQ(plan.runs.size(), 2u);
  EXPECT_EQ(plan.runs[0].run.fold, 0);
  EXPECT_EQ(plan.runs[0].run.protocol.validation_people, (std::vector<std::int64_t>{1, 3}));
  EXPECT_EQ(plan.runs[1].run.fold, 1);
  EXPECT_EQ(plan.runs[1].run.protocol.validation_people, (std::vector<std::int64_t>{5, 6, 7}));
  EXPECT_FALSE(plan.runs[1].run.protocol.open_test);
}

TEST(Plan, WhatDecidesNothingIsInNoIdentity) {
  const auto ids = [](const std::string& protocol) {
    return identities(plan_of("{\"name\": \"n\", \"dataset\": \"d\", \"protocols\": [" + protocol + "]}"));
  };
  EXPECT_EQ(ids(R"({"kind": "official", "validation": false})"),
            ids(R"({"kind": "official", "validation": false, "validation_share": 0.3, "split_seed": 5})"));
  EXPECT_NE(ids(R"({"kind": "official"})"), ids(R"({"kind": "official", "split_seed": 5})"));
  EXPECT_EQ(ids(R"({"kind": "official", "validation_people": [3, 1]})"), ids(R"({"kind": "official", "validation_people": [1, 3]})"));
}

/// A manifest of three people, each with ten samples, and the sweeps that name it.
struct TinyData {
  test::TemporaryFolder folder;
  std::filesystem::path manifest;

  explicit TinyData(const std::string& place = "here", const std::string& name = "gym",
                    const std::string& windows = R"({"steps": 8, "stride": 2})") {
    write(place, name, windows);
  }
  void write(const std::string& place, const std::string& name, const std::string& windows) {
    manifest = folder.path() / place / "manifest.json";
    std::string csv = "person,label,x\n";
    for (int i = 0; i < 30; ++i) csv += std::to_string(i / 10) + (i % 10 < 5 ? ",a," : ",b,") + std::to_string(i) + "\n";
    test::write_text(manifest.parent_path() / "tiny.csv", csv);
    test::write_text(manifest, R"({"name": ")" + name + R"(", "rate": 10, "files": ["tiny.csv"], "classes": ["a", "b"],
        "sensors": [{"name": "wrist", "columns": ["x"]}], "windows": )" +
                                   windows + "}");
  }
  Plan plan(const std::string& protocol = R"({"kind": "random", "folds": 2})", const std::string& more = "",
            const std::vector<std::string>& overrides = {}) const {
    return plan_of_path(manifest, protocol, more, overrides);
  }
  Plan plan_of_path(const std::filesystem::path& path, const std::string& protocol, const std::string& more = "",
                    const std::vector<std::string>& overrides = {}) const {
    const std::string sweep = R"({"name": "n", "dataset": ")" + path.string() + "\",\n\"protocols\": [\n" + protocol + "]" + more + "}";
    return make_plan(load_sweep_text(sweep, "s.json", overrides), folder.data_paths());
  }
  std::string error(const std::string& protocol, const std::string& more = "", const std::vector<std::string>& overrides = {}) const {
    return message_of([&] { plan(protocol, more, overrides); });
  }
  std::size_t cache_files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder.path() / "cache"), {}));
  }
};

TEST(PlanOfAManifest, WhereItLiesIsInNoIdentity) {
  TinyData data("here");
  const Plan here = data.plan();
  data.write("there", "gym", R"({"steps": 8, "stride": 2})");
  const Plan there = data.plan();
  ASSERT_EQ(here.runs.size(), 2u);
  EXPECT_EQ(here.runs[0].run.dataset, "gym");
  EXPECT_EQ(identities(here), identities(there));
  EXPECT_EQ(there.runs[0].dataset_source, (data.folder.path() / "there/manifest.json").string());
  data.write("here", "hall", R"({"steps": 8, "stride": 2})");
  EXPECT_NE(identities(here), identities(data.plan()));
}

TEST(PlanOfAManifest, ItIsLookedForBesideTheSweepFirst) {
  const TinyData data("here");
  const auto sweep = data.folder.path() / "here/sweep.json";
  test::write_text(sweep, R"({"name": "n", "dataset": "manifest.json", "protocols": [{"kind": "random", "folds": 2}]})");
  const Sweep read = load_sweep(sweep);
  const std::string beside = (data.folder.path() / "here/manifest.json").string();
  EXPECT_EQ(read.parts.at(0).dataset, beside);
  const auto frozen = data.folder.path() / "submission/sweep.json"; // as a job gets it
  test::write_text(frozen, sweep_with_places(make_plan(read, data.folder.data_paths()), sweep));
  EXPECT_EQ(load_sweep(frozen).parts.at(0).dataset, beside);
  EXPECT_EQ(load_sweep(frozen).id, read.id);
  EXPECT_EQ(make_plan(read, data.folder.data_paths()).runs.size(), 2u);
  EXPECT_EQ(load_sweep(sweep, {"dataset=manifest.json"}).parts.at(0).dataset, "manifest.json") << "typed where the program runs";
  test::write_text(sweep, R"({"name": "n", "dataset": "elsewhere.json", "protocols": [{"kind": "random", "folds": 2}]})");
  EXPECT_EQ(message_of([&] { load_sweep(sweep); }),
            sweep.string() + ":1: /dataset: there is no manifest 'elsewhere.json'; looked at " +
                (data.folder.path() / "here/elsewhere.json").string() + " (beside the sweep file) and " +
                (std::filesystem::current_path() / "elsewhere.json").string() + " (where the command runs)");
}

TEST(PlanOfAManifest, TwoClonesOfASweepAreOneSweep) {
  TinyData data("one");
  data.write("two", "gym", R"({"steps": 8, "stride": 2})");
  std::vector<Sweep> read;
  for (const char* clone : {"one", "two"}) {
    const auto sweep = data.folder.path() / clone / "sweep.json";
    test::write_text(sweep, R"({"name": "n", "dataset": "manifest.json", "protocols": [{"kind": "random", "folds": 2}]})");
    read.push_back(load_sweep(sweep));
  }
  EXPECT_EQ(read[0].id, read[1].id);
  EXPECT_NE(read[0].parts.at(0).dataset, read[1].parts.at(0).dataset);
}

TEST(PlanOfAManifest, ItsLabelThresholdCountsUnlessTheSweepSaysOtherwise) {
  // Of the windows 0 to 7 and 2 to 9 of each person five labels of eight are alike.
  const TinyData data("here", "gym", R"({"steps": 8, "stride": 2, "label_threshold": 0.6})");
  const std::string random = R"({"kind": "random", "folds": 2})";
  EXPECT_EQ(data.plan().runs.at(0).run.windows, (WindowSpec{8, 2, 0.6}));
  EXPECT_EQ(data.plan(random, "", {"windows.label_threshold=0.5"}).runs.at(0).run.windows, (WindowSpec{8, 2, 0.5}));
  EXPECT_THAT(data.error(random, "", {"windows.label_threshold=0.7"}), HasSubstr("yields no window"));
  const TinyData strict("here", "gym", R"({"steps": 8, "stride": 2, "label_threshold": 0.7})");
  EXPECT_THAT(strict.error(random), HasSubstr("no label covers a share of 0.7"));
}

TEST(PlanOfAManifest, PlannersAndTrainersShareOneCacheFile) {
  const TinyData data;
  const Plan plan = data.plan();
  EXPECT_EQ(data.cache_files(), 1u);
  open_window_set(plan.runs.at(0).dataset_source, plan.runs.at(0).run.windows, data.folder.data_paths()); // as a trainer does
  EXPECT_EQ(data.cache_files(), 1u);
  data.plan_of_path(std::filesystem::relative(data.manifest), R"({"kind": "random", "folds": 2})");
  EXPECT_EQ(data.cache_files(), 1u) << "the manifest by another path";
}

TEST(PlanOfAManifest, ANetworkThatTheDataCannotHaveIsRefusedWhereItIsAskedFor) {
  const TinyData data;
  const std::string random = R"({"kind": "random", "folds": 2})";
  const std::string what = "5 heads do not divide 32, the channels of the encoder; choose one of 1, 2, 4, 8, 16, 32";
  EXPECT_EQ(data.error(random, ",\n\"fixed\": {\"model\": {\n\"temporal_heads\": 5}}"), "s.json:5: /fixed/model/temporal_heads: " + what);
  EXPECT_EQ(data.error(random, ",\n\"grid\": {\n\"model.temporal_heads\": [2, 5]}"), "s.json:5: /grid/model.temporal_heads: " + what);
  EXPECT_EQ(data.error(random, ",\n\"variants\": [\"stdual_x\", {\"name\": \"five\",\n\"set\": {\n\"model.temporal_heads\": 5}}]"),
            "s.json:6: /variants/1/set/model.temporal_heads: " + what);
  EXPECT_EQ(data.error(random, "", {"model.temporal_heads=5"}), "--set model.temporal_heads=5: /fixed/model/temporal_heads: " + what);
  EXPECT_THAT(data.error(random, ",\n\"fixed\": {\"model\": {\"stem_layers\": 3, \"channel_heads\": 2}}"),
              StartsWith("s.json:4: /fixed/model/channel_heads: 2 heads do not divide 1, the steps of the encoder"));
}

TEST(PlanOfAManifest, AFoldWithoutASplitIsRefusedWhereItIsAskedFor) {
  const TinyData data;
  EXPECT_EQ(
      data.error("{\"kind\": \"random\", \"folds\": 2},\n{\"kind\": \"leave_persons_out\", \"folds\": 3,\n\"validation_people\": [1]}"),
      "s.json:5: /protocols/1/validation_people: person 1 is no training person of fold 2; choose among 0, 2");
  EXPECT_THAT(data.error(R"({"kind": "leave_persons_out", "folds": 2})"),
              StartsWith("s.json:3: /protocols/0: fold 0 has 1 training people and needs 1 of them for validation"));
}

Plan plan_with(const std::string& dataset, const std::string& protocol, const std::string& more = "") {
  return plan_of(R"({"name": "n", "dataset": ")" + dataset + R"(", "protocols": [)" + protocol + "]" + more + "}");
}

TEST(Plan, LeaveOnePersonOutHasAFoldAPerson) {
  const Plan plan = plan_with("watch", R"({"kind": "leave_one_person_out"})");
  ASSERT_EQ(plan.runs.size(), 30u);
  for (const PlannedRun& planned : plan.runs) EXPECT_EQ(planned.run.protocol.folds, 30);
  EXPECT_EQ(plan.runs[29].run.fold, 29);
  EXPECT_EQ(plan_with("watch", R"({"kind": "leave_one_person_out"})", R"(, "folds": [3, 29])").runs.size(), 2u);
  EXPECT_THAT(message_of([] { plan_with("watch", R"({"kind": "leave_one_person_out"})", R"(, "folds": [30])"); }),
              HasSubstr("/protocols/0 (leave_one_person_out) has folds 0 to 29"));
}

TEST(Plan, AChallengeIsOneFoldWhereTheDataSetHasOne) {
  const Plan plan = plan_with("challenged", R"({"kind": "challenge"})");
  ASSERT_EQ(plan.runs.size(), 1u);
  EXPECT_EQ(plan.runs[0].run.protocol.folds, 0);
  EXPECT_EQ(plan.runs[0].run.protocol.validation_share, 0);
  EXPECT_THAT(message_of([] { plan_with("watch", R"({"kind": "challenge"})"); }), HasSubstr("/protocols/0/kind: watch has no challenge"));
}

TEST(Plan, AnOfficialSplitTakesItsUsualValidationPeopleWhereNothingElseIsSaid) {
  const auto protocol_of = [](const std::string& dataset, const std::string& more) {
    return plan_with(dataset, R"({"kind": "official")" + more + "}").runs.at(0).run.protocol;
  };
  const ProtocolSpec usual = protocol_of("usual", "");
  EXPECT_EQ(usual.validation_people, (std::vector<std::int64_t>{5, 7}));
  EXPECT_EQ(usual.validation_share, 0);
  EXPECT_EQ(usual, protocol_of("usual", R"(, "validation_people": [7, 5])")) << "said or meant, it is the same run";
  EXPECT_TRUE(protocol_of("usual", R"(, "validation": false)").validation_people.empty());
  EXPECT_TRUE(protocol_of("usual", R"(, "validation_share": 0.3)").validation_people.empty());
  EXPECT_EQ(protocol_of("usual", R"(, "validation_people": [3])").validation_people, std::vector<std::int64_t>{3});
  EXPECT_EQ(protocol_of("watch", "").validation_share, 0.2);
}

TEST(Plan, TheNullClassTheRateAndTheTrainingStrideAreOtherRuns) {
  const auto identity = [](const std::string& windows) {
    return plan_of(small_sweep(R"(, "folds": [0], "windows": )" + windows)).runs.at(0).run_id;
  };
  EXPECT_EQ(identity("{}"), identity(R"({"null_class": false, "rate": 0})"));
  EXPECT_NE(identity("{}"), identity(R"({"null_class": true})"));
  EXPECT_NE(identity("{}"), identity(R"({"rate": 33.3})"));
  EXPECT_EQ(identity("{}"), identity(R"({"training_stride": 0})"));
  EXPECT_NE(identity("{}"), identity(R"({"training_stride": 32})"));
}

TEST(PlanErrors, NameTheLine) {
  const auto error = [](const std::string& text, const std::vector<std::string>& overrides = {}) {
    return message_of([&] { plan_of(text, overrides); });
  };
  EXPECT_EQ(error(small_sweep(",\n\"folds\": [0,\n3]")), "s.json:3: /folds/1: /protocols/0 (leave_persons_out) has folds 0 to 2");
  EXPECT_EQ(error(small_sweep(), {"folds=[7]"}), "--set folds=[7]: /folds/0: /protocols/0 (leave_persons_out) has folds 0 to 2");
  EXPECT_THAT(error(small_sweep(",\n\"variants\": [{\"name\": \"a\",\n\"folds\": [9]}]")), StartsWith("s.json:3: /variants/0/folds/0: "));
  const auto of = [&](const std::string& protocol) {
    return error("{\"name\": \"n\", \"dataset\": \"d\", \"protocols\": [\n" + protocol + "]}");
  };
  EXPECT_EQ(of(R"({"kind": "leave_persons_out", "folds": 31})"), "s.json:2: /protocols/0/folds: 31 folds of people, but d has 30 people");
  EXPECT_EQ(of(R"({"kind": "official", "validation_people": [77]})"), "s.json:2: /protocols/0/validation_people/0: d has no person 77");
  EXPECT_THAT(of(R"({"kind": "official", "validation_groups": [[1], [2]]})"),
              HasSubstr("/validation_groups/1/0: person 2 is one of the publisher's test people"));
  EXPECT_THAT(message_of([] {
                make_plan(load_sweep_text(R"({"name": "n", "dataset": "d", "protocols": [{"kind": "official"}]})"),
                          [](const std::string& name, const WindowSpec& windows) {
                            DatasetFacts facts = facts_of(name, windows);
                            facts.official_test_people.clear();
                            return facts;
                          });
              }),
              HasSubstr("has no split of its publisher"));
}

TEST(PlanOfParts, HoldsTheRunsOfEachPartAndARunOfTwoPartsOnceUnderTheConditionsOfBoth) {
  const std::string protocol = R"("protocols": [{"kind": "random", "folds": 2}], "folds": [0])";
  const Plan plan = plan_of(R"({"name": "both", "parts": [
      {"dataset": "a", "conditions": [{"kind": "missing_samples", "amounts": [0.1, 0.5], "fills": ["last", "zero"], "seeds": [1, 2]}], )" +
                            protocol + R"(},
      {"dataset": "b", )" + protocol +
                            R"(},
      {"dataset": "a", "conditions": ["clean", "noise/10/1"], )" +
                            protocol + "}]}");
  ASSERT_EQ(plan.runs.size(), 2u);
  EXPECT_EQ(plan.runs[0].run.dataset, "a");
  EXPECT_EQ(plan.runs[0].dataset_source, "a");
  EXPECT_EQ(plan.runs[1].run.dataset, "b");
  ASSERT_EQ(plan.runs[0].evaluations.size(), 10u); // clean, 2 amounts x 2 fills x 2 seeds, noise
  EXPECT_EQ(plan.runs[0].evaluations[0].condition, "clean");
  EXPECT_EQ(plan.runs[0].evaluations[1].condition, "missing_samples/0.1/last/1");
  EXPECT_EQ(plan.runs[0].evaluations[8].condition, "missing_samples/0.5/zero/2");
  EXPECT_EQ(plan.runs[0].evaluations[9].condition, "noise/10/1");
  EXPECT_EQ(plan.runs[1].evaluations, std::vector<EvaluationSpec>{{}});
}

TEST(PlanOfParts, ThatDifferInTheNullClassShareACardThatNamesEveryLabel) {
  for (const char* order : {"true, false", "false, true"}) {
    const bool first = std::string(order).starts_with("true");
    const auto part = [](bool null_class) {
      return std::string(R"({"dataset": "a", "protocols": [{"kind": "random", "folds": 2}], "windows": {"null_class": )") +
             (null_class ? "true}}" : "false}}");
    };
    const Plan plan = make_plan(load_sweep_text(R"({"name": "both", "parts": [)" + part(first) + ", " + part(!first) + "]}", "s.json"),
                                [](const std::string& name, const WindowSpec& windows) {
                                  DatasetFacts facts = facts_of(name, windows);
                                  facts.classes = {"walk", "sit"};
                                  if (windows.null_class) facts.classes.push_back("null");
                                  return facts;
                                });
    ASSERT_EQ(plan.datasets.size(), 1u) << order;
    EXPECT_EQ(plan.datasets[0].classes, (std::vector<std::string>{"walk", "sit", "null"})) << order;
  }
}

TEST(PlanOfParts, AnOverrideIsOfEachPart) {
  const std::string text = R"({"name": "both", "parts": [
      {"dataset": "a", "protocols": [{"kind": "random", "folds": 2}]}, {"dataset": "b", "seeds": [7], "protocols": [{"kind": "random", "folds": 2}]}]})";
  const Plan plan = plan_of(text, {"seeds=[3]", "training.epochs=2", "name=other"});
  EXPECT_EQ(plan.name, "other");
  ASSERT_EQ(plan.runs.size(), 4u);
  for (const PlannedRun& planned : plan.runs) {
    EXPECT_EQ(planned.run.seed, 3);
    EXPECT_EQ(planned.run.training.epochs, 2);
  }
}

TEST(PlanOfParts, APartWhoseRecordingsAreMissingIsLeftOutOnlyWhenAsked) {
  const TinyData data;
  const std::string random = R"("protocols": [{"kind": "random", "folds": 2}])";
  const Sweep sweep = load_sweep_text(R"({"name": "both", "parts": [{"dataset": ")" + data.manifest.string() + R"(", )" + random +
                                      R"(}, {"dataset": "uci-har", )" + random + "}]}");
  EXPECT_THAT(message_of([&] { make_plan(sweep, data.folder.data_paths()); }), HasSubstr("'uci-har' was not found"));
  std::vector<std::string> skipped;
  EXPECT_EQ(make_plan(sweep, data.folder.data_paths(), &skipped).runs.size(), 2u);
  ASSERT_EQ(skipped.size(), 1u);
  EXPECT_THAT(skipped[0], testing::StartsWith("/parts/1: data set 'uci-har' was not found"));
  const Sweep nothing = load_sweep_text(R"({"name": "x", "dataset": "uci-har", )" + random + "}");
  EXPECT_THAT(message_of([&] { make_plan(nothing, data.folder.data_paths(), &skipped); }), HasSubstr("nothing can be planned"));
}

TEST(PlanOfAManifest, AConditionOfASensorThatNobodyWearsIsRefused) {
  const TinyData data;
  EXPECT_THAT(data.error(R"({"kind": "random", "folds": 2})", R"(, "conditions": ["missing_sensor/9/zero"])"),
              HasSubstr("'missing_sensor/9/zero'"));
}

} // namespace
} // namespace stdualx::sweep_tests
