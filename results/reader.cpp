// Read-only questions. What SQLite itself calls read-only still attaches files and sets pragmas, so an authorizer stands before it.
#include "results/reader.h"

#include <sqlite3.h>

#include <algorithm>
#include <cctype>
#include <chrono>

#include "experiments/spec/errors.h"
#include "experiments/spec/run_spec.h"
#include "results/cut_commit.h"
#include "results/database.h"
#include "results/migrate.h"
#include "results/query_limit.h"
#include "results/reader_copy.h"
#include "results/run_state_query.h"
#include "results/schema_check.h"
#include "results/store.h"
#include "results/store_file.h"

namespace stdualx {

namespace {

// Pragmas that tell; all others, and these with a value where a value sets, are refused.
constexpr std::string_view telling_pragmas[] = {"application_id", "user_version",    "journal_mode",  "page_count",    "page_size",
                                                "encoding",       "compile_options", "database_list", "function_list", "pragma_list",
                                                "freelist_count", "schema_version",  "data_version"};
constexpr std::string_view asking_pragmas[] = {"table_info",  "table_xinfo",      "table_list",        "index_list",      "index_info",
                                               "index_xinfo", "foreign_key_list", "foreign_key_check", "integrity_check", "quick_check"};

int authorize(void* may_begin, int action, const char* first, const char* second, const char*, const char*) {
  const auto is_in = [&](const auto& names) {
    return std::find(std::begin(names), std::end(names), std::string_view(first)) != std::end(names);
  };
  switch (action) {
  case SQLITE_ATTACH:
  case SQLITE_DETACH: return SQLITE_DENY;
  case SQLITE_TRANSACTION:
  case SQLITE_SAVEPOINT: return *static_cast<bool*>(may_begin) ? SQLITE_OK : SQLITE_DENY;
  case SQLITE_PRAGMA: return is_in(asking_pragmas) || (second == nullptr && is_in(telling_pragmas)) ? SQLITE_OK : SQLITE_DENY;
  case SQLITE_FUNCTION: return second != nullptr && std::string_view(second) == "load_extension" ? SQLITE_DENY : SQLITE_OK;
  default: return SQLITE_OK;
  }
}

Cell cell_of(sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
  case SQLITE_INTEGER: return static_cast<std::int64_t>(sqlite3_column_int64(statement, column));
  case SQLITE_FLOAT: return Real{sqlite3_column_double(statement, column)};
  case SQLITE_NULL: return std::monostate{};
  case SQLITE_BLOB: {
    const auto* bytes = static_cast<const unsigned char*>(sqlite3_column_blob(statement, column));
    return hex_text({bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement, column))});
  }
  default:
    return std::string(reinterpret_cast<const char*>(sqlite3_column_text(statement, column)),
                       static_cast<std::size_t>(sqlite3_column_bytes(statement, column)));
  }
}

void bind(sqlite3_stmt* statement, int index, const Parameter& parameter) {
  if (const auto* integer = std::get_if<std::int64_t>(&parameter)) sqlite3_bind_int64(statement, index, *integer);
  else if (const auto* real = std::get_if<double>(&parameter)) sqlite3_bind_double(statement, index, *real);
  else if (const auto* text = std::get_if<std::string>(&parameter))
    sqlite3_bind_text(statement, index, text->data(), static_cast<int>(text->size()), SQLITE_TRANSIENT);
  else sqlite3_bind_null(statement, index);
}

QueryLimit*& limit_of_thread() {
  static thread_local QueryLimit* limit = nullptr;
  return limit;
}

std::size_t bytes_of_row(const std::vector<Cell>& row) {
  std::size_t bytes = 0;
  for (const Cell& cell : row)
    if (const auto* text = std::get_if<std::string>(&cell)) bytes += text->size();
  return bytes;
}

} // namespace

QueryLimit::QueryLimit(const QueryBounds& bounds) : bounds_(bounds) { limit_of_thread() = this; }
QueryLimit::~QueryLimit() { limit_of_thread() = nullptr; }
QueryLimit* QueryLimit::current() { return limit_of_thread(); }

