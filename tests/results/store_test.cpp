// What the store promises a coordinator: idempotent, never twice, never COMPLETE without numbers.
#include "fixture.h"
#include "results/database.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

namespace stdualx {
namespace {

using ::testing::HasSubstr;

using StoreTest = OneRunStore;

TEST_F(StoreTest, ACardNeverLosesAClassToASweepWithoutTheNullClass) {
  const auto classes = [&] {
    return Reader(file).query("SELECT classes FROM datasets WHERE dataset_hash = ?1", {run.dataset_hash}).rows.at(0).at(0);
  };
  Plan plan = a_plan({run});
  plan.datasets = {{run.dataset_hash, run.dataset, {"belt"}, {"walk", "sit", "null"}}};
  store.register_sweep(plan);
  EXPECT_EQ(classes(), Cell(std::string(R"(["walk","sit","null"])")));
  plan.datasets[0].classes = {"walk", "sit"};
  store.register_sweep(plan);
  EXPECT_EQ(classes(), Cell(std::string(R"(["walk","sit","null"])")));
}

TEST_F(StoreTest, ASweepRegisteredAgainAddsNothing) {
  EXPECT_EQ(store.register_sweep(a_plan({run})), 0);
  Reader reader(file);
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM runs"), 1);
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM sweep_runs"), 1);
}

TEST_F(StoreTest, ARunBelongsToEverySweepThatNamesIt) {
  EXPECT_EQ(store.register_sweep(a_plan({run, a_run(1), a_run(2)}, "wider")), 2) << "only what is new";
  Reader reader(file);
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM sweeps"), 2);
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM sweep_runs"), 4);
  EXPECT_EQ(from_json<RunSpec>(Json::parse(text_at(reader, "SELECT config FROM v_configs JOIN runs USING (run_id) WHERE fold = 2"))),
            a_run(2));
}

TEST_F(StoreTest, RunsOfOneRecipeDifferInFoldAndSeedAlone) {
  RunSpec other = a_run(1, 2), warmer = run;
  warmer.training.learning_rate = 0.5;
  store.register_sweep(a_plan({other, warmer}, "more"));
  Reader reader(file);
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM configs"), 2) << "a configuration is kept once";
  EXPECT_EQ(integer_at(reader, "SELECT count(DISTINCT recipe_id) FROM runs"), 2);
  EXPECT_EQ(integer_at(reader, "SELECT count(DISTINCT split_id) FROM runs"), 1);
}

TEST_F(StoreTest, AnUnknownRunIsSaidToBeUnknown) {
  const RunState unknown = store.run_states(std::vector<std::string>{"nobody"}).at(0);
  EXPECT_FALSE(unknown.known);
  EXPECT_THAT(message_of<StorageError>([&] { store.begin_attempt("nobody", a_place(), 1); }), HasSubstr("nobody is not in the store"));
  EXPECT_THAT(message_of<StorageError>([&] { store.set_status("nobody", RunStatus::waiting); }), HasSubstr("nobody"));
}

TEST_F(StoreTest, TheStateOfARunFollowsItsReports) {
  EXPECT_EQ(state().status, RunStatus::planned);
  EXPECT_EQ(state().last_attempt, 0);
  EXPECT_EQ(store.begin_attempt(run_id, a_place(), 1), 1);
  EXPECT_EQ(state().status, RunStatus::running);
  EXPECT_EQ(store.record_epoch(an_epoch(run_id, 1, 1)), EpochOutcome::recorded);
  const EpochReport second = an_epoch(run_id, 1, 2);
  EXPECT_EQ(store.record_epoch(second), EpochOutcome::recorded);
  EXPECT_EQ(state().epochs_recorded, 2);
  EXPECT_EQ(state().latest_checkpoint, (CheckpointRef{1, 2, second.checkpoint_path, second.checkpoint_sha256}));
  EXPECT_TRUE(store.record_evaluation(an_evaluation(run_id, 1)));
  EXPECT_TRUE(store.end_attempt({run_id, 1, "complete", "", "", {}}, RunStatus::complete));
  EXPECT_EQ(state().status, RunStatus::complete);
  Reader reader(file);
  EXPECT_EQ(reader.run_states(std::vector{run_id}).at(0).latest_checkpoint, state().latest_checkpoint);
}

TEST_F(StoreTest, AMessageSentAgainChangesNothing) {
  store.begin_attempt(run_id, a_place(), 1);
  store.record_epoch(an_epoch(run_id, 1, 1));
  EXPECT_EQ(store.record_epoch(an_epoch(run_id, 1, 1)), EpochOutcome::repeated);
  EXPECT_TRUE(store.record_evaluation(an_evaluation(run_id, 1)));
  EXPECT_FALSE(store.record_evaluation(an_evaluation(run_id, 1)));
  EXPECT_TRUE(store.end_attempt({run_id, 1, "complete", "first", "", {}}, RunStatus::complete));
  EXPECT_FALSE(store.end_attempt({run_id, 1, "error", "second", "", {}}, RunStatus::failed));
  EXPECT_EQ(store.record_epoch(an_epoch(run_id, 1, 1)), EpochOutcome::repeated) << "also after the end";
  EXPECT_EQ(state().status, RunStatus::complete);
  Reader reader(file);
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM epochs"), 1);
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM replays"), 0);
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM events"), 0);
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM predictions"), 10);
  EXPECT_EQ(text_at(reader, "SELECT end_detail FROM attempts"), "first");
}

TEST_F(StoreTest, AnEpochComputedAgainIsAReplayAndItsHashIsJudged) {
  store.begin_attempt(run_id, a_place("node1", "cpu A"), 1);
  store.record_epoch(an_epoch(run_id, 1, 1));
  store.end_attempt({run_id, 1, "trainer_died", "signal 9", "", {}}, RunStatus::interrupted);
  store.begin_attempt(run_id, a_place("node2", "cpu A"), 1);
  EXPECT_EQ(store.record_epoch(an_epoch(run_id, 2, 1)), EpochOutcome::replay_agrees);
  EXPECT_EQ(store.record_epoch(an_epoch(run_id, 2, 1)), EpochOutcome::repeated);
  store.end_attempt({run_id, 2, "trainer_died", "signal 9", "", {}}, RunStatus::interrupted);

  store.begin_attempt(run_id, a_place("node3", "cpu A"), 1);
  EpochReport other = an_epoch(run_id, 3, 1);
  other.state_hash_after = "another state";
  EXPECT_EQ(store.record_epoch(other), EpochOutcome::hash_mismatch);
  store.end_attempt({run_id, 3, "drained", "", "", {}}, RunStatus::interrupted);

  store.begin_attempt(run_id, a_place("node4", "cpu B"), 1);
  other.attempt = 4;
  EXPECT_EQ(store.record_epoch(other), EpochOutcome::other_platform);

  Reader reader(file);
  EXPECT_EQ(text_at(reader, "SELECT state_hash_after FROM epochs"), "state 1") << "the first one stands";
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM replays"), 3);
  EXPECT_EQ(text_at(reader, "SELECT group_concat(agrees) FROM (SELECT agrees FROM replays ORDER BY attempt)"), "1,0,0");
  EXPECT_EQ(text_at(reader, "SELECT group_concat(kind) FROM (SELECT kind FROM events ORDER BY event_id)"), "hash_mismatch,other_platform");
}

TEST_F(StoreTest, AStaleAttemptIsFenced) {
  store.begin_attempt(run_id, a_place(), 1);
  store.record_epoch(an_epoch(run_id, 1, 1));
  store.end_attempt({run_id, 1, "lease_expired", "silent for 60 s", "", {}}, RunStatus::interrupted);
  store.begin_attempt(run_id, a_place("node2"), 1, 1);
  EXPECT_EQ(store.record_epoch(an_epoch(run_id, 1, 2)), EpochOutcome::stale);
  EXPECT_FALSE(store.record_evaluation(an_evaluation(run_id, 1)));
  EXPECT_FALSE(store.end_attempt({run_id, 1, "complete", "", "", {}}, RunStatus::complete));
  EXPECT_EQ(state().epochs_recorded, 1);
  EXPECT_EQ(state().status, RunStatus::running);
  Reader reader(file);
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM events WHERE kind = 'stale_attempt'"), 2);
  EXPECT_THAT(message_of<StorageError>([&] { store.record_epoch(an_epoch(run_id, 7, 1)); }), HasSubstr("attempt 7 of run"));
}

TEST_F(StoreTest, ARunWithoutItsEvaluationIsNeverComplete) {
  store.begin_attempt(run_id, a_place(), 1);
  const auto end = [&] { store.end_attempt({run_id, 1, "complete", "", "", {}}, RunStatus::complete); };
  EXPECT_THAT(message_of<StorageError>(end), HasSubstr("a run without its evaluation cannot be COMPLETE"));
  EXPECT_THAT(message_of<StorageError>([&] { store.set_status(run_id, RunStatus::complete); }), HasSubstr(run_id));
  store.record_evaluation(an_evaluation(run_id, 1, "validation"));
  EXPECT_THAT(message_of<StorageError>(end), HasSubstr("cannot be COMPLETE")) << "the test part is open, so the test part counts";
  EXPECT_EQ(state().status, RunStatus::running) << "a refused end leaves no trace";
  store.record_evaluation(an_evaluation(run_id, 1, "test"));
  EXPECT_EQ(message_of<StorageError>(end), "no error");
}

TEST_F(StoreTest, WhileTheTestPartIsClosedTheValidationPartCounts) {
  RunSpec closed = run;
  closed.protocol.open_test = false;
  store.register_sweep(a_plan({closed}, "choosing"));
  complete(store, closed);
  EXPECT_EQ(store.run_states(std::vector{run_identity(closed)}).at(0).status, RunStatus::complete);
}

TEST_F(StoreTest, NoRunIsTrainedTwice) {
  store.begin_attempt(run_id, a_place(), 1);
  EXPECT_THAT(message_of<StorageError>([&] { store.begin_attempt(run_id, a_place("node2"), 1); }), HasSubstr("being trained in attempt 1"));
  store.record_evaluation(an_evaluation(run_id, 1));
  store.end_attempt({run_id, 1, "complete", "", "", {}}, RunStatus::complete);
  EXPECT_THAT(message_of<StorageError>([&] { store.begin_attempt(run_id, a_place(), 1); }), HasSubstr("COMPLETE"));
}

TEST_F(StoreTest, FailuresAreCountedByReasonAndForgivenByRetry) {
  const auto fail = [&](const std::string& reason) {
    const auto attempt = store.begin_attempt(run_id, a_place(), 1);
    store.end_attempt({run_id, attempt, reason, "because", "last lines", {}}, RunStatus::failed);
  };
  for (const char* reason : {"error", "trainer_died", "drained", "not_finite"}) fail(reason);
  EXPECT_EQ(state().failures, 3);
  EXPECT_TRUE(store.retry(run_id));
  EXPECT_FALSE(store.retry(run_id));
  EXPECT_EQ(state().status, RunStatus::planned);
  EXPECT_EQ(state().failures, 0);
  EXPECT_EQ(state().last_attempt, 4) << "attempts are never erased";
  fail("error");
  EXPECT_EQ(state().failures, 1);
}

TEST_F(StoreTest, NaNIsAResult) {
  store.begin_attempt(run_id, a_place(), 1);
  EpochReport report = an_epoch(run_id, 1, 1);
  report.train_loss = std::numeric_limits<double>::quiet_NaN();
  report.validation_loss = std::numeric_limits<double>::quiet_NaN();
  store.record_epoch(report);
  report = an_epoch(run_id, 1, 2);
  report.train_loss = std::numeric_limits<double>::infinity();
  store.record_epoch(report);
  EvaluationReport evaluation = an_evaluation(run_id, 1);
  evaluation.metrics.push_back({"log_loss", std::numeric_limits<double>::quiet_NaN()});
  evaluation.metrics.push_back({"other", -std::numeric_limits<double>::infinity()});
  store.record_evaluation(evaluation);
  EXPECT_FALSE(store.record_evaluation(evaluation));
  Reader reader(file);
  EXPECT_EQ(text_at(reader, "SELECT group_concat(kind || coalesce(train_loss, '')) FROM (SELECT * FROM epochs ORDER BY epoch)"), "nan,inf");
  EXPECT_EQ(
      text_at(reader, "SELECT group_concat(metric || ' ' || kind) FROM (SELECT * FROM evaluations WHERE value IS NULL ORDER BY metric)"),
      "log_loss nan,other -inf");
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM events"), 0) << "NaN equals NaN when it is sent again";
}

TEST_F(StoreTest, AnEvaluationThatDiffersFromTheRecordedOneIsReported) {
  store.begin_attempt(run_id, a_place(), 1);
  store.record_evaluation(an_evaluation(run_id, 1, "test", 9));
  EXPECT_FALSE(store.record_evaluation(an_evaluation(run_id, 1, "test", 8)));
  Reader reader(file);
  EXPECT_EQ(text_at(reader, "SELECT kind FROM events"), "evaluation_differs");
  EXPECT_EQ(std::get<Real>(reader.query("SELECT value FROM evaluations WHERE metric = 'accuracy'").rows[0][0]).value, 0.9);
}

TEST_F(StoreTest, PredictionsAndConfusionCanBeAsked) {
  complete(store, run);
  Reader reader(file);
  EXPECT_EQ(
      integer_at(reader, "SELECT count(*) FROM v_predictions WHERE run_id = '" + run_id + "' AND part = 'test' AND label = predicted"), 9);
  EXPECT_EQ(integer_at(reader, "SELECT sum(windows) FROM v_confusion WHERE label <> predicted"), 1);
  EXPECT_EQ(integer_at(reader, "SELECT person FROM v_predictions WHERE window = 4"), 2);
}

TEST_F(StoreTest, AnEvaluationThatDoesNotHoldTogetherIsRefusedWhole) {
  store.begin_attempt(run_id, a_place(), 1);
  EvaluationReport broken = an_evaluation(run_id, 1);
  broken.labels.pop_back();
  EXPECT_THAT(message_of<StorageError>([&] { store.record_evaluation(broken); }), HasSubstr("9 labels"));
  EvaluationReport doubled = an_evaluation(run_id, 1);
  doubled.windows[5] = doubled.windows[4];
  store.begin();
  store.event("before", "", "stays");
  EXPECT_THAT(message_of<StorageError>([&] { store.record_evaluation(doubled); }), HasSubstr("tells something twice"));
  doubled = an_evaluation(run_id, 1);
  doubled.metrics.push_back(doubled.metrics.front());
  EXPECT_THROW(store.record_evaluation(doubled), StorageError);
  store.event("after", "", "stays too");
  store.commit();
  Reader reader(file);
  EXPECT_EQ(integer_at(
                reader,
                "SELECT (SELECT count(*) FROM evaluation_parts) + (SELECT count(*) FROM evaluations) + (SELECT count(*) FROM predictions)"),
            0);
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM events WHERE kind IN ('before', 'after')"), 2);
}

TEST_F(StoreTest, AnEndThatFailsLeavesNothingOfItself) {
  store.begin_attempt(run_id, a_place(), 1);
  store.begin();
  store.event("before", "", "stays");
  EXPECT_THROW(store.end_attempt({run_id, 1, "complete", "", ""}, RunStatus::complete), StorageError) << "refused at its first change";
  store.commit();
  Reader reader(file);
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM events WHERE kind = 'before'"), 1);
  EXPECT_EQ(state().status, RunStatus::running);

  Database(file, SQLITE_OPEN_READWRITE, 0)
      .script("CREATE TRIGGER refuses BEFORE INSERT ON artifacts BEGIN SELECT RAISE(ABORT, 'no artifacts'); END");
  AttemptEnd end{run_id, 1, "error", "", ""};
  end.artifacts.push_back({"weights", "best.safetensors", "", 1});
  store.begin();
  EXPECT_THROW(store.end_attempt(end, RunStatus::failed), StorageError) << "refused at its last change";
  EXPECT_THROW(store.commit(), StorageError) << "half of it must not become durable";
  EXPECT_EQ(state().status, RunStatus::running);
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM attempts WHERE ended_ms IS NULL"), 1);
}

TEST_F(StoreTest, ATransactionIsWholeOrNotAtAll) {
  {
    Store::Transaction transaction(store);
    store.begin_attempt(run_id, a_place(), 1);
    store.record_epoch(an_epoch(run_id, 1, 1));
  }
  EXPECT_EQ(state().last_attempt, 0);
  Store::Transaction transaction(store);
  store.begin_attempt(run_id, a_place(), 1);
  transaction.commit();
  EXPECT_EQ(state().last_attempt, 1);
  EXPECT_THROW(store.commit(), StorageError) << "nothing is open";
}

TEST_F(StoreTest, DeletedCheckpointsAreNotOffered) {
  store.begin_attempt(run_id, a_place(), 1);
  for (std::int64_t epoch = 1; epoch <= 3; ++epoch) store.record_epoch(an_epoch(run_id, 1, epoch));
  store.checkpoint_deleted(run_id, 1, 3);
  store.checkpoint_deleted(run_id, 1, 1);
  EXPECT_EQ(state().latest_checkpoint->epoch, 2);
  ASSERT_EQ(store.live_checkpoints(run_id).size(), 1u);
}

TEST_F(StoreTest, AttemptsAreNeverErased) {
  store.begin_attempt(run_id, a_place(), 1);
  store.release();
  Database raw(file, SQLITE_OPEN_READWRITE, 0);
  EXPECT_THROW(raw.script("DELETE FROM attempts"), StorageError);
  EXPECT_THROW(raw.script("UPDATE runs SET status = 'COMPLETE'"), StorageError) << "whoever writes";
  EXPECT_THROW(raw.script("UPDATE runs SET status = 'DONE'"), StorageError);
}

TEST_F(StoreTest, HostsAndEventsAreKept) {
  store.host("node1", {{"cores", 2}});
  store.host("node1", {{"cores", 4}});
  store.event("drained_host", run_id, "two runs failed at start");
  Reader reader(file);
  EXPECT_EQ(integer_at(reader, "SELECT facts ->> 'cores' FROM hosts"), 4);
  EXPECT_EQ(text_at(reader, "SELECT text FROM events WHERE run_id IS NOT NULL"), "two runs failed at start");
}

TEST_F(StoreTest, ThePapersNumbersAreThere) {
  Reader reader(file);
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM paper_values"), 10);
  EXPECT_EQ(std::get<Real>(reader.query("SELECT value FROM paper_values WHERE claim_id = 'accuracy_uci_har'").rows[0][0]).value, 0.988);
}

TEST_F(StoreTest, ViewsPairVariantsAndTimeEpochs) {
  RunSpec ablated = run;
  ablated.variant = "without_csa";
  ablated.model.cross_sensor_attention = false;
  store.register_sweep(a_plan({ablated}, "ablation"));
  complete(store, run, 9);
  complete(store, ablated, 7);
  Reader reader(file);
  const Table pairs = reader.query("SELECT variant, accuracy_difference FROM v_ablation");
  ASSERT_EQ(pairs.rows.size(), 1u);
  EXPECT_NEAR(std::get<Real>(pairs.rows[0][1]).value, -0.2, 1e-12);
  const Table timing = reader.query("SELECT other_seconds, windows_per_second FROM v_timing WHERE run_id = ?1 AND epoch = 1", {run_id});
  EXPECT_NEAR(std::get<Real>(timing.rows[0][0]).value, 0.25, 1e-12);
  EXPECT_NEAR(std::get<Real>(timing.rows[0][1]).value, 100.0 / 3, 1e-12);
  const Table efficiency = reader.query(
      "SELECT windows_per_second, seconds_per_epoch, communication_share, epochs FROM v_efficiency WHERE variant = 'stdual_x'");
  EXPECT_NEAR(std::get<Real>(efficiency.rows[0][0]).value, 100.0 / 3, 1e-12);
  EXPECT_NEAR(std::get<Real>(efficiency.rows[0][1]).value, 3, 1e-12);
  EXPECT_NEAR(std::get<Real>(efficiency.rows[0][2]).value, 0.25 / 3, 1e-12);
  const Table runs = reader.query(
      "SELECT epochs_done, epochs_planned, attempts, seconds, accuracy, overlap_share FROM v_runs WHERE run_id = ?1", {run_id});
  EXPECT_EQ(runs.rows[0], (std::vector<Cell>{std::int64_t{2}, std::int64_t{2}, std::int64_t{1}, Real{6}, Real{0.9}, Real{0.25}}));
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM v_accuracy"), 2);
  EXPECT_EQ(reader.query("SELECT * FROM v_robustness").rows.size(), 0u);
}

TEST_F(StoreTest, FurtherConditionsAreEvaluatedWhileTheRunStaysComplete) {
  complete(store, run);
  EXPECT_THAT(message_of<StorageError>([&] { store.begin_attempt(run_id, a_place(), 1); }), HasSubstr("COMPLETE"));
  const auto evaluate = [&](std::int64_t attempt, const std::string& condition, std::int64_t right) {
    EvaluationReport report = an_evaluation(run_id, attempt, "test", right);
    report.condition = condition;
    return store.record_evaluation(report);
  };
  EXPECT_EQ(store.begin_attempt(run_id, a_place(), 1, 0, AttemptKind::evaluate), 2);
  EXPECT_EQ(state().status, RunStatus::complete);
  EXPECT_TRUE(evaluate(2, "missing_samples/0.1/last/1", 8));
  EXPECT_FALSE(evaluate(2, "missing_samples/0.1/last/1", 8)) << "told again";
  EXPECT_THAT(message_of<StorageError>([&] { store.begin_attempt(run_id, a_place(), 1, 0, AttemptKind::evaluate); }),
              HasSubstr("attempt 2"));
  EXPECT_TRUE(store.end_attempt({run_id, 2, "trainer_died", "signal 9", "", {}}, RunStatus::failed));
  EXPECT_EQ(state().status, RunStatus::complete);
  EXPECT_EQ(state().failures, 1);
  EXPECT_TRUE(store.retry(run_id));
  EXPECT_FALSE(store.retry(run_id));
  EXPECT_EQ(state().status, RunStatus::complete);
  EXPECT_EQ(state().failures, 0);

  store.begin_attempt(run_id, a_place(), 1, 0, AttemptKind::evaluate);
  EXPECT_TRUE(evaluate(3, "missing_sensor/2/zero", 5));
  EXPECT_TRUE(store.end_attempt({run_id, 3, "complete", "", "", {}}, RunStatus::complete));
  EXPECT_EQ(state().test_conditions, (std::vector<std::string>{"clean", "missing_samples/0.1/last/1", "missing_sensor/2/zero"}));
  EXPECT_THAT(message_of<StorageError>([&] { evaluate(3, "missing_much", 5); }), HasSubstr("names no condition"));
  Reader reader(file);
  const Table rows =
      reader.query("SELECT condition_kind, amount, fill, condition_seed, clean_value, round(difference, 9) FROM v_robustness "
                   "WHERE metric = 'accuracy' ORDER BY condition");
  ASSERT_EQ(rows.rows.size(), 2u);
  EXPECT_EQ(rows.rows[0], (std::vector<Cell>{"missing_samples", Real{0.1}, "last", std::int64_t{1}, Real{0.9}, Real{-0.1}}));
  EXPECT_EQ(rows.rows[1], (std::vector<Cell>{"missing_sensor", Real{2}, "zero", std::int64_t{0}, Real{0.9}, Real{-0.4}}));
  EXPECT_EQ(text_at(reader, "SELECT end_reason FROM v_runs"), "complete") << "of the attempt that trained";
}

TEST_F(StoreTest, ARunThatIsNotCompleteHasNothingToEvaluate) {
  EXPECT_THAT(message_of<StorageError>([&] { store.begin_attempt(run_id, a_place(), 1, 0, AttemptKind::evaluate); }),
              HasSubstr("is PLANNED, not COMPLETE"));
}

TEST_F(StoreTest, AnInterruptedEvaluationLeavesTheRunComplete) {
  complete(store, run);
  store.begin_attempt(run_id, a_place(), 1, 0, AttemptKind::evaluate);
  store.release();
  Store next = Store::open_for_writing(file);
  EXPECT_EQ(next.run_states(std::vector{run_id}).at(0).status, RunStatus::complete);
  EXPECT_EQ(next.begin_attempt(run_id, a_place(), 1, 0, AttemptKind::evaluate), 3);
  Reader reader(file);
  EXPECT_EQ(text_at(reader, "SELECT end_reason FROM attempts WHERE attempt = 2"), "interrupted");
}

TEST_F(StoreTest, TheNewestWeightsAreOffered) {
  store.begin_attempt(run_id, a_place(), 1);
  store.record_evaluation(an_evaluation(run_id, 1));
  const Artifact first{"weights", run_id + "/1/best.safetensors", "aa", 10},
      embedding{"embedding", run_id + "/1/embedding.safetensors", "bb", 20};
  EXPECT_TRUE(store.end_attempt({run_id, 1, "drained", "", "", {first}}, RunStatus::interrupted));
  EXPECT_EQ(state().weights, first);
  store.begin_attempt(run_id, a_place(), 1);
  const Artifact second{"weights", run_id + "/2/best.safetensors", "cc", 11};
  EXPECT_TRUE(store.end_attempt({run_id, 2, "complete", "", "", {embedding, second}}, RunStatus::complete));
  EXPECT_FALSE(store.end_attempt({run_id, 2, "complete", "", "", {first}}, RunStatus::complete));
  EXPECT_EQ(state().weights, second);
  Reader reader(file);
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM artifacts"), 3);
  EXPECT_EQ(integer_at(reader, "SELECT attempt FROM artifacts WHERE kind = 'embedding'"), 2);
}

TEST_F(StoreTest, AttentionIsKeptByPersonAndShownByName) {
  Plan plan = a_plan({run}, "with names");
  plan.datasets = {{run.dataset_hash, run.dataset, {"wrist", "ankle"}, {"sitting", "walking"}}};
  store.register_sweep(plan);
  store.begin_attempt(run_id, a_place(), 1);
  EvaluationReport report = an_evaluation(run_id, 1);
  report.sensors = 2;
  report.attention = {{1, 1, 30, {0.25, 0.75, 0.5, 0.5}}, {2, 1, 10, {0.75, 0.25, 0.5, 0.5}}, {2, 0, 5, {1, 0, 0, 1}}};
  EvaluationReport broken = report;
  broken.attention[1].weights.pop_back();
  EXPECT_THAT(message_of<StorageError>([&] { store.record_evaluation(broken); }), HasSubstr("3 attention maps of 2 sensors"));
  EXPECT_TRUE(store.record_evaluation(report));
  Reader reader(file);
  EXPECT_EQ(reader.query("SELECT * FROM v_attention").rows.size(), 0u) << "not COMPLETE yet";
  store.end_attempt({run_id, 1, "complete", "", "", {}}, RunStatus::complete);
  const Table rows = reader.query("SELECT activity, querying_sensor, attended_sensor, weight, deviation, people, windows FROM v_attention "
                                  "WHERE activity = 'walking' AND query = 0 ORDER BY key");
  ASSERT_EQ(rows.rows.size(), 2u);
  const double deviation = std::sqrt(2 * 0.25 * 0.25);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(rows.rows[i][1], Cell("wrist"));
    EXPECT_EQ(rows.rows[i][2], Cell(i == 0 ? "wrist" : "ankle"));
    EXPECT_EQ(rows.rows[i][3], Cell(Real{0.5})) << "of people, not of windows";
    EXPECT_NEAR(std::get<Real>(rows.rows[i][4]).value, deviation, 1e-12);
    EXPECT_EQ(rows.rows[i][5], Cell(std::int64_t{2}));
    EXPECT_EQ(rows.rows[i][6], Cell(std::int64_t{40}));
  }
  EXPECT_EQ(reader.query("SELECT deviation FROM v_attention WHERE activity = 'sitting' AND query = 0 AND key = 0").rows.at(0).at(0),
            Cell(std::monostate{}))
      << "of one person";
}

TEST_F(StoreTest, TheLatestMeasurementOnADeviceStands) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  store.record_efficiency({run_id, "node1", "cpu", "cpu A", 1, {{"latency_median", 0.004}, {"parameters", 1000}}});
  store.record_efficiency({run_id, "node1", "cpu", "cpu A, newer torch", 1, {{"latency_median", 0.003}}});
  store.record_efficiency({run_id, "node1", "cpu", "cpu A", 2, {{"latency_median", nan}}});
  EXPECT_THAT(message_of<StorageError>([&] { store.record_efficiency({"nobody", "node1", "cpu", "", 1, {}}); }), HasSubstr("nobody"));
  Reader reader(file);
  EXPECT_EQ(text_at(reader, "SELECT group_concat(threads || ' ' || metric || ' ' || coalesce(value, kind)) FROM (SELECT * FROM v_inference "
                            "ORDER BY threads, metric)"),
            "1 latency_median 0.003,1 parameters 1000.0,2 latency_median nan");
  EXPECT_EQ(text_at(reader, "SELECT platform FROM v_inference WHERE metric = 'latency_median' AND threads = 1"), "cpu A, newer torch");
}

} // namespace
} // namespace stdualx
