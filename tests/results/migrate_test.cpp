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

const int read_write = SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE;
constexpr const char* second_version = "ALTER TABLE hosts ADD COLUMN colour TEXT;";

std::vector<std::string_view> two_versions() { return {embedded_migrations()[0], second_version}; }

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
  migrate(database, two_versions());
  EXPECT_EQ(database.integer("PRAGMA user_version"), 2);
  EXPECT_EQ(database.integer("SELECT count(*) FROM runs WHERE status = 'COMPLETE'"), 1);
  EXPECT_EQ(database.integer("SELECT count(colour) FROM hosts"), 0);
  Reader copy(file.string() + ".before-version-2");
  EXPECT_EQ(integer_at(copy, "SELECT count(*) FROM runs"), 1);
  EXPECT_EQ(integer_at(copy, "PRAGMA user_version"), 1);
}

TEST(Migration, AMigrationThatFailsLeavesTheStoreAsItWas) {
  TemporaryFolder folder;
  const auto file = folder / "results.db";
  { Store store = Store::open_for_writing(file); }
  Database database(file, read_write, 1000);
  const std::vector<std::string_view> broken{embedded_migrations()[0],
                                             "CREATE TABLE colours (name TEXT) STRICT; CREATE TABLE runs (run_id TEXT) STRICT;"};
  EXPECT_THROW(migrate(database, broken), StorageError);
  EXPECT_EQ(database.integer("PRAGMA user_version"), 1);
  EXPECT_EQ(database.integer("SELECT count(*) FROM sqlite_schema WHERE name = 'colours'"), 0);
  migrate(database, two_versions());
  EXPECT_EQ(database.integer("PRAGMA user_version"), 2) << "the copy of the failed one is in nobody's way";
}

TEST(Migration, ANewerStoreIsRefusedWithBothVersions) {
  TemporaryFolder folder;
  const auto file = folder / "results.db";
  { Store store = Store::open_for_writing(file); }
  {
    Database database(file, read_write, 1000);
    migrate(database, two_versions());
  }
  const auto expected = AllOf(HasSubstr(file.string()), HasSubstr("version 2"), HasSubstr("up to 1"), HasSubstr("newer stdualx"));
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
  SQLite::Database(folder.path() / "other.db", read_write).exec("CREATE TABLE recipes (name TEXT)");
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
