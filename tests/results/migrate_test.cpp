// Versions of the schema, and paths that are no store.
#include "fixture.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "results/database.h"
#include "results/migrate.h"

namespace stdualx {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const int read_write = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;

/// This program's versions and one that is yet to come.
std::vector<std::string_view> with_next(std::string_view sql = "ALTER TABLE hosts ADD COLUMN colour TEXT;") {
  std::vector<std::string_view> versions = embedded_migrations();
  versions.push_back(sql);
  return versions;
}
std::string next_version() { return std::to_string(schema_version() + 1); }

// Up to it a row of `runs` holds its whole configuration.
constexpr std::size_t last_version_with_config_in_runs = 3;

/// A row of `runs` as these versions wrote it.
void insert_old_run(Database& database, const RunSpec& run, const std::string& status) {
  database.execute("INSERT INTO runs (run_id, status, status_ms, dataset, dataset_hash, protocol, folds, fold, seed, preset, variant, "
                   "epochs, world_size, threads, open_test, split_id, recipe_id, code_version, first_seen_ms, config) "
                   "VALUES (?1, ?2, 5, 'uci-har', 'hash', 'leave_persons_out', 3, ?3, ?4, 'default', ?6, 2, 1, 1, 1, 'split', "
                   "'recipe', 1, 5, ?5)",
                   run_identity(run), status, run.fold, run.seed, to_json_all(run).dump(), run.variant);
}

TEST(Migration, ANewFileGetsTheNewestSchemaAndNoCopy) {
  TemporaryFolder folder;
  Store store = Store::open_for_writing(folder / "results.db");
  Reader reader(folder / "results.db");
  EXPECT_EQ(integer_at(reader, "PRAGMA user_version"), schema_version());
  EXPECT_EQ(integer_at(reader, "PRAGMA application_id"), store_application_id);
  EXPECT_FALSE(std::filesystem::exists(folder / "results.db.before-version-1"));
  EXPECT_EQ(text_at(reader, "PRAGMA integrity_check"), "ok");
}

TEST(Migration, AnOlderStoreIsCopiedBesideAndBroughtUp) {
  TemporaryFolder folder;
  const auto file = folder / "it's.db"; // a quote in the name
  {
    Store store = Store::open_for_writing(file);
    store.register_sweep(a_plan({a_run()}));
    complete(store, a_run());
  }
  Database database(file, read_write, 1000);
  migrate(database, with_next());
  EXPECT_EQ(database.integer("PRAGMA user_version"), schema_version() + 1);
  EXPECT_EQ(database.integer("SELECT count(*) FROM runs WHERE status = 'COMPLETE'"), 1);
  EXPECT_EQ(database.integer("SELECT count(colour) FROM hosts"), 0);
  Reader copy(file.string() + ".before-version-" + next_version());
  EXPECT_EQ(integer_at(copy, "SELECT count(*) FROM runs"), 1);
  EXPECT_EQ(integer_at(copy, "PRAGMA user_version"), schema_version());
}

TEST(Migration, AMigrationThatFailsLeavesTheStoreAsItWas) {
  TemporaryFolder folder;
  const auto file = folder / "results.db";
  { Store store = Store::open_for_writing(file); }
  Database database(file, read_write, 1000);
  const auto broken = with_next("CREATE TABLE colours (name TEXT) STRICT; CREATE TABLE runs (run_id TEXT) STRICT;");
  EXPECT_THROW(migrate(database, broken), StorageError);
  EXPECT_EQ(database.integer("PRAGMA user_version"), schema_version());
  EXPECT_EQ(database.integer("SELECT count(*) FROM sqlite_schema WHERE name = 'colours'"), 0);
  migrate(database, with_next());
  EXPECT_EQ(database.integer("PRAGMA user_version"), schema_version() + 1) << "the copy of the failed one is in nobody's way";
}

TEST(Migration, AStoreOfTheFirstVersionKeepsItsRunsAndTakesWhatIsNew) {
  TemporaryFolder folder;
  const auto file = folder / "results.db";
  const RunSpec run = a_run();
  const std::string run_id = run_identity(run);
  {
    Database database(file, read_write, 1000);
    migrate(database, {embedded_migrations()[0]});
    database.script("INSERT INTO coordinators (host, boot_id, pid, process_start, heartbeat_ms, claimed_ms, released_ms) VALUES ('node1', "
                    "'boot', 1, 1, 5, 5, 9)");
    database.script("INSERT INTO sweeps VALUES ('abc', 'old', '{}', 5)");
    insert_old_run(database, run, "RUNNING");
    database.execute("INSERT INTO sweep_runs VALUES ('abc', ?1, 0)", run_id);
    database.execute("INSERT INTO attempts VALUES (?1, 1, 1, 5, 9, 'complete', '', '', 0, 1, 'node1', 7, 'cpu', 'cpu A', 1, '')", run_id);
    database.execute("INSERT INTO evaluation_parts VALUES (1, ?1, 'clean', 'test', 1, 2, 0.25, 1, 2, 8)", run_id);
    database.execute("INSERT INTO evaluations VALUES (?1, 'clean', 'test', 'accuracy', 0.9, 'finite', 1, 2)", run_id);
    database.script("INSERT INTO predictions VALUES (1, 0, 3, 1, 1)");
    database.execute("UPDATE runs SET status = 'COMPLETE' WHERE run_id = ?1", run_id);
  }
  Store store = Store::open_for_writing(file);
  const RunState state = store.run_states(std::vector{run_id}).at(0);
  EXPECT_EQ(state.status, RunStatus::complete);
  EXPECT_EQ(state.test_conditions, std::vector<std::string>{"clean"});
  EXPECT_FALSE(state.weights.has_value()) << "version 1 recorded no files";
  EXPECT_EQ(store.begin_attempt(run_id, a_place(), 1, 0, AttemptKind::evaluate), 2);
  EvaluationReport noisy = an_evaluation(run_id, 2, "test", 8);
  noisy.condition = "noise/10/1";
  EXPECT_TRUE(store.record_evaluation(noisy));
  store.end_attempt({run_id, 2, "complete", "", "", {}}, RunStatus::complete);

  Reader reader(file);
  EXPECT_EQ(integer_at(reader, "PRAGMA user_version"), schema_version());
  EXPECT_EQ(text_at(reader, "PRAGMA integrity_check"), "ok");
  EXPECT_TRUE(reader.query("PRAGMA foreign_key_check").rows.empty());
  EXPECT_EQ(integer_at(reader, "SELECT person FROM v_predictions WHERE condition = 'clean'"), 3);
  EXPECT_EQ(text_at(reader, "SELECT group_concat(evaluate_only) FROM (SELECT * FROM attempts ORDER BY attempt)"), "0,1");
  EXPECT_EQ(text_at(reader, "SELECT condition_kind FROM v_robustness WHERE metric = 'accuracy'"), "noise");
  EXPECT_EQ(text_at(reader, "SELECT kind FROM conditions WHERE condition = 'clean'"), "clean");
  EXPECT_EQ(Json::parse(text_at(reader, "SELECT config FROM v_configs")), to_json_all(run));
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM configs"), 1);
  const std::string copy = file.string() + ".before-version-" + std::to_string(schema_version());
  EXPECT_THAT(message_of<RefusedError>([&] { Reader refused(copy); }), HasSubstr("its schema is version 1"));
}

TEST(Migration, ConfigurationsOfEveryOlderVersionAreKeptOnceForAllFoldsAndSeeds) {
  RunSpec warm = a_run();
  warm.training.learning_rate = 0.5;
  std::vector<RunSpec> runs = {a_run(0, 1), a_run(1, 1), a_run(1, 2), warm};
  for (std::size_t version = 1; version <= last_version_with_config_in_runs; ++version) {
    TemporaryFolder folder;
    const auto file = folder / "results.db";
    {
      Database database(file, read_write, 1000);
      migrate(database, {embedded_migrations().begin(), embedded_migrations().begin() + static_cast<std::ptrdiff_t>(version)});
      for (const RunSpec& run : runs) insert_old_run(database, run, "PLANNED");
    }
    Store store = Store::open_for_writing(file);
    Reader reader(file);
    EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM configs"), 2) << "version " << version;
    for (const RunSpec& run : runs)
      EXPECT_EQ(from_json<RunSpec>(Json::parse(text_at(reader, "SELECT config FROM v_configs WHERE run_id = '" + run_identity(run) + "'"))),
                run);
    EXPECT_EQ(store.register_sweep(a_plan(runs)), 0);
    EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM configs"), 2) << "their texts are those that this program writes";
  }
}

TEST(Migration, AblationsOfAnOlderStoreAreToldByWhichSideHasThePart) {
  RunSpec without = a_run(), with = a_run();
  without.model.position = false; // a sweep told stdual_x to leave it out, and a variant of its own has it
  with.variant = "with_position";
  for (std::size_t version = 1; version < embedded_migrations().size(); ++version) {
    TemporaryFolder folder;
    const auto file = folder / "results.db";
    {
      Database database(file, read_write, 1000);
      migrate(database, {embedded_migrations().begin(), embedded_migrations().begin() + static_cast<std::ptrdiff_t>(version)});
      if (version <= last_version_with_config_in_runs)
        for (const RunSpec& run : {without, with}) insert_old_run(database, run, "PLANNED");
    }
    Store store = Store::open_for_writing(file);
    store.register_sweep(a_plan({without, with}));
    complete(store, without, 7);
    complete(store, with, 9);
    Reader reader(file);
    EXPECT_EQ(text_at(reader, "SELECT group_concat(part || ' ' || variant || ' ' || whole_variant || ' ' || round(accuracy_difference, 9)) "
                              "FROM v_ablation"),
              "position stdual_x with_position -0.2")
        << "version " << version;
    EXPECT_EQ(text_at(reader, "PRAGMA integrity_check"), "ok");
  }
}

TEST(Migration, ANewerStoreIsRefusedWithBothVersions) {
  TemporaryFolder folder;
  const auto file = folder / "results.db";
  { Store store = Store::open_for_writing(file); }
  {
    Database database(file, read_write, 1000);
    migrate(database, with_next());
  }
  const auto expected = AllOf(HasSubstr(file.string()), HasSubstr("version " + next_version()),
                              HasSubstr("up to " + std::to_string(schema_version())), HasSubstr("newer stdualx"));
  EXPECT_THAT(message_of<RefusedError>([&] { Store::open_for_writing(file); }), expected);
  EXPECT_THAT(message_of<RefusedError>([&] { Reader reader(file); }), expected);
}

TEST(StorePath, WhatIsNoStoreIsSaidInASentence) {
  TemporaryFolder folder;
  EXPECT_THAT(message_of<InputError>([&] { Store::open_for_writing(folder.path()); }), HasSubstr("is a directory"));
  EXPECT_THAT(message_of<InputError>([&] { Store::open_for_writing(folder / "nowhere/results.db"); }),
              HasSubstr("does not exist; make it"));
  EXPECT_THAT(message_of<InputError>([&] { Store::open_for_writing(""); }), HasSubstr("--store"));
  std::ofstream(folder / "notes.txt") << "these are only my notes, of some length";
  EXPECT_THAT(message_of<InputError>([&] { Store::open_for_writing(folder / "notes.txt"); }), HasSubstr("not an SQLite database"));
  EXPECT_THAT(message_of<InputError>([&] { Reader reader(folder / "notes.txt"); }), HasSubstr("not an SQLite database"));
  EXPECT_THAT(message_of<InputError>([&] { Reader reader(folder / "missing.db"); }), HasSubstr("there is no store; `stdualx run"));
  EXPECT_FALSE(std::filesystem::exists(folder / "missing.db")) << "reading never creates";
  std::ofstream(folder / "empty.db").flush();
  EXPECT_THAT(message_of<InputError>([&] { Reader reader(folder / "empty.db"); }), HasSubstr("empty"));
  Database(folder.path() / "other.db", read_write, 0).script("CREATE TABLE recipes (name TEXT)");
  EXPECT_THAT(message_of<InputError>([&] { Store::open_for_writing(folder / "other.db"); }), HasSubstr("not a store of stdualx"));
}

TEST(StorePath, AStoreThatCannotBeWrittenIsSaidSo) {
  TemporaryFolder folder;
  const auto file = folder / "results.db";
  { Store store = Store::open_for_writing(file); }
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0555));
  std::filesystem::permissions(file, std::filesystem::perms(0444));
  constexpr uid_t nobody = 65534; // root may write everything, so it becomes somebody else
  const auto try_as_other = [&](const std::filesystem::path& path) {
    if (::geteuid() == 0 && ::setresuid(nobody, nobody, nobody) != 0) ::_exit(1);
    std::fputs(message_of<StorageError>([&] { Store::open_for_writing(path); }).c_str(), stderr);
    Reader reader(file); // reading is allowed, and leaves nothing in the folder
    ::_exit(integer_at(reader, "SELECT count(*) FROM coordinators") == 1 ? 7 : 2);
  };
  EXPECT_EXIT(try_as_other(file), ::testing::ExitedWithCode(7), "results.db: cannot be written");
  EXPECT_EXIT(try_as_other(folder / "new.db"), ::testing::ExitedWithCode(7), "the folder .* cannot be written");
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
}

