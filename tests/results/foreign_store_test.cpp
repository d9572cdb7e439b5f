// A store of others may say anything. Mutated stores go through all that reads one: each call gives an answer or one of our sentences, in
// bounded time and memory. STDUALX_FOREIGN_STORES=N tries N of them (default 60), from seed STDUALX_FOREIGN_SEED (default 1).
#include "fixture.h"

#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <limits>
#include <random>

#include "experiments/spec/run_path.h"
#include "results/backup.h"
#include "results/database.h"
#include "results/format.h"
#include "results/ledger.h"
#include "results/tables.h"

namespace stdualx {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// SQLite as an attacker has it: nothing is checked, and what was written is forged into our schema afterwards.
class Forger {
public:
  explicit Forger(const fs::path& file) {
    EXPECT_EQ(sqlite3_open(file.c_str(), &handle_), SQLITE_OK);
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
    sql("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF");
  }
  ~Forger() { sqlite3_close(handle_); }
  Forger(const Forger&) = delete;
  Forger& operator=(const Forger&) = delete;

  /// Errors are an attacker's own.
  void sql(const std::string& text) { sqlite3_exec(handle_, text.c_str(), nullptr, nullptr, nullptr); }
  sqlite3* handle() { return handle_; }

private:
  sqlite3* handle_ = nullptr;
};

using Pairs = std::vector<std::pair<std::string, std::string>>;
Pairs pairs(Forger& forger, const std::string& query) {
  Pairs found;
  sqlite3_exec(
      forger.handle(), query.c_str(),
      [](void* to, int, char** values, char**) {
        static_cast<Pairs*>(to)->emplace_back(values[0] == nullptr ? "" : values[0], values[1] == nullptr ? "" : values[1]);
        return 0;
      },
      &found, nullptr);
  return found;
}

/// Runs `change` while no table is STRICT or NOT NULL, and forges the schema back.
void forge(const fs::path& file, const std::function<void(Forger&)>& change) {
  Pairs tables;
  {
    Forger forger(file);
    tables = pairs(forger, "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'");
    forger.sql(
        "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(replace(replace(replace(replace(sql, ') STRICT, WITHOUT', "
        "') WITHOUT'), ') STRICT', ')'), 'IS NOT NULL', 'IS_NOT_NULL'), ' NOT NULL', ''), 'IS_NOT_NULL', 'IS NOT NULL') "
        "WHERE type = 'table' AND name NOT LIKE 'sqlite%'");
  }
  {
    Forger forger(file);
    EXPECT_FALSE(pairs(forger, "SELECT 'the schema', 'can be read' FROM runs").empty());
    change(forger);
  }
  Forger forger(file);
  forger.sql("PRAGMA writable_schema = ON");
  for (const auto& [name, text] : tables) {
    sqlite3_stmt* statement = nullptr;
    sqlite3_prepare_v2(forger.handle(), "UPDATE sqlite_schema SET sql = ?1 WHERE name = ?2", -1, &statement, nullptr);
    sqlite3_bind_text(statement, 1, text.c_str(), -1, SQLITE_TRANSIENT);
    sqlite3_bind_text(statement, 2, name.c_str(), -1, SQLITE_TRANSIENT);
    sqlite3_step(statement);
    sqlite3_finalize(statement);
  }
}

const std::vector<std::string> hostile_values = {"NULL",
                                                 "0",
                                                 "1",
                                                 "-1",
                                                 "2147483648",
                                                 "9223372036854775807",
                                                 "-9223372036854775808",
                                                 "1000000000000",
                                                 "0.5",
                                                 "-0.0",
                                                 "1e308",
                                                 "9e999",
                                                 "'nan'",
                                                 "''",
                                                 "' '",
                                                 "'9'",
                                                 "'COMPLETE'",
                                                 "'RUNNING'",
                                                 "'finite'",
                                                 "'clean'",
                                                 "'test'",
                                                 "'noise/10/1'",
                                                 "'noise/1e999/1'",
                                                 "'[]'",
                                                 "'{}'",
                                                 "'[[[[[[[['",
                                                 "'{\"model\": {\"stdat_layers\": 1e300}}'",
                                                 "'[\"a\", 1, null]'",
                                                 "'../../../../etc/passwd'",
                                                 "'a/1/../../../.bashrc'",
                                                 "'/etc/passwd'",
                                                 "CAST(x'1b5b324a1b5d303b747275737465641b5c0d' AS TEXT)",
                                                 "CAST(x'c29b33316dff00fe' AS TEXT)",
                                                 "x'00ff'",
                                                 "zeroblob(100000)",
                                                 "printf('%.100000c', 'x')",
                                                 "printf('%.3000c', '[')",
                                                 "'2026'",
                                                 "char(10) || char(0) || 'x'"};

class ForeignStores : public ::testing::Test {
protected:
  ForeignStores() {
    Store store = Store::open_for_writing(base);
    std::vector<RunSpec> specs;
    for (const char* variant : {"stdual_x", "without_csa"})
      for (std::int64_t fold = 0; fold < 3; ++fold) {
        RunSpec run = a_run(fold);
        run.variant = variant;
        run.model.cross_sensor_attention = run.variant == "stdual_x";
        specs.push_back(run);
      }
    RunSpec closed = a_run(0, 5), failed = a_run(1, 6), open = a_run(2, 7);
    closed.protocol.open_test = false;
    for (const RunSpec& run : {closed, failed, open}) specs.push_back(run);
    Plan plan = a_plan(specs);
    plan.datasets = {{specs[0].dataset_hash, specs[0].dataset, {"wrist", "ankle"}, {"sitting", "walking"}}};
    store.register_sweep(plan);
    for (std::size_t i = 0; i < 6; ++i) finish(store, specs[i], 7 + static_cast<std::int64_t>(i) % 3);
    complete(store, closed);
    const std::string failed_id = run_identity(failed), open_id = run_identity(open);
    const auto attempt = store.begin_attempt(failed_id, a_place(), 1);
    store.record_epoch(an_epoch(failed_id, attempt, 1));
    store.end_attempt({failed_id, attempt, "error", "it broke", "last lines", {}}, RunStatus::failed);
    const auto running = store.begin_attempt(open_id, a_place("node2"), 1);
    store.record_epoch(an_epoch(open_id, running, 1));
    run_id = run_identity(specs[0]);
    first_spec = specs[0];
  }

