// See standing.h.
#include "orchestrator/standing.h"

#include "experiments/spec/human_text.h"
#include "experiments/archive.h"
#include "experiments/spec/errors.h"
#include "experiments/sweep.h"
#include "orchestrator/submission.h"
#include "results/rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace stdualx {

namespace {

namespace fs = std::filesystem;

/// Of a version that did not write it down: when its file was written.
std::int64_t written_ms(const fs::path& file) {
  std::error_code error;
  const auto time = fs::last_write_time(file, error);
  if (error) return 0;
  const auto since = std::chrono::file_clock::to_sys(time).time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

std::string name_in(const std::string& text) {
  const Json sweep = Json::parse(text, nullptr, false);
  return sweep.is_object() && sweep.contains("name") && sweep["name"].is_string() ? sweep["name"].get<std::string>() : "";
}

/// Runs of it that are submitted, and of which the store says nothing for this sweep; those that another sweep has done are left out.
std::int64_t not_begun(Reader* reader, const KnownSweep& sweep, std::int64_t* done = nullptr) {
  if (reader == nullptr) return static_cast<std::int64_t>(sweep.submitted.size());
  const Table counted = reader->query(
      "SELECT count(*) FILTER (WHERE coalesce(r.status, '') <> 'COMPLETE'), count(*) FILTER (WHERE r.status = 'COMPLETE') FROM "
      "json_each(?1) j LEFT JOIN runs r ON r.run_id = j.value WHERE NOT EXISTS (SELECT 1 FROM sweep_runs x WHERE x.run_id = j.value AND "
      "x.sweep_id = ?2)",
      {Json(sweep.submitted).dump(), sweep.sweep_id});
  if (done != nullptr) *done = integer_of(counted.rows.at(0).at(1));
  return integer_of(counted.rows.at(0).at(0));
}

} // namespace

std::vector<KnownSweep> known_sweeps(Reader* reader, const fs::path& store_directory) {
  std::vector<KnownSweep> sweeps;
  std::vector<std::int64_t> retired;
  if (reader != nullptr) {
    const Table rows = reader->query("SELECT s.sweep_id, s.name, coalesce(c.claimed_ms, s.first_seen_ms), coalesce(s.retired_ms, 0) FROM "
                                     "sweeps s LEFT JOIN coordinators c USING (coordinator_id) ORDER BY s.coordinator_id, s.rowid");
    for (const auto& row : rows.rows) {
      sweeps.push_back({text_of(row.at(0)), text_of(row.at(1)), "", integer_of(row.at(2)), integer_of(row.at(3)) > 0, {}, {}});
      retired.push_back(integer_of(row.at(3)));
    }
  }
  for (const SubmittedJobs& submitted : submitted_jobs(store_directory)) {
    if (submitted.job_ids.empty()) continue; // it was never sent
    Submission submission;
    std::string name, text;
    try {
      submission = read_submission(submitted.folder / "submission.json");
      text = read_file(submitted.folder / "sweep.json");
      if (Json json = Json::parse(text); json.erase(places_key) > 0) text = canonical_json(json); // what its identity is of
      if (text.ends_with('\n')) text.pop_back();                                                  // as `submit` wrote it
      name = name_in(text);
    } catch (const std::exception&) { // of another version, or cut: its job is shown all the same
      continue;
    }
    auto place = std::find_if(sweeps.begin(), sweeps.end(), [&](const auto& one) { return one.sweep_id == submission.sweep_id; });
    if (place == sweeps.end()) {
      place = sweeps.insert(sweeps.end(), {submission.sweep_id, name, text, 0, false, {}, {}});
      retired.push_back(0);
    }
    const std::int64_t sent = submission.submitted_ms > 0 ? submission.submitted_ms : written_ms(submitted.folder / "submission.json");
    place->last_ms = std::max(place->last_ms, sent);
    const std::int64_t given_up = retired[static_cast<std::size_t>(place - sweeps.begin())];
    if (place->retired && sent <= given_up) continue;
    place->retired = false;
    place->folders.push_back(submitted.folder);
    const auto& runs = submission.chosen_run_ids.empty() ? submission.run_ids : submission.chosen_run_ids;
    place->submitted.insert(runs.begin(), runs.end());
  }
  std::stable_sort(sweeps.begin(), sweeps.end(), [](const KnownSweep& a, const KnownSweep& b) { return a.last_ms < b.last_ms; });
  return sweeps;
}

std::optional<KnownSweep> chosen_sweep(const std::vector<KnownSweep>& sweeps, const std::string& asked) {
  constexpr std::size_t fewest_digits = 4;
  const auto last = [&](auto&& is_it) -> std::optional<KnownSweep> {
    const auto found = std::find_if(sweeps.rbegin(), sweeps.rend(), is_it);
    return found == sweeps.rend() ? std::nullopt : std::optional(*found);
  };
  if (asked.empty()) return last([](const KnownSweep& one) { return !one.retired; });
  if (auto named = last([&](const KnownSweep& one) { return one.name == asked && !one.retired; })) return named;
  if (auto named = last([&](const KnownSweep& one) { return one.name == asked; })) return named;
  if (asked.size() >= fewest_digits)
    if (auto named = last([&](const KnownSweep& one) { return one.sweep_id.starts_with(asked); })) return named;
  std::string names;
  for (const KnownSweep& one : sweeps) names += (names.empty() ? "" : ", ") + one.name + " (" + short_id(one.sweep_id) + ")";
  throw InputError("no sweep here is named '" + asked + "', nor does the identity of one start so" +
                   (names.empty() ? "" : "; there are: " + names));
}

std::string Standing::words() const {
  return fmt::format("{} of {} runs complete{}{}, {} epochs recorded", complete, runs, failed > 0 ? fmt::format(", {} failed", failed) : "",
                     waiting > 0 ? fmt::format(", {} submitted and not begun", waiting) : "", epochs);
}

Standing standing_of(Reader* reader, const std::optional<KnownSweep>& sweep) {
  Standing standing;
  if (reader != nullptr) {
    const Table counts = reader->query(
        "SELECT count(*), count(*) FILTER (WHERE status = 'COMPLETE'), count(*) FILTER (WHERE status IN ('FAILED', 'QUARANTINED')), "
        "coalesce(sum(epochs_done), 0) FROM v_runs WHERE (?1 = '' OR run_id IN (SELECT run_id FROM sweep_runs WHERE sweep_id = ?1)) AND "
        "(NOT ?2 OR run_id NOT IN (SELECT run_id FROM v_given_up))",
        {sweep ? sweep->sweep_id : "", std::int64_t{!sweep || sweep->retired}});
    const auto number = [&](std::size_t i) { return integer_of(counts.rows.at(0).at(i)); };
    standing = {number(0), number(1), number(2), 0, number(3)};
  }
  if (!sweep) return standing;
  std::int64_t done = 0;
  standing.waiting = not_begun(reader, *sweep, &done);
  standing.runs += standing.waiting + done;
  standing.complete += done;
  return standing;
}

bool is_worked_on(Reader& reader, const KnownSweep& sweep) {
  return !reader
              .query(
                  "SELECT 1 FROM sweep_runs x JOIN sweeps s USING (sweep_id) JOIN runs r USING (run_id) WHERE s.coordinator_id = (SELECT "
                  "max(coordinator_id) FROM coordinators) AND (s.sweep_id = ?1 OR r.status <> 'COMPLETE' AND EXISTS (SELECT 1 FROM "
                  "sweep_runs y WHERE y.run_id = x.run_id AND y.sweep_id = ?1)) LIMIT 1",
                  {sweep.sweep_id})
              .rows.empty();
}

void add_waiting(std::vector<TitledTable>& tables, Reader* reader, const std::vector<KnownSweep>& sweeps) {
  for (const KnownSweep& sweep : sweeps) {
    if (sweep.retired || sweep.submitted.empty()) continue;
    std::int64_t done = 0;
    const std::int64_t waiting = not_begun(reader, sweep, &done);
    if (waiting == 0) continue;
    if (tables.empty()) tables.push_back({"sweeps", {sweep_columns(), {}}, {}});
    Table& table = tables[0].table;
    const auto column = [&](const char* name) {
      return static_cast<std::size_t>(std::find(table.columns.begin(), table.columns.end(), name) - table.columns.begin());
    };
    const std::string short_name = short_id(sweep.sweep_id);
    auto row = std::find_if(table.rows.begin(), table.rows.end(), [&](const auto& one) { return one[1] == Cell(short_name); });
    if (row == table.rows.end()) {
      std::vector<Cell> fresh(table.columns.size(), Cell(std::int64_t{0}));
      fresh[0] = sweep.name;
      fresh[1] = short_name;
      fresh[column("epochs planned")] = fresh[column("time")] = Cell();
      row = table.rows.insert(table.rows.end(), std::move(fresh));
    }
    const auto add = [&](const char* name, std::int64_t count) { (*row)[column(name)] = integer_of((*row)[column(name)]) + count; };
    add("runs", waiting + done);
    add("COMPLETE", done);
    add("WAITING", waiting);
    tables[0].notes.push_back(
        fmt::format("{}: {} of its runs are submitted, and their job has not begun; they count as WAITING.", sweep.name, waiting));
  }
}

} // namespace stdualx