TEST(StorePath, AFileBesideItThatAReaderHasOnlyJustMadeIsWaitedFor) {
  TemporaryFolder folder;
  const auto file = folder / "results.db";
  StoreOptions options;
  options.journal = JournalMode::wal;
  { Store store = Store::open_for_writing(file, options); }
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0777));
  std::filesystem::permissions(file, std::filesystem::perms(0666));
  const auto as_somebody_else = [&] {
    if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) ::_exit(1);
    const std::string shared = file.string() + "-shm";
    std::ofstream(shared).close();
    ::chmod(shared.c_str(), 0444);
    options.sleep = [&](std::chrono::milliseconds) { ::chmod(shared.c_str(), 0644); };
    Store store = Store::open_for_writing(file, options);
    ::_exit(store.coordinator_id() == 2 ? 7 : 2);
  };
  EXPECT_EXIT(as_somebody_else(), ::testing::ExitedWithCode(7), "");
}

TEST(StorePath, ADamagedStoreIsSaidToBeDamaged) {
  TemporaryFolder folder;
  const auto file = folder / "results.db";
  { Store store = Store::open_for_writing(file); }
  std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
  bytes.seekp(100);
  bytes << std::string(4000, 'x'); // the root of the schema
  bytes.close();
  EXPECT_THAT(message_of<StorageError>([&] { Store::open_for_writing(file); }), AllOf(HasSubstr(file.string()), HasSubstr("damaged")));
  EXPECT_THAT(message_of<StorageError>([&] { Reader reader(file); }), HasSubstr("damaged"));
}

TEST(StorePath, AFullDiskLosesNothingThatWasRecorded) {
  TemporaryFolder folder;
  const auto file = folder / "results.db";
  Database database(file, read_write, 1000);
  migrate(database, embedded_migrations());
  database.script("CREATE TABLE filler (bytes BLOB) STRICT");
  const std::int64_t pages = database.integer("PRAGMA page_count").value();
  database.script("PRAGMA max_page_count = " + std::to_string(pages + 3)); // SQLite's own way to a full disk
  database.script("INSERT INTO filler VALUES (zeroblob(4000))");
  EXPECT_THAT(message_of<StorageError>([&] { database.script("INSERT INTO filler VALUES (zeroblob(400000))"); }),
              AllOf(HasSubstr("quota is full"), HasSubstr("make room")));
  EXPECT_EQ(database.integer("SELECT count(*) FROM filler"), 1);
}

} // namespace
} // namespace stdualx
