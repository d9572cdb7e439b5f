// What a run will cost, from what runs like it cost.
#include "results/rows.h"
#include "results/tables.h"

namespace stdualx {

CostEstimate cost_of(Reader& reader, const RunSpec& run) {
  const Table runs = reader.query(
      "SELECT total(e.wall_seconds), r.world_size = ?5 AND r.threads = ?6 FROM runs r JOIN epochs e USING (run_id) "
      "WHERE r.status = 'COMPLETE' AND r.dataset = ?1 AND r.preset = ?2 AND r.variant = ?3 AND r.epochs = ?4 GROUP BY r.run_id",
      {run.dataset, run.preset, run.variant, run.training.epochs, run.world_size, run.threads});
  std::vector<double> alike, others;
  for (const auto& row : runs.rows) (integer_of(row[1]) != 0 ? alike : others).push_back(real_of(row[0]));
  const std::vector<double>& seconds = alike.empty() ? others : alike;
  if (seconds.empty()) return {};
  return {median(seconds), static_cast<std::int64_t>(seconds.size())};
}

std::optional<double> epoch_seconds_of(Reader& reader, const RunSpec& run) {
  const Table epochs = reader.query("SELECT e.wall_seconds FROM runs r JOIN epochs e USING (run_id) WHERE r.dataset = ?1 AND r.preset = ?2 "
                                    "AND r.variant = ?3 AND r.world_size = ?4 AND r.threads = ?5 AND e.wall_seconds IS NOT NULL",
                                    {run.dataset, run.preset, run.variant, run.world_size, run.threads});
  std::vector<double> seconds;
  for (const auto& row : epochs.rows) seconds.push_back(real_of(row[0]));
  if (seconds.empty()) return std::nullopt;
  return median(seconds);
}

} // namespace stdualx
