// See schema_check.h.
#include "results/schema_check.h"

#include <map>
#include <utility>

#include "experiments/spec/shown_text.h"
#include "results/database.h"
#include "results/migrate.h"

namespace stdualx {

namespace {

using Objects = std::map<std::string, std::pair<std::string, std::string>>; // by name: type, text

/// Without what versions of SQLite write differently when they alter a table: white space and quotes.
std::string plain(const std::string& sql) {
  std::string text;
  for (const char letter : sql)
    if (letter != '"' && letter != ' ' && letter != '\n' && letter != '\r' && letter != '\t') text += letter;
  return text;
}

Objects objects_of(Database& database) {
  Objects objects;
  database.each("SELECT name, type, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'", [&](const Row& row) {
    objects[row.text(0)] = {row.text(1), plain(row.text(2))};
  });
  return objects;
}

Objects ours(std::int64_t version) {
  Database memory(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, 0);
  const auto& migrations = embedded_migrations();
  trust_schema(memory);
  for (std::int64_t i = 0; i < version; ++i) memory.script(migrations[static_cast<std::size_t>(i)]);
  return objects_of(memory);
}

/// Version and objects of one moment: somebody may be migrating the file.
class Looking {
public:
  explicit Looking(Database& database) : database_(database) { database_.script("BEGIN"); }
  ~Looking() { database_.rollback(); }
  Looking(const Looking&) = delete;
  Looking& operator=(const Looking&) = delete;

private:
  Database& database_;
};

} // namespace

void trust_schema(Database& database) { sqlite3_db_config(database.handle(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 1, nullptr); }

void check_schema(Database& database) {
  const std::int64_t newest = static_cast<std::int64_t>(embedded_migrations().size());
  static const Objects current = ours(newest);
  const Looking looking(database);
  const std::int64_t version = store_version(database, newest);
  const Objects found = objects_of(database);
  const std::string file = database.path().string();
  const Objects& wanted = version == newest ? current : ours(version);
  for (const auto& [name, object] : wanted) {
    const auto there = found.find(name);
    if (there == found.end() || there->second != object)
      throw InputError(file + ": its " + object.first + " '" + name + "' " +
                       (there == found.end() ? "is missing" : "is not as stdualx makes it") +
                       ": another program altered this store, and what it holds is not believed; name another with --store");
  }
  for (const auto& [name, object] : found)
    if (object.first == "trigger" && !wanted.contains(name))
      throw InputError(
          file + ": it holds the trigger '" + shown_on_one_line(name) +
          "', which stdualx did not make and which could change what is written; drop it (DROP TRIGGER), or name another store with "
          "--store");
  trust_schema(database);
}

} // namespace stdualx
