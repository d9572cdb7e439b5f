// A store that was copied, damaged, doubted, put right, or joined with another.
#include "fixture.h"

#include <gmock/gmock.h>

#include <fstream>
#include <functional>
#include <optional>

#include "results/backup.h"
#include "results/database.h"
#include "results/ledger.h"

namespace stdualx {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// A store with one COMPLETE run of fold 0 and one of fold 1 that has done an epoch.
class Repair : public ::testing::Test {
protected:
  TemporaryFolder folder;
  std::filesystem::path file = folder / "results.db", store_directory = folder / "results.db.d";
  RunSpec done = a_run(0), begun = a_run(1);
  std::string done_id = run_identity(done), begun_id = run_identity(begun);

  void SetUp() override {
    Store store = Store::open_for_writing(file);
    store.register_sweep(a_plan({done, begun}));
    complete(store, done);
    const auto attempt = store.begin_attempt(begun_id, a_place(), 1);
    store.record_epoch(an_epoch(begun_id, attempt, 1));
    store.end_attempt({begun_id, attempt, "drained", "", "", {}}, RunStatus::interrupted);
  }
  void sql(const std::string& text) { Database(file, SQLITE_OPEN_READWRITE, 0).script(text); }
  std::vector<std::string> faults() {
    Reader reader(file);
    std::vector<std::string> texts;
    for (const LedgerFinding& finding : ledger_findings(reader))
      texts.push_back((finding.fault ? "" : "note: ") + finding.run_id.substr(0, 4) + ": " + finding.text);
    return texts;
  }
};

TEST_F(Repair, ABackupTakenWhileASweepWritesHoldsWhatWasCommitted) {
  Store store = Store::open_for_writing(file);
  store.begin();
  store.set_status(begun_id, RunStatus::waiting);
  backup_store(file, folder / "copy.db"); // in the midst of the writer's transaction
  store.commit();
  Reader copy(folder / "copy.db");
  EXPECT_EQ(text_at(copy, "SELECT status FROM runs WHERE run_id = '" + begun_id + "'"), "INTERRUPTED");
  EXPECT_EQ(integer_at(copy, "SELECT count(*) FROM predictions"), 10);
  EXPECT_EQ(damage_of(folder / "copy.db"), std::nullopt);
  EXPECT_FALSE(std::filesystem::exists(folder / "copy.db-wal"));
  backup_store(file, folder / "copy.db"); // over the older one
  EXPECT_EQ(text_at(copy, "SELECT status FROM runs WHERE run_id = '" + begun_id + "'"), "INTERRUPTED")
      << "who reads the old one is not disturbed";
  Reader newer(folder / "copy.db");
  EXPECT_EQ(text_at(newer, "SELECT status FROM runs WHERE run_id = '" + begun_id + "'"), "WAITING");
  EXPECT_THAT(message_of<InputError>([&] { backup_store(file, file); }), HasSubstr("the store itself"));
  std::ofstream(folder / "letter.txt") << "to somebody, and more than a few bytes of it";
  EXPECT_THAT(message_of<InputError>([&] { backup_store(file, folder / "letter.txt"); }),
              HasSubstr("letter.txt: this file is not an SQLite database"));
  EXPECT_THAT(message_of<InputError>([&] { backup_store(folder / "none.db", folder / "copy.db"); }), HasSubstr("there is no store"));
}

/// A coordinator's whole life, with a backup in pieces.
void back_up(const std::filesystem::path& file, const std::filesystem::path& store_directory, const std::function<void(Store&)>& between) {
  Store store = Store::open_for_writing(file);
  RunningBackup backup(store, store_directory);
  while (!backup.step(std::chrono::microseconds(1))) between(store);
}

TEST_F(Repair, TheLastThreeBackupsOfCoordinatorsAreKept) {
  for (std::int64_t seed = 10; seed < 14; ++seed) {
    back_up(file, store_directory, [](Store&) {});
    Store store = Store::open_for_writing(file);
    store.register_sweep(a_plan({a_run(0, seed)}, "sweep " + std::to_string(seed)));
  }
  const auto kept = backups(store_directory);
  ASSERT_THAT(kept, SizeIs(3));
  EXPECT_EQ(kept[0].filename(), "before-coordinator-00000008.db");
  EXPECT_EQ(kept[2].filename(), "before-coordinator-00000004.db");
  EXPECT_EQ(damage_of(kept[0]), std::nullopt);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(backup_folder(store_directory)), {}), 3) << "nothing half written, no WAL";
}

