// A COMPLETE run that is trained again, and the builds that made attempts.
#include "fixture.h"
#include "results/ledger.h"

#include <gmock/gmock.h>

namespace stdualx {
namespace {

using ::testing::HasSubstr;

using TrainAgain = OneRunStore;

TEST_F(TrainAgain, ACompleteRunIsTrainedAgainWithoutLosingItsStatusOrNumbers) {
  complete(store, run);
  const auto shown = [&] {
    Reader reader(file);
    return reader.query("SELECT status, epochs_done, seconds, validation_accuracy, accuracy, device, platform, end_reason, end_detail FROM "
                        "v_runs WHERE run_id = ?1",
                        {run_id});
  };
  const Table before = shown();
  const auto epochs = state().epochs_recorded;
  EXPECT_THAT(message_of<StorageError>([&] { store.begin_attempt(run_id, a_place(), 1); }), HasSubstr("COMPLETE"));
  EXPECT_EQ(store.begin_attempt(run_id, a_place("node5", "cpu B"), 1, 0, AttemptKind::train_again), 2);
  EXPECT_EQ(shown().rows, before.rows) << "while it is at work";
  EpochReport again = an_epoch(run_id, 2, 1);
  EXPECT_EQ(store.record_epoch(again), EpochOutcome::replay_agrees);
  EXPECT_EQ(state().epochs_recorded, epochs);
  EXPECT_EQ(state().epochs_again, 1);
  EXPECT_EQ(store.live_checkpoints(run_id).size(), 1u) << "to go on from after a death";
  EXPECT_TRUE(store.end_attempt({run_id, 2, "trainer_died", "signal 9", "", {}}, RunStatus::complete));
  EXPECT_EQ(store.live_checkpoints(run_id).size(), 1u);
  EXPECT_EQ(state().failures, 1);

  EXPECT_EQ(store.begin_attempt(run_id, a_place(), 1, 1, AttemptKind::train_again), 3);
  for (std::int64_t epoch = 2; epoch <= run.training.epochs; ++epoch) store.record_epoch(an_epoch(run_id, 3, epoch));
  EXPECT_FALSE(store.record_evaluation(an_evaluation(run_id, 3))) << "what is there stands";
  EvaluationReport noise = an_evaluation(run_id, 3, "test", 7);
  noise.condition = "noise/10/1";
  EXPECT_TRUE(store.record_evaluation(noise));
  const Artifact weights{"weights", run_id + "/3/best.safetensors", "cc", 11};
  EXPECT_TRUE(store.end_attempt({run_id, 3, "complete", "", "", {weights}}, RunStatus::complete));
  EXPECT_EQ(state().weights, weights);
  EXPECT_TRUE(store.live_checkpoints(run_id).empty());
  EXPECT_EQ(shown().rows, before.rows);
  Reader reader(file);
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM v_robustness WHERE metric = 'accuracy'"), 1);
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM events WHERE kind IN ('evaluation_differs', 'hash_mismatch')"), 0);
  EXPECT_TRUE(ledger_findings(reader).empty());
}

TEST_F(TrainAgain, EachAttemptSaysItsBuildAndAnotherInTheMiddleOfASweepIsAnEvent) {
  const RunSpec second = a_run(1), third = a_run(2);
  store.release();
  const auto run_one = [&](const RunSpec& one, const BuildId& own, const BuildId& trainer) {
    StoreOptions options;
    options.build = own;
    Store writer = Store::open_for_writing(file, options);
    writer.register_sweep(a_plan({run, second, third}));
    Placement place = a_place();
    place.build = trainer;
    writer.begin_attempt(run_identity(one), place, 1);
    writer.end_attempt({run_identity(one), 1, "drained", "", "", {}}, RunStatus::interrupted);
    writer.release();
  };
  const BuildId one{"1.0.0", "abc", "11"}, other{"1.0.1", "", "22"}, trainer{"1.0.0", "abc", "33"};
  run_one(run, one, trainer);
  run_one(second, one, trainer);
  Reader reader(file);
  const auto events = [&] { return integer_at(reader, "SELECT count(*) FROM events WHERE kind = 'other_build'"); };
  EXPECT_EQ(events(), 0);
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM programs"), 1);
  run_one(third, other, trainer);
  EXPECT_EQ(events(), 1);
  EXPECT_EQ(text_at(reader, "SELECT text FROM events WHERE kind = 'other_build'"),
            "of sweep small 2 runs were begun by stdualx 1.0.0 (abc), 11 with trainer 1.0.0 (abc), 33; from here on stdualx 1.0.1, 22 with "
            "trainer 1.0.0 (abc), 33 is at work");
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM attempts JOIN programs USING (program_id) WHERE trainer_sha256 = '33'"), 3);
}

} // namespace
} // namespace stdualx
