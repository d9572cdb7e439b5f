// How sweeps stand, without writing a byte.
#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>

#include "experiments/spec/errors.h"
#include "experiments/spec/fields.h"
#include "results/config_fields.h"
#include "results/fence.h"
#include "results/format.h"
#include "results/rows.h"
#include "results/settings.h"
#include "results/tables.h"

namespace stdualx {

namespace {

// Two heartbeats of a coordinator, and a commit.
constexpr std::chrono::milliseconds longest_watch{11000}, between_looks{500};

struct HolderView {
  bool gone = true;
  std::string words; // for a note
};

HolderView holder_of(Reader& reader, const Moment& moment) {
  const Table newest = reader.query("SELECT host, boot_id, pid, process_start, heartbeat_ms, released_ms, job, heartbeat FROM coordinators "
                                    "ORDER BY coordinator_id DESC LIMIT 1");
  if (newest.rows.empty()) return {true, "No coordinator ever held this store."};
  const auto& row = newest.rows[0];
  const ProcessIdentity holder{text_of(row[0]), text_of(row[1]), integer_of(row[2]), integer_of(row[3])};
  const std::string job = text_of(row[6]);
  const std::string who = "process " + std::to_string(holder.pid) + " on host " + holder.host + (job.empty() ? "" : " (job " + job + ")");
  if (!is_null(row[5])) return {true, "No coordinator holds the store; the last one, " + who + ", gave it back."};
  const std::int64_t silent = moment.now_ms - integer_of(row[4]); // if the clocks agree
  const std::string apart = cell_text(Duration{static_cast<double>(std::abs(silent)) / 1000});
  const bool ahead = silent < -moment.lease_ms;
  const std::string heard =
      ahead ? apart + " ahead of our clock" : cell_text(Duration{static_cast<double>(std::max<std::int64_t>(silent, 0)) / 1000}) + " ago";
  const Holder seen = look_at(holder, this_process());
  const std::string slurm = seen == Holder::alive || job.empty() || !moment.job_is_gone ? "" : moment.job_is_gone(job);
  if (!slurm.empty()) return {true, "The coordinator, " + who + ", is gone: " + slurm + ". To resume, repeat the same `run` or `submit`."};
  switch (seen) {
  case Holder::alive: return {false, "Held by " + who + ", last heartbeat " + heard + "."};
  case Holder::dead: return {true, "The coordinator, " + who + ", died. To resume, repeat the same `run`."};
  case Holder::elsewhere: break;
  }
  if (!ahead && silent <= moment.lease_ms) return {false, "Held by " + who + ", last heartbeat " + heard + "."};
  if (!moment.sleep)
    return {false, "Held by " + who + ", last heartbeat " + heard + ", if its clock is right; whether it lives cannot be told from here."};
  const std::int64_t counted = integer_of(row[7]);
  for (std::chrono::milliseconds watched{0}; watched < longest_watch; watched += between_looks) {
    moment.sleep(between_looks);
    const Table now = reader.query("SELECT heartbeat, host, pid, released_ms FROM coordinators ORDER BY coordinator_id DESC LIMIT 1");
    const auto& latest = now.rows.at(0);
    if (!is_null(latest[3]) || text_of(latest[1]) != holder.host || integer_of(latest[2]) != holder.pid) return holder_of(reader, moment);
    if (integer_of(latest[0]) != counted)
      return {false, "Held by " + who + ", whose heartbeat goes on; its clock and ours differ by " + apart + "."};
  }
  return {true, "The coordinator, " + who + ", was last heard " + heard + (ahead ? "" : ", by its clock") +
                    ", its heartbeat stands still, and it counts as dead. To resume, repeat the same `run`."};
}

constexpr std::array<const char*, 7> statuses{"PLANNED", "WAITING", "RUNNING", "INTERRUPTED", "COMPLETE", "FAILED", "QUARANTINED"};

} // namespace

bool coordinator_gone(Reader& reader, const Moment& moment) { return holder_of(reader, moment).gone; }

TitledTable runs_table(Reader& reader, const Moment& moment, const RunsFilter& filter) {
  const HolderView holder = holder_of(reader, moment);
  const Reader::Snapshot snapshot(reader);
  std::string status = filter.status;
  std::transform(status.begin(), status.end(), status.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::toupper(letter)); });
  if (!status.empty() && std::find(statuses.begin(), statuses.end(), status) == statuses.end())
    throw InputError("'" + filter.status +
                     "' is no status; expected PLANNED, WAITING, RUNNING, INTERRUPTED, COMPLETE, FAILED or QUARANTINED");
  if (!filter.sweep.empty() && reader.query("SELECT 1 FROM sweeps WHERE name = ?1 OR sweep_id GLOB ?1 || '*'", {filter.sweep}).rows.empty())
    throw InputError("the store " + reader.path().string() + " holds no sweep with the name '" + filter.sweep +
                     "' or an identity that starts so; `stdualx status` names them");
  const Table found = reader.query(
      "SELECT r.short_id, CASE WHEN r.status = 'RUNNING' AND ?1 THEN 'INTERRUPTED' ELSE r.status END AS shown, r.dataset, r.protocol, "
      "r.folds, iif(?3 = '', r.fold, coalesce(o.fold, r.fold)), r.seed, iif(?3 = '', r.preset, coalesce(o.preset, r.preset)), "
      "iif(?3 = '', r.variant, coalesce(o.variant, r.variant)), r.epochs_done, r.epochs_planned, r.attempts, r.seconds, "
      "r.validation_accuracy, r.accuracy, r.f1_macro, "
      "coalesce((SELECT c.config ->> '$.windows.null_class' FROM v_configs c WHERE c.run_id = r.run_id), 0), "
      "(SELECT i.config_id FROM runs i WHERE i.run_id = r.run_id) "
      "FROM v_runs r JOIN (SELECT sr.run_id, min(s.rowid) AS sweep_order, sr.ordinal, sr.preset, sr.variant, sr.fold FROM sweep_runs sr "
      "JOIN sweeps s USING (sweep_id) "
      "WHERE ?3 = '' OR s.name = ?3 OR s.sweep_id GLOB ?3 || '*' GROUP BY sr.run_id) o USING (run_id) "
      "WHERE ?2 = '' OR shown = ?2 ORDER BY o.sweep_order, o.ordinal",
      {std::int64_t{holder.gone}, status, filter.sweep});
  TitledTable titled{"runs", {}, {holder.words}};
  titled.table.columns = {"run",           "status",         "data set", "protocol", "fold", "seed",
                          "preset",        "variant",        "epochs",   "attempts", "time", "validation accuracy",
                          "test accuracy", "test F1 (macro)"};
  for (const auto& row : found.rows)
    titled.table.rows.push_back(
        {row[0], row[1], row[2], protocol_words(text_of(row[3]), integer_of(row[4]), integer_of(row[16]) != 0), row[5], row[6], row[7],
         row[8], std::to_string(integer_of(row[9])) + " of " + std::to_string(integer_of(row[10])), row[11], Duration{real_of(row[12])},
         percent_or_nothing(real_of(row[13])), percent_or_nothing(real_of(row[14])), percent_or_nothing(real_of(row[15]))});
  std::map<std::int64_t, Settings> configs;
  std::vector<std::string> groups;
  std::vector<const Settings*> settings;
  for (const auto& row : found.rows) {
    const auto [config, is_new] = configs.try_emplace(integer_of(row[17]));
    if (is_new) {
      const Table text = reader.query("SELECT config FROM configs WHERE config_id = ?1", {integer_of(row[17])});
      if (!text.rows.empty()) config->second = flattened(Json::parse(text_of(text.rows[0][0])));
    }
    groups.push_back(text_of(row[2]) + "/" + text_of(row[3]) + "/" + text_of(row[8]));
    settings.push_back(&config->second);
  }
  add_differing_settings(titled.table, groups, settings, "epochs");
  if (!filter.counted || titled.table.rows.size() <= most_rows_uncounted) return titled;
  return counted_by_group(titled,
                          {"run", "fold", "seed", "epochs", "attempts", "time", "validation accuracy", "test accuracy", "test F1 (macro)"});
}