TEST_F(Repair, ABackupInPiecesHoldsWhatIsWrittenMeanwhile) {
  for (const JournalMode journal : {JournalMode::wal, JournalMode::rollback}) {
    StoreOptions options;
    options.journal = journal;
    Store store = Store::open_for_writing(file, options);
    ASSERT_EQ(store.journal_mode(), journal);
    const std::int64_t seed = journal == JournalMode::wal ? 100 : 200;
    store.register_sweep(a_plan({a_run(0, seed), a_run(0, seed + 1), a_run(0, seed + 2)}, std::to_string(seed)));
    complete(store, a_run(0, seed), 50000, 100000); // some hundred pages
    RunningBackup backup(store, store_directory);
    int pieces = 0;
    for (; !backup.step(std::chrono::microseconds(0)); ++pieces)
      if (pieces == 1 || pieces == 3) complete(store, a_run(0, seed + (pieces + 1) / 2), 500, 1000);
    EXPECT_GT(pieces, 5);
    const auto kept = backups(store_directory);
    ASSERT_FALSE(kept.empty());
    EXPECT_EQ(damage_of(kept[0]), std::nullopt);
    Reader copy(kept[0]), now(file);
    EXPECT_EQ(integer_at(copy, "SELECT count(*) FROM predictions"), integer_at(now, "SELECT count(*) FROM predictions"));
  }
}

TEST_F(Repair, WhereNothingChangedSinceTheNewestBackupNoneIsMade) {
  back_up(file, store_directory, [](Store&) {});
  ASSERT_THAT(backups(store_directory), SizeIs(1));
  back_up(file, store_directory, [](Store&) { FAIL() << "nothing is to be copied"; });
  EXPECT_THAT(backups(store_directory), SizeIs(1));
  std::ofstream(backups(store_directory)[0], std::ios::trunc) << "damaged";
  back_up(file, store_directory, [](Store&) {});
  EXPECT_THAT(backups(store_directory), SizeIs(2)) << "a damaged one counts for nothing";
}

TEST_F(Repair, ABackupThatIsNotFinishedLeavesNothing) {
  Store store = Store::open_for_writing(file);
  {
    RunningBackup backup(store, store_directory);
    EXPECT_FALSE(backup.step(std::chrono::microseconds(0)));
  }
  EXPECT_TRUE(std::filesystem::is_empty(backup_folder(store_directory)));
  EXPECT_TRUE(store.release());
}