  static void finish(Store& store, const RunSpec& spec, std::int64_t right) {
    const std::string id = run_identity(spec);
    const auto attempt = store.begin_attempt(id, a_place(), 1);
    for (std::int64_t epoch = 1; epoch <= 2; ++epoch) store.record_epoch(an_epoch(id, attempt, epoch));
    EvaluationReport clean = an_evaluation(id, attempt, "test", right);
    clean.metrics.push_back({"silhouette", 0.4});
    clean.metrics.push_back({"attention_entropy", 0.9});
    clean.sensors = 2;
    clean.attention = {{1, 0, 3, {0, 1, 1, 0}}, {2, 1, 3, {0, 1, 1, 0}}};
    store.record_evaluation(clean);
    EvaluationReport noisy = an_evaluation(id, attempt, "test", right - 1);
    noisy.condition = "noise/10/1";
    store.record_evaluation(noisy);
    const std::string weights = RunPath{id, attempt, "best.safetensors"}.text(),
                      embedding = RunPath{id, attempt, "embedding.safetensors"}.text();
    store.end_attempt({id,
                       attempt,
                       "complete",
                       "",
                       "",
                       {{"weights", weights, sha256_hex(weights), 10}, {"embedding", embedding, sha256_hex(embedding), 10}}},
                      RunStatus::complete);
    store.record_efficiency({id, "node1", "cpu", "cpu A", 1, {{"latency_median", 0.01}, {"parameters", 1000}}});
  }

