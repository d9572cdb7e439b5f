// Windows of any length: heads that fit, and lengths in seconds.
#include "data_fixtures.h"
#include "sweep_fixture.h"

#include <gmock/gmock.h>

#include "experiments/spec/model_shape.h"

namespace stdualx::sweep_tests {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// Two people with two recordings each of `rows` rows at 50 Hz, half of them a class.
struct Wrist {
  test::TemporaryFolder folder;

  explicit Wrist(int rows, const std::string& windows = R"({"steps": 8, "stride": 8})") {
    std::string csv = "person,recording,label,ax,ay,az\n";
    for (const char* place : {"1,a,walk,", "1,b,sit,", "2,c,walk,", "2,d,sit,"})
      for (int row = 0; row < rows; ++row) csv += place + std::to_string(row % 7) + "," + std::to_string(row % 5) + ",1\n";
    test::write_text(folder.path() / "wrist.csv", csv);
    test::write_text(folder.path() / "manifest.json",
                     R"({"name": "wrist", "rate": 50, "files": ["wrist.csv"], "recording_column": "recording", "classes": ["walk", "sit"],
        "sensors": [{"name": "wrist", "columns": ["ax", "ay", "az"], "kinds": ["accelerometer"]}], "windows": )" +
                         windows + "}");
  }
  Plan plan(const std::string& windows, const std::string& more = "") const {
    const std::string sweep = R"({"name": "n", "dataset": ")" + (folder.path() / "manifest.json").string() +
                              R"(", "protocols": [{"kind": "random", "folds": 2, "validation": false}], "windows": )" + windows + more +
                              "}";
    return make_plan(load_sweep_text(sweep, "s.json"), folder.data_paths());
  }
  RunSpec run(const std::string& windows, const std::string& more = "") const { return plan(windows, more).runs.at(0).run; }
  std::string error(const std::string& windows) const {
    return message_of([&] { plan(windows); });
  }
};

TEST(WindowLengths, EveryLengthFrom8To1024IsPlannedWithEitherPreset) {
  const Wrist wrist(1100);
  for (int steps = 8; steps <= 1024; ++steps) {
    const std::string windows = R"({"stride": 512, "steps": )" + std::to_string(steps) + "}";
    const Plan plan = wrist.plan(windows);
    ASSERT_EQ(plan.runs.size(), 2u) << steps;
    const std::int64_t behind_stem = ((steps - 1) / 2) / 2 + 1; // two halvings, each rounded up
    ASSERT_EQ(plan.runs[0].run.model.channel_heads, behind_stem % 2 == 0 ? 2 : 1) << steps;
    ModelConfig faithful = preset("faithful").model;
    InputShape shape{.sensors = 1, .steps = steps, .channels = 3, .classes = 2, .sensor_channels = {}};
    fit_heads(faithful, shape, {});
    ASSERT_NO_THROW(check_model(faithful, shape)) << steps;
    std::filesystem::remove_all(wrist.folder.path() / "cache");
  }
}

TEST(WindowLengths, HeadsAreTheMostThatDivideAndNeverMoreThanThePresets) {
  const auto heads = [](std::int64_t steps, std::int64_t channels, const std::vector<std::string>& chosen = {}) {
    ModelConfig model = preset("faithful").model; // 3 heads over the channels, 8 over the steps
    fit_heads(model, {.sensors = 1, .steps = steps, .channels = channels, .classes = 2, .sensor_channels = {}}, chosen);
    return std::vector<std::int64_t>{model.temporal_heads, model.channel_heads};
  };
  EXPECT_THAT(heads(128, 3), ElementsAre(3, 8)) << "what fits stays";
  EXPECT_THAT(heads(125, 6), ElementsAre(3, 5));
  EXPECT_THAT(heads(300, 4), ElementsAre(2, 6));
  EXPECT_THAT(heads(127, 7), ElementsAre(1, 1)) << "primes";
  EXPECT_THAT(heads(7, 1), ElementsAre(1, 7)) << "a prime below the preset's number";
  EXPECT_THAT(heads(125, 4, {"channel_heads"}), ElementsAre(2, 8)) << "what is chosen stays, and is refused where it does not divide";
  ModelConfig uneven = preset("faithful").model;
  fit_heads(uneven, {.sensors = 2, .steps = 128, .channels = 9, .classes = 2, .sensor_channels = {9, 2}}, {});
  EXPECT_EQ(uneven.temporal_heads, 1) << "every sensor's channels are divided";
}

