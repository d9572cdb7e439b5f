// What a run will cost, from what runs like it cost.
#include "experiments/spec/run_spec.h"
#include "results/rows.h"
#include "results/tables.h"

namespace stdualx {

namespace {
/// Trainers call a processor so (worker/trainer/platform.cpp); everything else is a GPU by its name.
constexpr const char* of_this_kind = "(a.device = 'cpu') = ?1";
std::int64_t is_cpu(DeviceKind device) { return device == DeviceKind::cpu ? 1 : 0; }
} // namespace

const char* device_kind_words(DeviceKind device) { return device == DeviceKind::cpu ? "processors" : "GPUs"; }

CostEstimate cost_of(Reader& reader, const RunSpec& run, DeviceKind device) {
  // A run that went on elsewhere on a device of the other kind says nothing of either.
  const std::string settings = "'$.fold', '$.seed', '$.threads', '$.world_size', '$.protocol', '$.dataset_hash')";
  const Table runs = reader.query("SELECT total(e.wall_seconds), r.recipe_id = ?2 AS same FROM runs r JOIN epochs e USING (run_id) "
                                  "JOIN attempts a ON a.run_id = e.run_id AND a.attempt = e.attempt JOIN configs c USING (config_id) "
                                  "WHERE r.status = 'COMPLETE' AND r.dataset = ?3 AND r.epochs = ?4 AND (same OR json_remove(c.config, " +
                                      settings + " = json_remove(?5, " + settings + ") GROUP BY r.run_id HAVING min(" + of_this_kind + ")",
                                  {is_cpu(device), recipe_identity(run), run.dataset, run.training.epochs, to_json_all(run).dump()});
  std::vector<double> alike, others;
  for (const auto& row : runs.rows) (integer_of(row[1]) != 0 ? alike : others).push_back(real_of(row[0]));
  const std::vector<double>& seconds = alike.empty() ? others : alike;
  if (seconds.empty()) return {};
  return {median(seconds), static_cast<std::int64_t>(seconds.size())};
}

std::optional<double> epoch_seconds_of(Reader& reader, const RunSpec& run, DeviceKind device) {
  const Table epochs = reader.query(std::string("SELECT e.wall_seconds FROM runs r JOIN epochs e USING (run_id) JOIN attempts a "
                                                "ON a.run_id = e.run_id AND a.attempt = e.attempt "
                                                "WHERE r.recipe_id = ?2 AND r.dataset = ?3 AND e.wall_seconds IS NOT NULL AND ") +
                                        of_this_kind,
                                    {is_cpu(device), recipe_identity(run), run.dataset});
  std::vector<double> seconds;
  for (const auto& row : epochs.rows) seconds.push_back(real_of(row[0]));
  if (seconds.empty()) return std::nullopt;
  return median(seconds);
}

} // namespace stdualx