  /// A sentence of ours, or nothing. Anything else is a finding.
  template <class Action> void tried(const char* what, const Action& action) {
    SCOPED_TRACE(what);
    try {
      action();
    } catch (const InputError& error) {
      EXPECT_STRNE(error.what(), "");
    } catch (const RefusedError& error) {
      EXPECT_STRNE(error.what(), "");
    } catch (const StorageError& error) {
      EXPECT_STRNE(error.what(), "");
    } catch (const std::logic_error& error) { // `main` has a sentence for these
      EXPECT_STRNE(error.what(), "");
    } catch (const Json::exception& error) { // and for these
      EXPECT_STRNE(error.what(), "");
    } catch (const std::exception& error) {
      ADD_FAILURE() << what << ": " << typeid(error).name() << ": " << error.what();
    }
  }

  void show(const std::vector<TitledTable>& tables) {
    for (const Format format : {Format::table, Format::csv, Format::json, Format::markdown, Format::latex}) {
      const std::string text = format_tables(tables, format);
      if (format != Format::csv) {
        EXPECT_EQ(text.find_first_of("\x1b\a\r"), text.npos) << "an escape sequence comes through";
      }
    }
  }

  /// All that reads a store, and what takes one over.
  void read_all() {
    const Moment moment{1'700'000'000'000, 60000, {}};
    const auto reading = [&](const char* what, const auto& question) {
      tried(what, [&] {
        Reader reader(file);
        question(reader);
      });
    };
    reading("status", [&](Reader& reader) { show(status_tables(reader, moment)); });
    reading("runs", [&](Reader& reader) { show({runs_table(reader, moment)}); });
    reading("explain", [&](Reader& reader) { show(explain_run(reader, run_id, moment)); });
    for (const std::string& name : report_table_names()) reading(name.c_str(), [&](Reader& reader) { show(report(reader, {{name}, {}})); });
    reading("compare", [&](Reader& reader) { show(compare(reader, "stdual_x", "without_csa")); });
    reading("cost", [&](Reader& reader) { cost_of(reader, first_spec, DeviceKind::cpu); });
    reading("states", [&](Reader& reader) { reader.run_states({{run_id}}); });
    reading("embeddings", [&](Reader& reader) { embedding_files(reader); });
    reading("ledger", [&](Reader& reader) { ledger_findings(reader); });
    for (const char* view :
         {"v_runs", "v_accuracy", "v_ablation", "v_robustness", "v_attention", "v_predictions", "v_efficiency", "v_timing"})
      reading(view, [&](Reader& reader) { show({{view, reader.query(std::string("SELECT * FROM ") + view), {}}}); });
    tried("damage", [&] { damage_of(file); });
    tried("backup", [&] { backup_store(file, folder / "backup.db"); });
    fs::remove(folder / "backup.db");
    tried("merge", [&] {
      fs::remove(folder / "mine.db");
      Store mine = Store::open_for_writing(folder / "mine.db");
      mine.merge(file, [&](const std::string& from, const std::string&, const std::string& to) {
        EXPECT_TRUE(run_path(from)) << from;
        EXPECT_TRUE(run_path(to)) << to;
        return std::string();
      });
      mine.release();
      Reader reader(folder / "mine.db"); // what it took is no worse than what it is said to be
      show(status_tables(reader, moment));
      show(report(reader, {}));
    });
    tried("write", [&] {
      StoreOptions options;
      options.lease = std::chrono::milliseconds(1);
      options.sleep = [](std::chrono::milliseconds) {};
      Store writer = Store::open_for_writing(file, options);
      writer.retry(run_id);
      writer.live_checkpoints(run_id);
    });
  }