TEST(WindowLengths, APlanSaysWhatWasFittedAndWhatFitsKeepsItsIdentity) {
  const Wrist wrist(300);
  const Plan odd = wrist.plan(R"({"steps": 100, "stride": 50})");
  EXPECT_THAT(odd.notes,
              ElementsAre("wrist, windows of 100 steps: model.channel_heads is 1, not the preset's 2: the largest number up to that "
                          "which divides 25, the steps of the encoder. A sweep that names it has what it names."));
  EXPECT_EQ(odd.runs.at(0).run_id,
            wrist.plan(R"({"steps": 100, "stride": 50})", R"(, "fixed": {"model": {"channel_heads": 1}})").runs.at(0).run_id);
  const Plan even = wrist.plan(R"({"steps": 128, "stride": 64})");
  EXPECT_THAT(even.notes, IsEmpty());
  EXPECT_EQ(even.runs.at(0).run.model, preset("default").model);
}

TEST(WindowLengths, AHeadThatTheSweepNamesIsNeverChanged) {
  const Wrist wrist(300);
  const std::string windows = R"({"steps": 100, "stride": 50})";
  const auto error = [&](const std::string& more) { return message_of([&] { wrist.plan(windows, more); }); };
  const std::string what = "2 heads do not divide 25, the steps of the encoder; choose one of 1, 5, 25";
  EXPECT_THAT(error(R"(, "fixed": {"model": {"channel_heads": 2}})"), HasSubstr(what));
  EXPECT_THAT(error(R"(, "grid": {"model.channel_heads": [1, 2]})"), HasSubstr(what));
  EXPECT_THAT(error(R"(, "variants": [{"name": "two", "set": {"model.channel_heads": 2}}])"), HasSubstr(what));
}

TEST(WindowLengths, SecondsAndOverlapAreTheStepsAndStrideThatTheyMean) {
  const Wrist wrist(700);
  const RunSpec steps = wrist.run(R"({"steps": 128, "stride": 64})");
  EXPECT_EQ(run_identity(wrist.run(R"({"seconds": 2.56, "overlap": 0.5})")), run_identity(steps));
  EXPECT_EQ(run_identity(wrist.run(R"({"steps": 128, "overlap": 0.5})")), run_identity(steps));
  EXPECT_EQ(run_identity(wrist.run(R"({"seconds": 2.56, "stride": 64})")), run_identity(steps));
  EXPECT_EQ(wrist.run(R"({"seconds": 2})").windows, (WindowSpec{100, 100, 0.5})) << "end to end";
  EXPECT_EQ(wrist.run(R"({"seconds": 2.56, "overlap": 0.5, "rate": 25})").windows, (WindowSpec{64, 32, 0.5, 25})) << "of the new rate";
  EXPECT_EQ(wrist.run(R"({"overlap": 0.25})").windows, (WindowSpec{8, 6, 0.5})) << "of the manifest's steps";
}

TEST(WindowLengths, AManifestMaySayThemInSeconds) {
  EXPECT_EQ(Wrist(700, R"({"seconds": 2.56, "overlap": 0.5})").run("{}").windows, (WindowSpec{128, 64, 0.5}));
  EXPECT_THAT(Wrist(700, R"({"seconds": 2.56, "steps": 128})").error("{}"), HasSubstr("/windows/seconds: stands beside steps"));
}

TEST(WindowLengths, TwoWaysToSayOneLengthAreRefused) {
  const Wrist wrist(300);
  EXPECT_THAT(wrist.error(R"({"seconds": 2.56, "steps": 128})"), HasSubstr("/windows/seconds: stands beside steps; keep one of them"));
  EXPECT_THAT(wrist.error(R"({"overlap": 0.5, "stride": 64})"), HasSubstr("/windows/overlap: stands beside stride; keep one of them"));
  EXPECT_THAT(wrist.error(R"({"seconds": 0.001})"), HasSubstr("0.001 s are less than a sample at 50.0 samples a second"));
}

} // namespace
} // namespace stdualx::sweep_tests