std::vector<std::string> sweep_columns() {
  std::vector<std::string> columns = {"sweep", "identity", "runs"};
  columns.insert(columns.end(), statuses.begin(), statuses.end());
  columns.insert(columns.end(), {"epochs done", "epochs planned", "time"});
  return columns;
}

namespace {
/// COMPLETE runs at which something is done, or was tried in vain, since they are: conditions named later, weights that are gone.
TitledTable later_table(Reader& reader, bool coordinator_is_gone, const std::string& shown) {
  TitledTable later{"COMPLETE, and evaluated or trained again", {}, {"What is recorded of these runs stands."}};
  later.table = reader.query(
      "SELECT substr(r.run_id, 1, 10) AS run, r.dataset AS \"data set\", r.variant, r.fold, r.seed, iif(a.trains_again, 'train again', "
      "'evaluate') AS \"to\", CASE WHEN a.ended_ms IS NOT NULL THEN a.end_reason WHEN ?1 THEN 'interrupted' ELSE 'at work' END AS state, "
      "a.end_detail AS detail, a.host FROM runs r JOIN attempts a USING (run_id) WHERE r.status = 'COMPLETE' AND a.evaluate_only AND "
      "a.end_reason IS NOT 'complete' AND a.attempt = (SELECT max(b.attempt) FROM attempts b WHERE b.run_id = r.run_id) AND "
      "(?2 = '[]' OR r.run_id IN (SELECT run_id FROM sweep_runs WHERE sweep_id IN (SELECT value FROM json_each(?2)))) "
      "ORDER BY r.dataset, r.variant, r.fold, r.seed",
      {std::int64_t{coordinator_is_gone}, shown});
  return later;
}
} // namespace