  TemporaryFolder folder;
  fs::path base = folder / "base.db", file = folder / "foreign.db";
  std::string run_id;
  RunSpec first_spec;
};

long number_of(const char* variable, long otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::atol(text);
}

TEST_F(ForeignStores, AreReadToTheEndOrRefusedInASentence) {
  {
    Forger forger(base);
    forger.sql("PRAGMA wal_checkpoint(TRUNCATE)");
  }
  const Pairs columns = [&] {
    Forger forger(base);
    return pairs(forger,
                 "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE "
                 "'sqlite%'");
  }();
  ASSERT_GT(columns.size(), 100u);
  const long count = number_of("STDUALX_FOREIGN_STORES", 60), first = number_of("STDUALX_FOREIGN_SEED", 1);
  for (long seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(static_cast<std::uint64_t>(seed));
    const auto below = [&](std::size_t limit) { return static_cast<std::size_t>(random() % limit); };
    fs::copy_file(base, file, fs::copy_options::overwrite_existing);
    for (const char* suffix : {"-wal", "-shm", "-journal"}) fs::remove(file.string() + suffix);
    ::alarm(120);        // one that never ends ends here
    if (below(4) == 0) { // bytes
      std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
      const auto size = static_cast<std::size_t>(fs::file_size(file));
      for (std::size_t i = 1 + below(40); i > 0; --i) {
        bytes.seekp(static_cast<std::streamoff>(below(4) == 0 ? below(100) + 16 : below(size)));
        bytes.put(static_cast<char>(below(256)));
      }
      bytes.close();
      if (below(4) == 0) fs::resize_file(file, below(size));
    } else {
      std::string done;
      forge(file, [&](Forger& forger) {
        for (std::size_t i = 1 + below(4); i > 0; --i) {
          const auto& [table, column] = columns[below(columns.size())];
          const std::string& value = hostile_values[below(hostile_values.size())];
          // One row, or all; where keys would collide, as many as can be.
          const std::string rows = below(2) == 0 ? "" : " WHERE (abs(random()) % 4) = 0";
          const std::string statement = below(8) == 0 ? "DELETE FROM \"" + table + "\"" + rows
                                                      : "UPDATE OR REPLACE \"" + table + "\" SET \"" + column + "\" = " + value + rows;
          done += statement + "; ";
          forger.sql(statement);
        }
      });
      ::testing::Test::RecordProperty("last", done);
    }
    read_all();
    if (HasFailure()) break;
  }
  ::alarm(0);
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
#ifndef __SANITIZE_ADDRESS__
  EXPECT_LT(used.ru_maxrss, 1 << 20) << "KiB: more than a GiB of memory for stores of half a megabyte";
#endif
}

TEST_F(ForeignStores, WithOtherTablesViewsOrTriggersAreRefused) {
  const struct {
    std::string change, name;
  } cases[] = {
      {"DROP VIEW v_runs; CREATE VIEW v_runs AS WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n) SELECT x AS run_id FROM "
       "n",
       "view 'v_runs' is not as stdualx makes it"},
      {"CREATE TRIGGER helpful AFTER INSERT ON coordinators BEGIN DELETE FROM epochs; END", "the trigger 'helpful'"},
      {"DROP TRIGGER attempts_stay", "trigger 'attempts_stay' is missing"},
      {"ALTER TABLE sweeps RENAME TO hidden; CREATE VIEW sweeps AS SELECT * FROM hidden", "table 'sweeps' is not as stdualx makes it"},
      {"DROP TABLE hosts", "table 'hosts' is missing"},
      {"DROP TABLE hosts; CREATE TABLE hosts (host TEXT PRIMARY KEY, first_seen_ms, last_seen_ms, facts)", "table 'hosts' is not as"},
      {"DROP INDEX runs_recipe", "index 'runs_recipe' is missing"},
      {"CREATE TRIGGER \"x\x1b[2J\" AFTER INSERT ON events BEGIN SELECT 1; END", "the trigger 'x\\x1b[2J'"},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.change);
    fs::copy_file(base, file, fs::copy_options::overwrite_existing);
    {
      Forger forger(file);
      forger.sql("PRAGMA legacy_alter_table = ON; " + each.change);
    }
    EXPECT_THAT(message_of<InputError>([&] { const Reader reader(file); }), HasSubstr(each.name));
    EXPECT_THAT(message_of<InputError>([&] { Store::open_for_writing(file); }), HasSubstr(each.name));
    Store mine = Store::open_for_writing(folder / "mine.db");
    EXPECT_THAT(message_of<InputError>([&] { mine.merge(file, {}); }), HasSubstr(each.name));
  }
  {
    fs::copy_file(base, file, fs::copy_options::overwrite_existing);
    Forger forger(file);
    forger.sql("CREATE TABLE notes (text); CREATE VIEW v_mine AS SELECT * FROM runs; CREATE INDEX mine ON events (at_ms); ANALYZE");
  }
  Reader reader(file);
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM v_mine"), 9) << "a person's own tables, views and indices do no harm";
}