struct Reader::Impl {
  explicit Impl(const std::filesystem::path& path) : Impl(open_to_read(path)) {}
  explicit Impl(ReadOnly opened) : database(std::move(opened.database)), note(std::move(opened.note)) {
    const std::filesystem::path& path = database.path();
    database.script("PRAGMA query_only = ON; PRAGMA mmap_size = 0");
    const std::int64_t version = store_version(database, schema_version());
    if (version == 0) throw InputError(path.string() + ": this file is empty; `stdualx run SWEEP --store FILE` makes a store of it");
    if (version < schema_version())
      throw RefusedError(path.string() + ": its schema is version " + std::to_string(version) + ", this program reads version " +
                         std::to_string(schema_version()) + "; the next `stdualx run` brings it up to date");
    check_schema(database); // a damaged schema shows here, too
    holds_up = reads_keep_writers_waiting(database);
    sqlite3_set_authorizer(database.handle(), authorize, &may_begin);
  }

  /// Where questions are asked: the store, or the copy that stands for it until the end of a statement or snapshot.
  Database& asked() { return copy ? *copy : database; }
  /// From here on the questions go to a copy of what is seen now, and the store's file is let go. Where there is no room for one, who
  /// writes has to wait for us.
  void go_on_in_copy() {
    may_begin = true;
    copy = copy_of(database);
    if (copy) {
      database.rollback();
      trust_schema(*copy); // as that of the store was, once it was checked: our views use JSON
      sqlite3_set_authorizer(copy->handle(), authorize, &may_begin);
    } else {
      holds_up = false;
    }
    may_begin = false;
  }
  /// A snapshot that has been held for too long goes on in a copy of the same state.
  void let_go_if_due() {
    if (in_snapshot && holds_up && !copy && std::chrono::steady_clock::now() > held_until) go_on_in_copy();
  }

  /// "...; views: v_accuracy, ..." under SQLite's own message.
  [[noreturn]] void refuse(const std::string& message) {
    std::string views;
    database.each("SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name",
                  [&](const Row& row) { views += (views.empty() ? "" : ", ") + row.text(0); });
    throw InputError(message + "\nviews to ask: " + views);
  }

  Database database;
  std::string note;
  std::optional<Database> copy;
  bool holds_up = false;
  std::chrono::steady_clock::time_point held_until; // in a snapshot
  bool may_begin = false;
  bool in_snapshot = false;
};

Reader::Reader(const std::filesystem::path& path) {
  check_store_path(path, true);
  impl_ = std::make_unique<Impl>(path);
}
std::optional<Reader> Reader::open_if_there(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  check_store_path(path, true);
  ReadOnly opened = open_to_read(path);
  if (store_version(opened.database, schema_version()) < schema_version()) return std::nullopt;
  return Reader(std::make_unique<Impl>(std::move(opened)));
}

Reader::Reader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Reader::~Reader() = default;
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;
const std::filesystem::path& Reader::path() const { return impl_->database.path(); }
const std::string& Reader::note() const { return impl_->note; }

std::string Reader::columns_beside(const std::string& message, const std::string& sql) {
  if (!message.starts_with("no such column")) return "";
  const Table views = query("SELECT m.name, group_concat(c.name, ', ') FROM sqlite_schema m, pragma_table_info(m.name) c "
                            "WHERE m.type IN ('view', 'table') GROUP BY m.name ORDER BY m.name");
  std::string words;
  const auto in_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  for (const auto& row : views.rows) {
    const auto& name = std::get<std::string>(row[0]);
    for (std::size_t at = sql.find(name); at != std::string::npos; at = sql.find(name, at + 1)) {
      const std::size_t end = at + name.size();
      if ((at > 0 && in_word(sql[at - 1])) || (end < sql.size() && in_word(sql[end]))) continue;
      words += ". The columns of " + name + " are: " + std::get<std::string>(row[1]);
      break;
    }
  }
  return words;
}