std::vector<TitledTable> status_tables(Reader& reader, const Moment& moment, const std::optional<std::vector<std::string>>& asked) {
  const HolderView holder = holder_of(reader, moment);
  const Reader::Snapshot snapshot(reader);
  std::vector<TitledTable> tables{{"sweeps", {}, {holder.words}}};
  Table& sweeps = tables[0].table;
  sweeps.columns = sweep_columns();
  const std::string only = asked ? Json(*asked).dump() : "[]";
  std::string counts;
  for (const char* status : statuses) counts += std::string("count(*) FILTER (WHERE shown = '") + status + "'), ";
  sweeps.rows = reader
                    .query("SELECT s.name, substr(s.sweep_id, 1, 10), count(*), " + counts +
                               "sum(epochs_done), sum(epochs_planned), total(seconds) FROM sweeps s JOIN sweep_runs USING (sweep_id) JOIN "
                               "(SELECT run_id, CASE WHEN status = 'RUNNING' AND ?1 THEN 'INTERRUPTED' ELSE status END AS shown, "
                               "epochs_done, epochs_planned, seconds FROM v_runs) "
                               "USING (run_id) WHERE iif(?2 = '[]', s.retired_ms IS NULL, s.sweep_id IN (SELECT value FROM json_each(?2))) "
                               "GROUP BY s.sweep_id ORDER BY s.rowid",
                           {std::int64_t{holder.gone}, only})
                    .rows;
  for (auto& row : sweeps.rows) row.back() = Duration{real_of(row.back())};

  TitledTable attention{
      "failed or waiting", {}, {"`stdualx explain RUN` tells all about one; `stdualx retry` has failed ones tried again."}};
  attention.table.columns = {"run", "status", "data set", "variant", "fold", "seed", "attempts", "reason", "detail", "host"};
  attention.table.rows =
      reader
          .query("SELECT r.short_id, r.status, r.dataset, r.variant, r.fold, r.seed, r.attempts, "
                 "CASE r.status WHEN 'WAITING' THEN 'needs ' || r.world_size || ' ranks' ELSE r.end_reason END, "
                 "CASE r.status WHEN 'WAITING' THEN NULL ELSE r.end_detail END, CASE r.status WHEN 'WAITING' THEN NULL ELSE a.host END "
                 "FROM v_runs r LEFT JOIN attempts a ON a.run_id = r.run_id AND a.attempt = r.attempts "
                 "WHERE r.status IN ('FAILED', 'QUARANTINED', 'WAITING') AND iif(?1 = '[]', "
                 "r.run_id NOT IN (SELECT run_id FROM v_given_up), r.run_id IN (SELECT run_id FROM sweep_runs WHERE sweep_id IN (SELECT "
                 "value FROM json_each(?1)))) "
                 "ORDER BY r.status, r.dataset, r.variant, r.fold, r.seed",
                 {only})
          .rows;
  if (!attention.table.rows.empty()) tables.push_back(std::move(attention));
  if (TitledTable later = later_table(reader, holder.gone, only); !later.table.rows.empty()) tables.push_back(std::move(later));
  return tables;
}

} // namespace stdualx