TEST_F(ForeignStores, CallNothingByTheirOwnViewsThatCouldDoHarm) {
  {
    Forger forger(base);
    forger.sql("CREATE VIEW v_leak AS SELECT load_extension('x') AS x; CREATE VIEW v_set AS SELECT * FROM pragma_journal_mode('OFF')");
  }
  Reader reader(base);
  EXPECT_NE(message_of<InputError>([&] { reader.query("SELECT * FROM v_leak"); }), "no error");
  EXPECT_NE(message_of<InputError>([&] { reader.query("SELECT * FROM v_set"); }), "no error");
}

TEST_F(ForeignStores, AreNotTrustedBeforeTheirSchemaIsChecked) {
  {
    Forger forger(base);
    forger.sql("CREATE VIEW v_set AS SELECT * FROM pragma_journal_mode('OFF')");
  }
  Database raw(base, SQLITE_OPEN_READONLY, 0);
  EXPECT_THAT(message_of<StorageError>([&] { raw.text("SELECT * FROM v_set"); }), HasSubstr("unsafe use of virtual table"));
}

/// Rows of the other store as a person would forge them, then what came over.
class ForeignRows : public ForeignStores {
protected:
  Merged merged_after(const std::string& change) {
    fs::copy_file(base, file, fs::copy_options::overwrite_existing);
    forge(file, [&](Forger& forger) { forger.sql(change); });
    fs::remove(folder / "mine.db");
    copies.clear();
    Store mine = Store::open_for_writing(folder / "mine.db");
    return mine.merge(file, [&](const std::string& from, const std::string&, const std::string& to) {
      copies.push_back(from + " -> " + to);
      return std::string();
    });
  }
  std::int64_t runs_here() {
    Reader reader(folder / "mine.db");
    return integer_at(reader, "SELECT count(*) FROM runs");
  }
  std::vector<std::string> copies;
};

TEST_F(ForeignRows, AnHonestStoreComesOverWhole) {
  const Merged merged = merged_after("SELECT 1");
  EXPECT_THAT(merged.notes, IsEmpty());
  EXPECT_EQ(merged.runs, 9);
  EXPECT_EQ(merged.completed.size(), 7u);
  Reader mine(folder / "mine.db"), theirs(file);
  for (const char* same : {"SELECT * FROM v_configs ORDER BY 1", "SELECT run_id, recipe_id, split_id, folds, variant FROM runs ORDER BY 1",
                           "SELECT sweep_id, name, sweep, first_seen_ms, retired_ms FROM sweeps", "SELECT * FROM datasets",
                           "SELECT condition FROM conditions ORDER BY 1", "SELECT * FROM v_predictions ORDER BY 1, 2, 4"})
    EXPECT_EQ(mine.query(same).rows, theirs.query(same).rows) << same;
}

TEST_F(ForeignRows, NoPathLeadsOutOfTheStoresFolder) {
  for (const std::string& path : {std::string("a/1/../../../.bashrc"), run_id + "/1/../../../.bashrc", std::string("/etc/passwd"),
                                  run_id + "/2/best.safetensors", std::string(64, 'a') + "/1/best.safetensors", run_id + "/1/x\x1b[2J"}) {
    const Merged merged = merged_after("UPDATE artifacts SET path = '" + path + "' WHERE kind = 'weights' AND run_id = '" + run_id + "'");
    EXPECT_THAT(merged.notes, ::testing::ElementsAre(AllOf(HasSubstr("its weights was not taken over: '"),
                                                           HasSubstr("is no path of a file of its attempt 1"))))
        << path;
    EXPECT_THAT(copies, ::testing::Not(::testing::Contains(HasSubstr("..")))) << path;
    EXPECT_EQ(copies.size(), 11u + 2u) << "five weights, six embeddings; the checkpoints of runs that go on";
  }
}

