// Versions of the schema.
#include "results/migrate.h"

#include "experiments/spec/fields.h"
#include "results/database.h"
#include "results/schema_check.h"
#include "results/store_file.h"

namespace stdualx {

std::int64_t store_version(Database& database, std::int64_t newest) {
  std::int64_t application = 0, version = 0, objects = 0;
  // In one statement: somebody else may make a store of the empty file between two.
  database.first(
      "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema) FROM pragma_application_id, pragma_user_version",
      [&](const Row& row) {
        application = row.integer(0);
        version = row.integer(1);
        objects = row.integer(2);
      });
  const std::string file = database.path().string();
  if (application != store_application_id) {
    if (application != 0 || version != 0 || objects != 0)
      throw InputError(file + ": this SQLite database is not a store of stdualx (application_id " + std::to_string(application) + ", " +
                       std::to_string(objects) + " tables and indices); name a store, or a new file, with --store");
    return 0;
  }
  if (version > newest)
    throw RefusedError(file + ": its schema is version " + std::to_string(version) + ", this program knows up to " +
                       std::to_string(newest) + "; use the newer stdualx that wrote it, or name another file with --store");
  return version;
}

void migrate(Database& database, const std::vector<std::string_view>& migrations) {
  const auto newest = static_cast<std::int64_t>(migrations.size());
  const std::int64_t found = store_version(database, newest);
  if (found == newest) return;
  trust_schema(database); // it is ours: new, or checked by who opened it
  if (found > 0) copy_whole(database, database.path().string() + ".before-version-" + std::to_string(newest));
  database.script("BEGIN IMMEDIATE");
  try {
    // Somebody may have done it between our look and our lock.
    for (std::int64_t version = store_version(database, newest); version < newest; ++version) {
      database.script(migrations[static_cast<std::size_t>(version)]);
      database.script("PRAGMA user_version = " + std::to_string(version + 1));
    }
    database.script("PRAGMA application_id = " + std::to_string(store_application_id));
    database.script("COMMIT");
  } catch (...) {
    database.rollback();
    throw;
  }
}

void write_paper_values(Database& database, std::string_view json) {
  const auto optional_text = [](const Json& claim, const char* key) {
    return claim.contains(key) ? std::optional<std::string>(claim.at(key).get<std::string>()) : std::nullopt;
  };
  database.execute("DELETE FROM paper_values");
  for (const Json& claim : Json::parse(json))
    database.execute(
        "INSERT INTO paper_values (claim_id, dataset, protocol, condition, variant, metric, value, unit, hardware, stands_in, words) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        claim.at("claim_id").get<std::string>(), optional_text(claim, "dataset"), optional_text(claim, "protocol"),
        optional_text(claim, "condition"), claim.at("variant").get<std::string>(), claim.at("metric").get<std::string>(),
        claim.at("value").get<double>(), claim.at("unit").get<std::string>(), optional_text(claim, "hardware"),
        claim.at("stands_in").get<std::string>(), claim.at("words").get<std::string>());
}

} // namespace stdualx
