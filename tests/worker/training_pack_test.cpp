// Runs trained together in a pack have the bits of each alone, whoever shares it with them, comes late, leaves early or fails.
#include "training_fixture.h"

#include "experiments/spec/pack.h"
#include "worker/training/pack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stdualx {
namespace {
using test::RecordingReporter;
using test::SyntheticWindows;
using test::TemporaryFolder;

[[noreturn]] void nothing_to_wait_for() { throw std::logic_error("nobody in the pack can go on"); }

struct Killed {};

/// One run with what may differ in a pack.
Assignment member(std::int64_t number, const std::string& kind = "default") {
  Assignment assignment = test::small_assignment();
  RunSpec& run = assignment.run;
  if (kind == "float64") run.training.precision = "float64"; // in the plain layers
  if (kind == "faithful") {
    run.model.asinh_knee = 0;
    run.model.stem_layers = 0;
    run.model.stdat_layers = 2;
    run.model.convolution_dropout = 0.1;
    run.model.gaussians = 20;
    run.model.gaussian_sigma = 0.5;
    run.model.temporal_heads = 3;
    run.model.channel_heads = 8;
    run.model.vector_dropout = 0.1;
    run.training.augmentation = {.rotation_degrees = 0, .gain = 0, .time_warp = 0, .jitter = 0};
  }
  run.seed = 10 + number;
  run.fold = number;
  run.training.epochs = 2 + number % 3;
  run.training.learning_rate = 5e-3 / static_cast<double>(1 + number);
  run.training.weight_decay = 0.01 * static_cast<double>(number);
  run.training.label_smoothing = 0.02 * static_cast<double>(number);
  run.training.triplet_weight += 0.1 * static_cast<double>(number);
  run.training.triplet_margin = 0.2 + 0.05 * static_cast<double>(number);
  run.training.ema_decay = 0.9 + 0.01 * static_cast<double>(number);
  run.training.augmentation.jitter = 0.01 * static_cast<double>(number);
  assignment.run_id = run_identity(run);
  return assignment;
}

/// Fewer training windows for some: as folds are, unequal, so that epochs begin at different steps.
AttemptData data_of(const SyntheticWindows& windows, std::int64_t number) {
  AttemptData data = windows.attempt_data();
  data.train.resize(data.train.size() - static_cast<std::size_t>(3 * number));
  return data;
}

struct Member {
  Assignment assignment;
  AttemptData data;
  std::unique_ptr<RecordingReporter> reporter = std::make_unique<RecordingReporter>();
  std::string failure = {};
};

Member made(const SyntheticWindows& windows, std::int64_t number, const std::string& kind = "default") {
  return {member(number, kind), data_of(windows, number)};
}

void run_member(Member& each, Pack* pack) {
  at::set_num_threads(static_cast<int>(each.assignment.run.threads));
  try {
    const auto communicator = make_single_communicator();
    run_attempt(each.assignment, each.data, *communicator, at::kCPU, *each.reporter, pack);
  } catch (const Killed&) {
    each.failure = "killed";
  } catch (const std::exception& failure) {
    each.failure = failure.what();
  }
}

/// All of them, in a pack of so many places.
void run_packed(std::vector<Member>& members, std::int64_t places) {
  Turns turns(nothing_to_wait_for);
  Pack pack(places, turns);
  for (Member& each : members) turns.start([&] { run_member(each, &pack); });
  turns.let_all_end();
}

void expect_equal(const RecordingReporter& packed, const RecordingReporter& alone) {
  ASSERT_EQ(packed.epochs.size(), alone.epochs.size());
  for (std::size_t i = 0; i < alone.epochs.size(); ++i) {
    EXPECT_EQ(packed.epochs[i].state_hash_before, alone.epochs[i].state_hash_before) << "epoch " << i + 1;
    EXPECT_EQ(packed.epochs[i].state_hash_after, alone.epochs[i].state_hash_after) << "epoch " << i + 1;
    EXPECT_EQ(packed.epochs[i].train_loss, alone.epochs[i].train_loss) << "epoch " << i + 1;
    EXPECT_EQ(packed.epochs[i].validation_loss, alone.epochs[i].validation_loss) << "epoch " << i + 1;
  }
  ASSERT_EQ(packed.evaluations.size(), alone.evaluations.size());
  for (std::size_t i = 0; i < alone.evaluations.size(); ++i) {
    EXPECT_EQ(packed.evaluations[i].predicted, alone.evaluations[i].predicted);
    EXPECT_EQ(packed.evaluations[i].metrics, alone.evaluations[i].metrics);
  }
}

void expect_bits_of_alone(const std::string& kind, std::int64_t count, std::int64_t places) {
  SCOPED_TRACE(kind + ", " + std::to_string(count) + " runs in " + std::to_string(places) + " places");
  const SyntheticWindows windows;
  std::vector<Member> packed, alone;
  for (std::int64_t number = 0; number < count; ++number) {
    packed.push_back(made(windows, number, kind));
    alone.push_back(made(windows, number, kind));
  }
  run_packed(packed, places);
  for (std::size_t i = 0; i < alone.size(); ++i) {
    SCOPED_TRACE("member " + std::to_string(i));
    run_member(alone[i], nullptr);
    EXPECT_EQ(alone[i].failure, "");
    EXPECT_EQ(packed[i].failure, "");
    expect_equal(*packed[i].reporter, *alone[i].reporter);
  }
}

TEST(TrainingPack, OfAnyWidthHasTheBitsOfARunAlone) {
  for (const std::string kind : {"default", "faithful", "float64"})
    for (const std::int64_t width : {1, 2, 5}) expect_bits_of_alone(kind, width, width);
}

TEST(TrainingPack, TakesTheNextRunIntoAPlaceThatIsFree) {
  expect_bits_of_alone("default", 5, 2);
  expect_bits_of_alone("default", 3, 1);
}

TEST(TrainingPack, OfTwoThreadsHasTheBitsOfARunAlone) {
  const SyntheticWindows windows;
  std::vector<Member> packed, alone;
  for (std::int64_t number = 0; number < 3; ++number)
    for (auto* all : {&packed, &alone}) {
      all->push_back(made(windows, number));
      all->back().assignment.run.threads = 2;
    }
  run_packed(packed, 3);
  for (std::size_t i = 0; i < alone.size(); ++i) {
    run_member(alone[i], nullptr);
    expect_equal(*packed[i].reporter, *alone[i].reporter);
  }
}

TEST(TrainingPack, LosesAMemberWithoutTouchingTheOthers) {
  const SyntheticWindows windows;
  std::vector<Member> packed, alone;
  for (std::int64_t number = 0; number < 4; ++number)
    for (auto* all : {&packed, &alone}) all->push_back(made(windows, number));
  // One is gone in the middle of its second epoch, one's weights are no numbers after its first update.
  packed[1].reporter->on_step = [&] {
    if (packed[1].reporter->steps == 7) throw Killed();
  };
  packed[2].assignment.run.training.learning_rate = 1e38;
  packed[2].assignment.run.training.clip_norm = 1;
  run_packed(packed, 4);
  EXPECT_EQ(packed[1].failure, "killed");
  EXPECT_THAT(packed[2].failure, testing::HasSubstr("of epoch"));
  for (const std::size_t i : {0u, 3u}) {
    SCOPED_TRACE(i);
    run_member(alone[i], nullptr);
    EXPECT_EQ(packed[i].failure, "");
    expect_equal(*packed[i].reporter, *alone[i].reporter);
  }
}

TEST(TrainingPack, LeavesCheckpointsThatARunAloneGoesOnFrom) {
  const SyntheticWindows windows;
  const TemporaryFolder folder;
  std::vector<Member> packed;
  for (std::int64_t number = 0; number < 3; ++number) {
    packed.push_back(made(windows, number));
    packed.back().assignment.store_directory = folder.path.string();
  }
  RecordingReporter& told = *packed[2].reporter;
  told.on_epoch = [&] {
    if (told.epochs.size() == 2) throw Killed();
  };
  run_packed(packed, 3);
  ASSERT_EQ(packed[2].failure, "killed");
  Member whole = made(windows, 2), rest = made(windows, 2);
  run_member(whole, nullptr);
  rest.assignment.store_directory = folder.path.string();
  rest.assignment.attempt = 2;
  rest.assignment.resume_path = told.epochs.back().checkpoint_path;
  rest.assignment.resume_sha256 = told.epochs.back().checkpoint_sha256;
  rest.assignment.resume_epoch = told.epochs.back().epoch;
  run_member(rest, nullptr);
  ASSERT_EQ(rest.failure, "");
  EXPECT_EQ(rest.reporter->epochs.back().state_hash_after, whole.reporter->epochs.back().state_hash_after);
  EXPECT_EQ(rest.reporter->evaluations.back().predicted, whole.reporter->evaluations.back().predicted);
}

TEST(TrainingPack, IsOfRunsOfOneShapeAlone) {
  const RunSpec run = test::small_run();
  const auto key_with = [&](const std::function<void(RunSpec&)>& change) {
    RunSpec other = run;
    change(other);
    return pack_key(other);
  };
  const std::string key = pack_key(run);
  ASSERT_FALSE(key.empty());
  EXPECT_EQ(key, pack_key(member(3).run));
  EXPECT_EQ(key, key_with([](RunSpec& other) { other.training.batch_order = "people"; }));
  EXPECT_NE(key, key_with([](RunSpec& other) { other.training.triplet_weight = 0; }));
  EXPECT_NE(key, key_with([](RunSpec& other) { other.training.batch_size = 9; }));
  EXPECT_NE(key, key_with([](RunSpec& other) { other.training.precision = "float64"; }));
  EXPECT_NE(key, key_with([](RunSpec& other) { other.model.embedding = 8; }));
  EXPECT_NE(key, key_with([](RunSpec& other) { other.windows.steps = 16; }));
  EXPECT_NE(key, key_with([](RunSpec& other) { other.dataset_hash = "of other recordings"; }));
  EXPECT_NE(key, key_with([](RunSpec& other) { other.threads = 2; }));
  EXPECT_EQ("", key_with([](RunSpec& other) { other.world_size = 2; }));
  EXPECT_EQ("", pack_key(test::baseline_assignment("cnn", 1).run));
}

TEST(TrainingPack, LeavesABaselineByItself) {
  const SyntheticWindows windows;
  std::vector<Member> packed;
  packed.push_back({test::baseline_assignment("cnn", 2), windows.attempt_data()});
  packed.push_back(made(windows, 1));
  run_packed(packed, 2);
  Member alone{test::baseline_assignment("cnn", 2), windows.attempt_data()};
  run_member(alone, nullptr);
  EXPECT_EQ(packed[0].failure + packed[1].failure, "");
  expect_equal(*packed[0].reporter, *alone.reporter);
}

TEST(Turns, GoToWhoWaitedLongest) {
  Turns turns(nothing_to_wait_for);
  std::string order;
  for (const char name : {'a', 'b', 'c'})
    turns.start([&, name] {
      for (int i = 0; i < 3; ++i) {
        order += name;
        turns.yield();
      }
    });
  turns.let_all_end();
  EXPECT_EQ(order, "abcabcabc");
}

TEST(Turns, EndForAllWhenNothingCanBeWaitedFor) {
  Turns turns(nothing_to_wait_for);
  std::string said;
  for (int i = 0; i < 2; ++i)
    turns.start([&] {
      try {
        turns.wait([] { return false; });
      } catch (const std::logic_error& failure) {
        said += failure.what();
      }
    });
  EXPECT_THROW(turns.wait([] { return false; }), std::logic_error);
  turns.let_all_end();
  EXPECT_EQ(said, "nobody in the pack can go onnobody in the pack can go on");
}

} // namespace
} // namespace stdualx