TEST_F(Repair, ACutOrFlippedFileIsDamaged) {
  EXPECT_EQ(damage_of(file), std::nullopt);
  const auto size = std::filesystem::file_size(file);
  std::filesystem::copy_file(file, folder / "cut.db");
  std::filesystem::resize_file(folder / "cut.db", size / 2);
  EXPECT_NE(damage_of(folder / "cut.db"), std::nullopt);
  std::filesystem::copy_file(file, folder / "flipped.db");
  {
    std::fstream stream(folder / "flipped.db", std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(static_cast<std::streamoff>(size / 4096 / 2 * 4096)); // the header of a page in the middle
    stream.write("\xff\xff\xff\xff\xff\xff\xff\xff", 8);
  }
  EXPECT_NE(damage_of(folder / "flipped.db"), std::nullopt);
  std::ofstream(folder / "text.db") << "no database, but long enough to be looked at";
  EXPECT_THAT(damage_of(folder / "text.db").value_or(""), HasSubstr("not an SQLite database"));
}

TEST_F(Repair, TheLedgerOfAnHonestStoreHolds) { EXPECT_THAT(faults(), IsEmpty()); }

TEST_F(Repair, TheLedgerNamesWhatCannotBe) {
  const std::string done_in = "' WHERE run_id = '" + done_id + "'";
  const struct {
    std::string change, finding;
  } cases[] = {
      {"UPDATE epochs SET state_hash_before = 'elsewhere" + done_in + " AND epoch = 2",
       "epoch 2 (attempt 1 on node1, cpu) starts in state elsewhere, but epoch 1 (attempt 1 on node1, cpu) ended in state 1"},
      {"DELETE FROM checkpoints; DELETE FROM epochs WHERE epoch = 1 AND run_id = '" + done_id + "'", "epoch 1 is missing before epoch 2"},
      {"DELETE FROM epochs WHERE epoch = 2 AND run_id = '" + done_id + "'", "it is COMPLETE, but 1 of its 2 epochs are recorded"},
      {"DELETE FROM evaluations WHERE metric = 'accuracy'", "it is COMPLETE without the accuracy of its test part"},
      {"DELETE FROM predictions WHERE window = 3", "says 10 windows, but 9 predictions and 10.0 in its confusion are recorded"},
      {"UPDATE evaluations SET value = 0.95 WHERE metric = 'accuracy'",
       "the accuracy of test under clean is 0.95, but its predictions say 0.9"},
      {"UPDATE runs SET open_test = 0, status = 'FAILED" + done_in, "it is FAILED, but holds an evaluation of its test part"},
      {"UPDATE attempts SET ended_ms = NULL, end_reason = NULL WHERE run_id = '" + begun_id + "'",
       "attempt 1 on node1 has no end, though the coordinator that began it gave the store back"},
      {"UPDATE runs SET status = 'RUNNING' WHERE run_id = '" + begun_id + "'", "it is RUNNING, but none of its attempts is open"},
      {"INSERT INTO replays VALUES ('" + begun_id + "', 1, 1, 'other', 'cpu A', 0, 1)",
       "epoch 1 was computed twice on an equal platform with other bits: attempt 1 on node1, cpu ended in other"},
      {"INSERT INTO replays VALUES ('" + begun_id + "', 1, 1, 'other', 'cpu B', 0, 1)",
       "note: " + begun_id.substr(0, 4) + ": epoch 1 was computed again on another platform, where equal bits are not promised"},
      {"INSERT INTO replays VALUES ('" + begun_id + "', 1, 1, 'state 1', 'cpu A', 0, 1)", "said to differ, its hash says otherwise"},
      {"UPDATE evaluations SET attempt = 2 WHERE metric = 'f1_macro'", "come from attempts 1 and 2: two evaluations in one"},
  };
  std::filesystem::copy_file(file, folder / "honest.db");
  for (const auto& each : cases) {
    SCOPED_TRACE(each.change);
    std::filesystem::copy_file(folder / "honest.db", file, std::filesystem::copy_options::overwrite_existing);
    sql(each.change);
    EXPECT_THAT(faults(), ::testing::Contains(HasSubstr(each.finding)));
  }
}

FoundRun found(const RunSpec& run, std::int64_t last_epoch, std::int64_t attempt = 2) {
  FoundRun found;
  found.run_id = run_identity(run);
  found.run = run;
  for (std::int64_t epoch = 1; epoch <= last_epoch; ++epoch) found.epochs[epoch] = an_epoch(found.run_id, attempt, epoch);
  found.attempts[attempt] = a_place("node7", "cpu Z");
  for (std::int64_t epoch = std::max<std::int64_t>(1, last_epoch - 1); epoch <= last_epoch; ++epoch) {
    const EpochReport report = an_epoch(found.run_id, attempt, epoch);
    found.checkpoints.push_back({attempt, epoch, report.checkpoint_path, report.checkpoint_sha256, 1000, report.state_hash_after});
  }
  return found;
}

TEST_F(Repair, EpochsThatFollowOnAreRestoredWithTheirAttemptAndCheckpoints) {
  begun.training.epochs = 5;
  begun_id = run_identity(begun);
  Store store = Store::open_for_writing(file);
  store.register_sweep(a_plan({begun}, "longer"));
  const Restored restored = store.restore(found(begun, 3));
  EXPECT_FALSE(restored.new_run);
  EXPECT_THAT(restored.epochs, ElementsAre(1, 2, 3));
  EXPECT_EQ(restored.checkpoints, 2);
  EXPECT_EQ(restored.left_out, "");
  const RunState state = store.run_states(std::vector{begun_id}).at(0);
  EXPECT_EQ(state.status, RunStatus::interrupted);
  EXPECT_EQ(state.epochs_recorded, 3);
  EXPECT_EQ(state.latest_checkpoint->epoch, 3);
  EXPECT_EQ(state.last_attempt, 2);
  EXPECT_EQ(state.failures, 0) << "an interruption is no failure";
  EXPECT_THAT(store.restore(found(begun, 3)).epochs, IsEmpty()) << "once is enough";
  Reader reader(file);
  EXPECT_EQ(text_at(reader, "SELECT host FROM attempts WHERE run_id = '" + begun_id + "'"), "node7");
  EXPECT_THAT(ledger_findings(reader), IsEmpty());
}

TEST_F(Repair, EpochsThatDoNotFollowOnAreLeftOut) {
  Store store = Store::open_for_writing(file);
  FoundRun gap = found(begun, 2);
  gap.run.training.epochs = 9;
  gap.run_id = run_identity(gap.run);
  for (auto& [epoch, report] : gap.epochs) report.run_id = gap.run_id;
  gap.epochs.erase(1);
  const Restored unknown = store.restore(gap);
  EXPECT_TRUE(unknown.new_run);
  EXPECT_THAT(unknown.epochs, IsEmpty());
  EXPECT_THAT(unknown.left_out, HasSubstr("epoch 2 is in its files, but not the one before it"));
  FoundRun other = found(begun, 2);
  other.epochs[2].state_hash_before = "state of another machine";
  EXPECT_THAT(store.restore(other).left_out, HasSubstr("epoch 2 of its files starts in another state"));
  EXPECT_EQ(store.run_states(std::vector{begun_id}).at(0).epochs_recorded, 1);
}

TEST_F(Repair, ACheckpointWhoseFileIsGoneIsNoLongerLive) {
  Store store = Store::open_for_writing(file);
  FoundRun files = found(begun, 2);
  files.checkpoints.erase(files.checkpoints.begin()); // of epoch 1, attempt 1's stays away as well
  EXPECT_THAT(store.restore(files).epochs, ElementsAre(2));
  EXPECT_THAT(store.live_checkpoints(begun_id), SizeIs(1));
}

/// No files: every copy succeeds, and is remembered.
struct Copies {
  std::vector<std::string> made;
  CopyRunFile copy() {
    return [this](const std::string&, const std::string&, const std::string& to) {
      made.push_back(to);
      return std::string();
    };
  }
};

TEST_F(Repair, MergingTakesOverWhatIsNewAndAgainNothing) {
  const auto other_file = folder / "other.db";
  const RunSpec third = a_run(2);
  {
    Store other = Store::open_for_writing(other_file);
    other.register_sweep(a_plan({done, begun, third}, "other"));
    complete(other, begun);
    const auto attempt = other.begin_attempt(run_identity(third), a_place("node9"), 1);
    other.record_epoch(an_epoch(run_identity(third), attempt, 1));
  } // it dies with `third` open
  Store store = Store::open_for_writing(file);
  Copies copies;
  const Merged merged = store.merge(other_file, copies.copy());
  EXPECT_EQ(merged.runs, 1);
  EXPECT_THAT(merged.completed, ElementsAre(begun_id));
  EXPECT_EQ(merged.epochs, 2); // epoch 2 of `begun`, epoch 1 of `third`
  EXPECT_EQ(merged.evaluations, 1);
  EXPECT_THAT(merged.notes, IsEmpty());
  EXPECT_THAT(copies.made, ElementsAre(run_identity(third) + "/1/epoch-1"));
  const auto states = store.run_states(std::vector{done_id, begun_id, run_identity(third)});
  EXPECT_EQ(states[0].status, RunStatus::complete);
  EXPECT_EQ(states[1].status, RunStatus::complete);
  EXPECT_EQ(states[2].status, RunStatus::interrupted);
  EXPECT_EQ(states[2].epochs_recorded, 1);
  Reader reader(file);
  EXPECT_THAT(ledger_findings(reader), IsEmpty());
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM attempts WHERE run_id = '" + begun_id + "'"), 2);
  EXPECT_EQ(integer_at(reader, "SELECT agrees FROM replays WHERE run_id = '" + begun_id + "' AND epoch = 1"), 1);
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM sweep_runs"), 5);
  const Table before = reader.query("SELECT * FROM attempts"), epochs = reader.query("SELECT * FROM epochs");

  const Merged again = store.merge(other_file, copies.copy());
  EXPECT_EQ(again.runs + again.epochs + again.evaluations, 0);
  EXPECT_THAT(again.completed, IsEmpty());
  EXPECT_THAT(again.notes, IsEmpty());
  EXPECT_THAT(copies.made, SizeIs(1));
  EXPECT_EQ(reader.query("SELECT * FROM attempts").rows, before.rows);
  EXPECT_EQ(reader.query("SELECT * FROM epochs").rows, epochs.rows);
}

TEST_F(Repair, MergingGivesFilesTheNumberThatTheirAttemptHasHere) {
  {
    Store other = Store::open_for_writing(folder / "other.db");
    other.register_sweep(a_plan({begun}, "other"));
    other.begin_attempt(begun_id, a_place("node9"), 1);
    for (const std::int64_t epoch : {1, 2}) other.record_epoch(an_epoch(begun_id, 1, epoch));
  }
  Store store = Store::open_for_writing(file);
  Copies copies;
  EXPECT_THAT(store.merge(folder / "other.db", copies.copy()).notes, IsEmpty());
  EXPECT_THAT(copies.made, ::testing::Contains(begun_id + "/2/epoch-2"));
  EXPECT_EQ(store.live_checkpoints(begun_id).back().path, begun_id + "/2/epoch-2");
}

TEST_F(Repair, MergingTakesOverTheNewestWeightsAlone) {
  const RunSpec third = a_run(2);
  const std::string id = run_identity(third);
  const auto weights = [&](const std::string& attempt) {
    return Artifact{"weights", id + "/" + attempt + "/best.safetensors", sha256_hex(attempt), 10};
  };
  {
    Store other = Store::open_for_writing(folder / "other.db");
    other.register_sweep(a_plan({third}, "other"));
    other.begin_attempt(id, a_place(), 1);
    other.record_epoch(an_epoch(id, 1, 1));
    other.end_attempt({id, 1, "drained", "", "", {weights("1")}}, RunStatus::interrupted);
    other.begin_attempt(id, a_place(), 1, 1);
    other.record_epoch(an_epoch(id, 2, 2));
    other.record_evaluation(an_evaluation(id, 2));
    other.end_attempt({id, 2, "complete", "", "", {weights("2")}}, RunStatus::complete);
  }
  Store store = Store::open_for_writing(file);
  Copies copies;
  EXPECT_THAT(store.merge(folder / "other.db", copies.copy()).notes, IsEmpty());
  EXPECT_THAT(copies.made, ElementsAre(weights("2").path));
  EXPECT_EQ(store.run_states(std::vector{id}).at(0).weights, weights("2"));
}

TEST_F(Repair, MergingLeavesRunsOfOtherBitsAndEvaluationsOfOtherNumbersAsTheyAre) {
  const auto other_file = folder / "other.db";
  {
    Store other = Store::open_for_writing(other_file);
    other.register_sweep(a_plan({done, begun}, "other"));
    complete(other, done, 8); // other numbers from equal states
    const auto attempt = other.begin_attempt(begun_id, a_place("node2"), 1);
    EpochReport report = an_epoch(begun_id, attempt, 1);
    report.state_hash_after = "other bits";
    other.record_epoch(report);
  }
  Store store = Store::open_for_writing(file);
  const Merged merged = store.merge(other_file, Copies().copy());
  EXPECT_TRUE(merged.faults);
  EXPECT_THAT(merged.notes, ::testing::Contains(AllOf(HasSubstr("accuracy of test under clean differs there"))));
  EXPECT_THAT(merged.notes,
              ::testing::Contains(HasSubstr("not merged: epoch 1 ended in another state there (node2, cpu) than here (node1, cpu), on an "
                                            "equal platform")));
  Reader reader(file);
  EXPECT_EQ(text_at(reader, "SELECT CAST(value AS TEXT) FROM evaluations WHERE metric = 'accuracy'"), "0.9");
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM attempts WHERE run_id = '" + begun_id + "'"), 1);
}

TEST_F(Repair, MergingRefusesTheStoreItselfAndOneThatIsBeingWritten) {
  Store store = Store::open_for_writing(file);
  EXPECT_THAT(message_of<InputError>([&] { store.merge(file, Copies().copy()); }), HasSubstr("this is the store itself"));
  store.release();
  Store mine = Store::open_for_writing(folder / "mine.db");
  Store theirs = Store::open_for_writing(folder / "theirs.db");
  EXPECT_THAT(message_of<RefusedError>([&] { mine.merge(folder / "theirs.db", Copies().copy()); }),
              HasSubstr("is writing it (it runs); merge it when its sweep has ended"));
  theirs.release();
  EXPECT_EQ(mine.merge(folder / "theirs.db", Copies().copy()).runs, 0);
  EXPECT_THAT(message_of<InputError>([&] { mine.merge(folder / "none.db", Copies().copy()); }), HasSubstr("there is no store"));
}

TEST_F(Repair, MergingRefusesAStoreThatTheNextWriterTakesWhileTheOneBeforeIsWatched) {
  const auto other_file = folder / "other.db";
  StoreOptions theirs;
  theirs.identity = {"otherhost", "boot", 7, 8};
  std::optional<Store> writer(Store::open_for_writing(other_file, theirs)), next;
  StoreOptions options;
  options.sleep = [&](std::chrono::milliseconds) {
    if (next) return;
    writer.reset();
    next.emplace(Store::open_for_writing(other_file));
  };
  Store mine = Store::open_for_writing(folder / "mine.db", options);
  EXPECT_THAT(message_of<RefusedError>([&] { mine.merge(other_file, Copies().copy()); }), HasSubstr("is writing it (it runs)"));
}

} // namespace
} // namespace stdualx