Table Reader::query(const std::string& sql, const std::vector<Parameter>& parameters) {
  impl_->let_go_if_due();
  sqlite3* database = impl_->asked().handle();
  sqlite3_stmt* prepared = nullptr;
  const char* tail = nullptr;
  const int code = sqlite3_prepare_v2(database, sql.c_str(), static_cast<int>(sql.size()) + 1, &prepared, &tail);
  StatementHandle statement(prepared);
  if (code == SQLITE_AUTH) impl_->refuse("only a single statement that reads is allowed (no ATTACH, BEGIN, or PRAGMA that sets): " + sql);
  if (code != SQLITE_OK && code != SQLITE_ERROR)
    throw_sqlite_error(path(), code, sqlite3_extended_errcode(database), sqlite3_errmsg(database));
  if (code != SQLITE_OK) {
    const std::string message = sqlite3_errmsg(database); // before another statement replaces it
    impl_->refuse("SQLite: " + message + ", in: " + sql + columns_beside(message, sql));
  }
  if (!statement) impl_->refuse("there is no statement in: '" + sql + "'");
  // What follows the statement may be white space and comments: then nothing comes out of it.
  sqlite3_stmt* next = nullptr;
  const int next_code = sqlite3_prepare_v2(database, tail, -1, &next, nullptr);
  const StatementHandle next_statement(next);
  if (next_code != SQLITE_OK || next_statement) impl_->refuse("only one statement at a time; this follows the first: " + std::string(tail));
  if (sqlite3_stmt_readonly(statement.get()) == 0) impl_->refuse("only statements that read are allowed: " + sql);
  if (sqlite3_bind_parameter_count(statement.get()) != static_cast<int>(parameters.size()))
    impl_->refuse("the statement has " + std::to_string(sqlite3_bind_parameter_count(statement.get())) + " parameters, " +
                  std::to_string(parameters.size()) + " were given: " + sql);
  for (std::size_t i = 0; i < parameters.size(); ++i) bind(statement.get(), static_cast<int>(i) + 1, parameters[i]);

  Table table;
  const int columns = sqlite3_column_count(statement.get());
  for (int column = 0; column < columns; ++column) table.columns.emplace_back(sqlite3_column_name(statement.get(), column));
  int step = SQLITE_OK;
  {
    QueryLimit* const bounds = QueryLimit::current();
    std::optional<HoldLimit> limit;
    std::size_t bytes = 0;
    if (bounds != nullptr) limit.emplace(database, std::chrono::steady_clock::now() + bounds->bounds().time);
    else if (impl_->holds_up && !impl_->copy)
      limit.emplace(database, impl_->in_snapshot ? impl_->held_until : std::chrono::steady_clock::now() + longest_hold);
    while ((step = sqlite3_step(statement.get())) == SQLITE_ROW) {
      if (bounds != nullptr && (table.rows.size() >= bounds->bounds().rows || bytes > bounds->bounds().bytes)) {
        bounds->note_cut();
        return table;
      }
      auto& row = table.rows.emplace_back();
      for (int column = 0; column < columns; ++column) row.push_back(cell_of(statement.get(), column));
      if (bounds != nullptr) bytes += bytes_of_row(row);
    }
  }
  if (const QueryLimit* const bounds = QueryLimit::current(); bounds != nullptr && (step & 0xFF) == SQLITE_INTERRUPT)
    throw InputError("the question lasts longer than " + std::to_string(bounds->bounds().time.count()) +
                     " ms, the limit here: narrow it, or ask `stdualx query`, which has none");
  if ((step & 0xFF) == SQLITE_INTERRUPT) { // it lasts: asked again of a copy
    statement.reset();
    impl_->go_on_in_copy();
    Table whole = query(sql, parameters);
    if (!impl_->in_snapshot) impl_->copy.reset();
    return whole;
  }
  if (step == SQLITE_ERROR) impl_->refuse(std::string("SQLite: ") + sqlite3_errmsg(database) + ", in: " + sql);
  if (step != SQLITE_DONE) throw_sqlite_error(path(), step & 0xFF, sqlite3_extended_errcode(database), sqlite3_errmsg(database));
  return table;
}

std::vector<RunState> Reader::run_states(std::span<const std::string> run_ids) {
  const Snapshot snapshot(*this);
  std::vector<RunState> states;
  states.reserve(run_ids.size());
  for (const auto& run_id : run_ids) {
    impl_->let_go_if_due();
    states.push_back(run_state(impl_->asked(), run_id));
  }
  return states;
}

Reader::Snapshot::Snapshot(Reader& reader) : reader_(reader), outermost_(!reader.impl_->in_snapshot) {
  if (!outermost_) return;
  Impl& impl = *reader_.impl_;
  if (impl.holds_up && bytes_of(impl.database) <= most_bytes_copied_at_once) impl.go_on_in_copy();
  if (!impl.copy) {
    impl.may_begin = true;
    impl.database.script("BEGIN");
    impl.may_begin = false;
  }
  impl.held_until = std::chrono::steady_clock::now() + longest_hold;
  impl.in_snapshot = true;
}
Reader::Snapshot::~Snapshot() {
  if (!outermost_) return;
  reader_.impl_->may_begin = true;
  reader_.impl_->database.rollback();
  reader_.impl_->may_begin = false;
  reader_.impl_->in_snapshot = false;
  reader_.impl_->copy.reset();
}

} // namespace stdualx