TEST_F(ForeignRows, ARunIsWhatItsIdentitySays) {
  EXPECT_THAT(merged_after("PRAGMA foreign_keys = OFF; UPDATE runs SET run_id = '../../x' WHERE run_id = '" + run_id + "'").notes,
              ::testing::Contains(HasSubstr("not merged: this is no identity of a run")));
  EXPECT_EQ(runs_here(), 8);
  EXPECT_THAT(merged_after("UPDATE runs SET seed = 99 WHERE run_id = '" + run_id + "'").notes,
              ::testing::Contains(HasSubstr("not merged: what it says it was trained with has another identity")));
  EXPECT_EQ(runs_here(), 8);
  const Merged renamed = merged_after("UPDATE runs SET variant = 'better', recipe_id = 'x', dataset = 'y' WHERE run_id = '" + run_id + "'");
  Reader mine(folder / "mine.db");
  EXPECT_EQ(text_at(mine, "SELECT variant || dataset FROM runs WHERE run_id = '" + run_id + "'"), "stdual_xuci-har")
      << "of its configuration";
  EXPECT_THAT(merged_after("UPDATE sweeps SET sweep = '{}'").notes, ::testing::ElementsAre(HasSubstr("its file has another identity")));
}

TEST_F(ForeignRows, WhatDoesNotHoldTogetherCostsItsRunAlone) {
  const std::string whose = " WHERE run_id = '" + run_id + "'";
  const std::string part = " WHERE evaluation_id = (SELECT min(evaluation_id) FROM evaluation_parts" + whose + ")";
  for (const std::string& change :
       {"DELETE FROM attempts" + whose, "UPDATE attempts SET attempt = 9223372036854775807" + whose,
        "UPDATE evaluation_parts SET classes = 1000000000000" + whose, "UPDATE evaluation_parts SET classes = -1" + whose,
        "UPDATE evaluation_parts SET condition = '../x'" + part, "UPDATE predictions SET predicted = 77" + part,
        "UPDATE predictions SET label = -1" + part, "UPDATE predictions SET label = 2" + part, "DELETE FROM predictions" + part,
        "UPDATE confusion SET windows = 1000000000000" + part, "UPDATE OR IGNORE attention SET query = 1000000000000" + part,
        "UPDATE attempts SET end_reason = 'because'" + whose, "UPDATE epochs SET epoch = -epoch" + whose,
        "UPDATE runs SET status = 'DONE'" + whose}) {
    const Merged merged = merged_after(change);
    EXPECT_THAT(merged.notes, ::testing::Contains(AllOf(HasSubstr("run " + run_id.substr(0, 10)), HasSubstr("not merged: ")))) << change;
    EXPECT_EQ(runs_here(), 8) << change;
  }
}

TEST_F(ForeignRows, NothingIsTakenFromAFileThatIsNotSound) {
  for (const char* change : {"UPDATE evaluations SET kind = NULL", "UPDATE attempts SET host = x'00'"})
    EXPECT_THAT(message_of<StorageError>([&] { merged_after(change); }), HasSubstr("the store is damaged, nothing of it was taken over"));
  EXPECT_EQ(runs_here(), 0);
}

TEST_F(ForeignRows, AStoreWhoseWriterLivesElsewhereIsNotMerged) {
  fs::copy_file(base, file, fs::copy_options::overwrite_existing);
  StoreOptions theirs;
  theirs.identity = {"otherhost", "boot", 7, 8};
  theirs.lease = std::chrono::milliseconds(0);
  Store writer = Store::open_for_writing(file, theirs);
  bool beats = true;
  StoreOptions options;
  options.sleep = [&](std::chrono::milliseconds) {
    if (beats) writer.heartbeat();
  };
  Store mine = Store::open_for_writing(folder / "mine.db", options);
  EXPECT_THAT(message_of<RefusedError>([&] { mine.merge(file, {}); }),
              AllOf(HasSubstr("process 7 on host otherhost is writing it"), HasSubstr("heartbeat goes on")));
  beats = false;
  EXPECT_EQ(mine.merge(file, [](const auto&, const auto&, const auto&) { return std::string(); }).runs, 9) << "it is dead";
  EXPECT_EQ(mine.run_states({{run_id}}).at(0).status, RunStatus::complete);
}

} // namespace
} // namespace stdualx
