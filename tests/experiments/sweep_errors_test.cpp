// What is wrong with a sweep is said with file, line, JSON pointer and the near word.
#include "sweep_fixture.h"

#include <gmock/gmock.h>

namespace stdualx::sweep_tests {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(SweepErrors, UnknownKeysAtEachDepthNameLineAndNearWord) {
  EXPECT_EQ(error_of("{\n\"nam\": \"x\"}"), "s.json:2: /nam: unknown key; did you mean 'name'?");
  EXPECT_EQ(error_of(small_sweep(",\n\"fixed\": {\n\"trainin\": {}}")), "s.json:3: /fixed/trainin: unknown key; did you mean 'training'?");
  EXPECT_EQ(error_of(small_sweep(",\n\"fixed\": {\"training\": {\n\"epochs\": 3,\n\"learning_rat\": 1}}")),
            "s.json:4: /fixed/training/learning_rat: unknown key; did you mean 'learning_rate'?");
  EXPECT_EQ(error_of(small_sweep(",\n\"fixed\": {\"training\": {\"augmentation\": {\n\"jiter\": 1}}}")),
            "s.json:3: /fixed/training/augmentation/jiter: unknown key; did you mean 'jitter'?");
  EXPECT_EQ(error_of(small_sweep(",\n\"grid\": {\n\n\"training.learning_rat\": [1]}")),
            "s.json:4: /grid/training.learning_rat: no such setting; did you mean 'training.learning_rate'?");
  EXPECT_EQ(error_of(small_sweep(",\n\"zip\": {\"epochs\": [1]}")),
            "s.json:2: /zip/epochs: no such setting; did you mean 'training.epochs'?");
  EXPECT_EQ(error_of(small_sweep(",\n\"resources\": {\n\"thread\": 2}")),
            "s.json:3: /resources/thread: unknown key; did you mean 'threads'?");
  EXPECT_EQ(error_of(small_sweep(",\n\"windows\": {\n\"step\": 2}")), "s.json:3: /windows/step: unknown key; did you mean 'steps'?");
  EXPECT_EQ(error_of("{\"name\": \"x\", \"dataset\": \"watch\", \"protocols\": [\n{\"kind\": \"official\",\n\"validation_group\": []}]}"),
            "s.json:3: /protocols/0/validation_group: unknown key; did you mean 'validation_groups'?");
  EXPECT_EQ(error_of(small_sweep(",\n\"random\": {\"count\": 1, \"seed\": 1,\n\"training.epochs\": {\n\"unifrom\": [1, 2]}}")),
            "s.json:4: /random/training.epochs/unifrom: unknown key; did you mean 'uniform'?");
  EXPECT_EQ(error_of(small_sweep(",\n\"variants\": [\n{\"name\": \"a\",\n\"rank\": 2}]")),
            "s.json:4: /variants/0/rank: unknown key; did you mean 'ranks'?");
  EXPECT_EQ(error_of(small_sweep(",\n\"variants\": [{\"name\": \"a\", \"set\": {\n\"training.epoch\": 2}}]")),
            "s.json:3: /variants/0/set/training.epoch: no such setting; did you mean 'training.epochs'?");
}

TEST(SweepErrors, UnknownNamesComeWithTheNearOne) {
  EXPECT_THAT(error_of(small_sweep(",\n\"preset\": \"faithfull\"")),
              testing::AllOf(StartsWith("s.json:2: /preset: "), HasSubstr("'faithful'?")));
  EXPECT_THAT(error_of(small_sweep(",\n\"variants\": [\"stdual_x\",\n\"without_cas\"]")),
              testing::AllOf(StartsWith("s.json:3: /variants/1: "), HasSubstr("did you mean 'without_csa'?")));
  EXPECT_THAT(error_of(small_sweep(",\n\"conditions\": [\n\"claen\"]")),
              testing::AllOf(StartsWith("s.json:3: /conditions/0: "), HasSubstr("'clean'?")));
  EXPECT_THAT(error_of("{\"name\": \"x\", \"dataset\": \"watch\", \"protocols\": [\n{\"kind\": \"offical\"}]}"),
              testing::AllOf(StartsWith("s.json:2: /protocols/0/kind: "), HasSubstr("did you mean 'official'?")));
}

TEST(SweepErrors, WrongTypesAndRangesNameTheLine) {
  EXPECT_EQ(error_of("[]"), "s.json:1: /: expected an object, found []");
  EXPECT_EQ(error_of(small_sweep(",\n\"fixed\": {\"training\": {\n\"epochs\": \"five\"}}")),
            "s.json:3: /fixed/training/epochs: expected a whole number, found \"five\"");
  EXPECT_EQ(error_of(small_sweep(",\n\"fixed\": {\"training\": {\n\"epochs\": 0}}")),
            "s.json:3: /fixed/training/epochs: expected a number from 1 to 100000, found 0");
  EXPECT_THAT(error_of(small_sweep(",\n\"fixed\": {\"training\": {\n\"learning_rate\": null}}")),
              testing::AllOf(StartsWith("s.json:3: /fixed/training/learning_rate: expected a number"), HasSubstr("found null")));
  EXPECT_THAT(error_of(small_sweep(",\n\"grid\": {\"training.learning_rate\": [1e-3,\nnull]}")),
              StartsWith("s.json:3: /grid/training.learning_rate/1: expected a number"));
  EXPECT_EQ(error_of(small_sweep(",\n\"grid\": {\"training.epochs\": 3}")),
            "s.json:2: /grid/training.epochs: expected a list of values, found 3");
  EXPECT_EQ(error_of(small_sweep(",\n\"grid\": {\"training.epochs\": [\n3,\n2.5]}")),
            "s.json:4: /grid/training.epochs/1: expected a whole number, found 2.5");
  EXPECT_THAT(error_of(small_sweep(",\n\"seeds\": [1,\n-2]")), StartsWith("s.json:3: /seeds/1: expected a number from 0 "));
  EXPECT_THAT(error_of(small_sweep(",\n\"seeds\": 1")), StartsWith("s.json:2: /seeds: expected a list"));
  EXPECT_THAT(error_of(small_sweep(",\n\"seeds\": []")), StartsWith("s.json:2: /seeds: expected at least one item"));
  EXPECT_THAT(error_of(small_sweep(",\n\"variants\": [3]")),
              StartsWith("s.json:2: /variants/0: expected the name of a variant or an object"));
  EXPECT_THAT(error_of("{\n\"name\": 3, \"dataset\": \"watch\", \"protocols\": []}"), StartsWith("s.json:2: /name: expected a string"));
}

TEST(SweepErrors, MissingKeysAreNamed) {
  EXPECT_EQ(error_of("{\"name\": \"x\", \"dataset\": \"watch\"}"), "s.json:1: /: 'protocols' is missing");
  EXPECT_THAT(error_of(small_sweep(",\n\"random\": {\"seed\": 1}")), StartsWith("s.json:2: /random: 'count' is missing"));
}

TEST(SweepErrors, WhatStandsTwiceIsRefused) {
  EXPECT_EQ(error_of(small_sweep(",\n\"seeds\": [1,\n2,\n1]")), "s.json:4: /seeds/2: 1 stands twice; remove one");
  EXPECT_EQ(error_of(small_sweep(",\n\"folds\": [1, 1]")), "s.json:2: /folds/1: 1 stands twice; remove one");
  EXPECT_EQ(error_of(small_sweep(",\n\"grid\": {\"training.learning_rate\": [1e-3,\n0.001]}")),
            "s.json:3: /grid/training.learning_rate/1: 0.001 stands twice; remove one");
  EXPECT_EQ(error_of(small_sweep(",\n\"grid\": {\"training.epochs\": [3, 3.0]}")),
            "s.json:2: /grid/training.epochs/1: 3 stands twice; remove one");
  EXPECT_THAT(error_of(small_sweep(",\n\"zip\": {\"training.epochs\": [3, 4, 3], \"model.stdat_layers\": [1, 1, 1]}")),
              HasSubstr("stands twice"));
  EXPECT_THAT(error_of(small_sweep(",\n\"variants\": [\"without_csa\",\n\"without_csa\"]")),
              StartsWith("s.json:3: /variants/1: 'without_csa' stands twice"));
  EXPECT_THAT(error_of(small_sweep(",\n\"conditions\": [\"clean\", \"clean\"]")), HasSubstr("/conditions/1: stands twice"));
  EXPECT_THAT(error_of("{\"name\": \"x\", \"dataset\": \"watch\", \"protocols\": [{\"kind\": \"official\", "
                       "\"validation_share\": 0.2},\n{\"kind\": \"official\", \"split_seed\": 0}]}"),
              StartsWith("s.json:2: /protocols/1: says the same as /protocols/0"));
  // The first takes the data set's own validation people, where it has some; the second draws them.
  EXPECT_EQ(error_of("{\"name\": \"x\", \"dataset\": \"watch\", \"protocols\": [{\"kind\": \"official\"}, {\"kind\": \"official\", "
                     "\"validation_share\": 0.2}]}"),
            "no InputError");
}

TEST(SweepErrors, VariantsThatTrainTheSameAreRefused) {
  EXPECT_THAT(error_of(small_sweep(
                  ",\n\"variants\": [\"without_csa\",\n{\"name\": \"mine\", \"set\": {\"model.cross_sensor_attention\": false}}]")),
              StartsWith("s.json:3: /variants/1: 'mine' trains exactly what 'without_csa' trains here"));
  // With the triplet switched off for all, its ablation takes nothing away.
  EXPECT_THAT(
      error_of(small_sweep(", \"fixed\": {\"training\": {\"triplet_weight\": 0}}, \"variants\": [\"stdual_x\", \"without_contrastive\"]")),
      HasSubstr("'without_contrastive' trains exactly what 'stdual_x' trains here"));
  EXPECT_EQ(error_of(small_sweep(", \"variants\": [\"stdual_x\", {\"name\": \"two\", \"ranks\": 2}]")), "no InputError");
}

TEST(SweepErrors, AVariantsNameMeansTheSameInEverySweep) {
  EXPECT_THAT(error_of(small_sweep(",\n\"variants\": [{\"name\": \"without_csa\",\n\"set\": {\"training.epochs\": 2}}]")),
              StartsWith("s.json:3: /variants/0/set: would change what 'without_csa' means"));
}

TEST(SweepErrors, OnePathInTwoPartsIsRefused) {
  EXPECT_THAT(error_of(small_sweep(",\n\"fixed\": {\"training\": {\n\"epochs\": 3}}, \"grid\": {\"training.epochs\": [1, 2]}")),
              StartsWith("s.json:3: /fixed/training/epochs: is in 'grid' too"));
  EXPECT_THAT(error_of(small_sweep(", \"grid\": {\"training.epochs\": [1, 2]},\n\"zip\": {\"training.epochs\": [3]}")),
              StartsWith("s.json:2: /zip/training.epochs: is in 'grid' too"));
  EXPECT_THAT(error_of(small_sweep(
                  ", \"fixed\": {\"training\": {\"augmentation\": {\"jitter\": 0}}}, \"grid\": {\"training.augmentation.jitter\": [1]}")),
              HasSubstr("/fixed/training/augmentation/jitter: is in 'grid' too"));
}

TEST(SweepErrors, ZippedListsAreEquallyLong) {
  EXPECT_EQ(error_of(small_sweep(",\n\"zip\": {\"model.stdat_layers\": [1, 2],\n\"training.epochs\": [3]}")),
            "s.json:3: /zip/training.epochs: has 1 values, but 'model.stdat_layers' has 2; zipped lists are equally long");
}

TEST(SweepErrors, RandomDistributionsAreChecked) {
  const auto error = [](const std::string& distribution) {
    return error_of(small_sweep(",\n\"random\": {\"count\": 2, \"seed\": 1,\n" + distribution + "}"));
  };
  EXPECT_THAT(error(R"("training.learning_rate": {"log_uniform": [0, 1]})"), HasSubstr("above 0"));
  EXPECT_THAT(error(R"("training.learning_rate": {"uniform": [2, 1]})"), HasSubstr("a below b"));
  EXPECT_THAT(error(R"("training.learning_rate": {"uniform": [1, 2, 3]})"), HasSubstr("two ends"));
  EXPECT_THAT(error(R"("training.learning_rate": {"uniform": [1, 200]})"),
              StartsWith("s.json:3: /random/training.learning_rate/uniform/1: expected a number"));
  EXPECT_THAT(error(R"("training.precision": {"uniform": ["float32", "float64"]})"), HasSubstr("use choice"));
  EXPECT_THAT(error(R"("training.epochs": {"uniform": [1, 2], "choice": [1]})"), HasSubstr("found 2 of them"));
}

TEST(SweepErrors, ProtocolsThatSayNothingOrTooMuchAreRefused) {
  const auto error = [](const std::string& protocol) {
    return error_of("{\"name\": \"x\", \"dataset\": \"watch\", \"protocols\": [\n" + protocol + "]}");
  };
  EXPECT_THAT(error("{\"folds\": 3}"), HasSubstr("'kind' is missing"));
  EXPECT_THAT(error(R"({"kind": "random"})"), HasSubstr("'folds' must be at least 2"));
  EXPECT_THAT(error(R"({"kind": "official", "folds": 2})"), HasSubstr("has no folds"));
  EXPECT_THAT(error(R"({"kind": "challenge", "folds": 2})"), HasSubstr("has no folds"));
  EXPECT_THAT(error(R"({"kind": "challenge", "validation_share": 0.1})"), HasSubstr("names its validation sessions itself"));
  EXPECT_THAT(error(R"({"kind": "challenge", "validation_people": [1]})"), HasSubstr("names its validation sessions itself"));
  EXPECT_THAT(error(R"({"kind": "leave_one_person_out", "folds": 8})"), HasSubstr("has a fold a person"));
  EXPECT_THAT(error(R"({"kind": "leave_one_persons_out"})"), HasSubstr("did you mean 'leave_one_person_out'?"));
  EXPECT_THAT(error(R"({"kind": "official", "validation": false, "open_test": false})"), HasSubstr("nothing would be measured"));
  EXPECT_THAT(error(R"({"kind": "official", "validation": false, "validation_groups": [[1]]})"), HasSubstr("validation is false"));
  EXPECT_THAT(error(R"({"kind": "leave_persons_out", "folds": 2, "validation_groups": [[1]]})"), HasSubstr("only the official split"));
  EXPECT_THAT(error(R"({"kind": "random", "folds": 2, "validation_people": [1]})"), HasSubstr("windows, not people"));
  EXPECT_THAT(error(R"({"kind": "official", "validation_groups": [[1, 2], [2, 1]]})"),
              HasSubstr("/protocols/0/validation_groups/1: the same people as"));
  EXPECT_THAT(error(R"({"kind": "official", "validation_groups": [[1, 1]]})"),
              StartsWith("s.json:2: /protocols/0/validation_groups/0/1: 1 stands twice"));
  EXPECT_THAT(error(R"({"kind": "official", "validation_share": 0})"), HasSubstr("\"validation\": false"));
}

TEST(SweepOverrides, GoWhereTheirPathSays) {
  const Sweep sweep = load_sweep_text(
      small_sweep(R"(, "fixed": {"training": {"epochs": 3}}, "grid": {"model.stdat_layers": [1, 2]})"), "s.json",
      {"training.learning_rate=1e-3", "training.epochs=7", "name=second", "dataset=uci_har", "seeds=[4,5]", "windows.steps=64",
       "resources.threads=2", "training.augmentation.jitter=0", "grid.model.stdat_layers=[3]", "training.epochs=8"});
  EXPECT_EQ(sweep.name, "second");
  EXPECT_EQ(sweep.parts[0].dataset, "uci_har");
  EXPECT_EQ(sweep.parts[0].fixed.training.learning_rate, 1e-3);
  EXPECT_EQ(sweep.parts[0].fixed.training.epochs, 8);
  EXPECT_EQ(sweep.parts[0].fixed.training.augmentation.jitter, 0);
  EXPECT_EQ(sweep.parts[0].seeds, (std::vector<std::int64_t>{4, 5}));
  EXPECT_EQ(sweep.parts[0].windows.steps, 64);
  EXPECT_EQ(sweep.parts[0].resources.threads, 2);
  ASSERT_EQ(sweep.parts[0].settings.size(), 1u);
  EXPECT_EQ(sweep.parts[0].settings[0][0].second, 3);
}

TEST(SweepOverrides, ErrorsNameTheOverride) {
  EXPECT_EQ(error_of(small_sweep(), {"training.learning_rat=1"}),
            "--set training.learning_rat=1: no such setting 'training.learning_rat'; did you mean 'training.learning_rate'?");
  EXPECT_EQ(error_of(small_sweep(), {"learning_rate=1"}),
            "--set learning_rate=1: no such setting 'learning_rate'; did you mean 'training.learning_rate'?");
  EXPECT_THAT(error_of(small_sweep(), {"nme=x"}), HasSubstr("did you mean 'name'?"));
  EXPECT_EQ(error_of(small_sweep(), {"training.epochs=many"}),
            "--set training.epochs=many: /fixed/training/epochs: expected a whole number, found \"many\"");
  EXPECT_EQ(error_of(small_sweep(), {"seeds=[1,1]"}), "--set seeds=[1,1]: /seeds/1: 1 stands twice; remove one");
  EXPECT_EQ(error_of(small_sweep(", \"seeds\": [1,\n2]"), {"seeds=[1,1]"}), "--set seeds=[1,1]: /seeds/1: 1 stands twice; remove one");
  EXPECT_EQ(error_of(small_sweep(), {"grid=5", "grid.training.epochs=[1]"}),
            "--set grid.training.epochs=[1]: /grid is 5, which has no training.epochs");
  EXPECT_EQ(error_of(small_sweep(), {"training.epochs"}),
            "--set training.epochs: expected PATH=VALUE, such as training.learning_rate=1e-3");
  EXPECT_THAT(
      error_of(small_sweep(", \"grid\": {\"training.epochs\": [1, 2]}"), {"training.epochs=3"}),
      testing::AllOf(StartsWith("--set training.epochs=3: /fixed/training/epochs: is in 'grid' too"), HasSubstr("grid.training.epochs=")));
}

TEST(SweepErrors, OfAPartAreSaidWhereThePartStands) {
  const auto parts = [](const std::string& second) {
    return "{\"name\": \"x\", \"parts\": [\n{\"dataset\": \"watch\", \"protocols\": [{\"kind\": \"random\", \"folds\": 2}]},\n" + second +
           "]}";
  };
  EXPECT_EQ(error_of(parts("{\"dataset\": \"watch\"}")), "s.json:3: /parts/1: 'protocols' is missing");
  EXPECT_EQ(error_of(parts("{\"dataset\": \"watch\", \"protocol\": []}")),
            "s.json:3: /parts/1/protocol: unknown key; did you mean 'protocols'?");
  EXPECT_THAT(error_of(parts("{\"name\": \"y\"}")), StartsWith("s.json:3: /parts/1/name: unknown key"));
  EXPECT_THAT(error_of("{\"name\": \"x\", \"parts\": [],\n\"seeds\": [1]}"),
              StartsWith("s.json:2: /seeds: stands beside 'parts'; put it into the parts"));
  EXPECT_THAT(error_of("{\"name\": \"x\", \"parts\": []}"), StartsWith("s.json:1: /parts: expected at least one item"));
}

TEST(SweepErrors, OfAConditionNameWhatItsKindWants) {
  EXPECT_THAT(error_of(small_sweep(",\n\"conditions\": [{\"kind\": \"noise\"}]")),
              StartsWith("s.json:2: /conditions/0: 'amounts' is missing"));
  EXPECT_THAT(error_of(small_sweep(",\n\"conditions\": [{\"kind\": \"noise\", \"amounts\": [10], \"fills\": [\"last\"]}]")),
              testing::AllOf(StartsWith("s.json:2: /conditions/0: "), HasSubstr("expected noise/AMOUNT/SEED")));
  EXPECT_THAT(error_of(small_sweep(",\n\"conditions\": [{\"kind\": \"gain\", \"amount\": 1}]")),
              StartsWith("s.json:2: /conditions/0/amount: unknown key; did you mean 'amounts'?"));
  EXPECT_THAT(error_of(small_sweep(",\n\"conditions\": [\"noise/10/1\", {\"kind\": \"noise\", \"amounts\": [10]}]")),
              HasSubstr("/conditions/1: stands twice ('noise/10/1')"));
}

} // namespace
} // namespace stdualx::sweep_tests
