// See live.h.
#include "orchestrator/live.h"

#include "orchestrator/job.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <set>

namespace stdualx {

namespace {

constexpr std::uintmax_t largest_live_file = 4 << 20; // ours have a few hundred KiB at most

double finite_or_unknown(double value) { return std::isfinite(value) ? value : unknown_number; }

Cell duration_or_nothing(double seconds) { return seconds < 0 ? Cell() : Cell(Duration{seconds}); }

LiveWorker live_worker(const Coordinator& coordinator, const WorkerView& view) {
  LiveWorker worker;
  worker.rank = view.rank;
  worker.host = view.host;
  worker.state = !view.ready ? "starting" : view.run_id.empty() ? "idle" : "at work";
  const RunSpec* run = worker.state == "at work" ? coordinator.run(view.run_id) : nullptr;
  if (run == nullptr) return worker;
  worker.run_id = view.run_id;
  worker.dataset = run->dataset;
  worker.variant = run->variant;
  worker.fold = run->fold;
  worker.seed = run->seed;
  worker.epoch = view.epoch;
  worker.epochs = run->training.epochs;
  if (view.epoch == 0) return worker;
  worker.train_loss = finite_or_unknown(view.train_loss);
  worker.validation_accuracy = finite_or_unknown(view.validation_accuracy);
  worker.windows_per_second = finite_or_unknown(view.windows_per_second);
  worker.seconds_left = finite_or_unknown(view.epoch_seconds * static_cast<double>(worker.epochs - worker.epoch));
  return worker;
}

} // namespace

std::int64_t wall_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

Live live_of(const Coordinator& coordinator, const std::deque<LiveFailure>& failures, double elapsed, std::int64_t now_ms,
             const ProcessIdentity& self) {
  const auto count = [&](RunStatus status) { return static_cast<std::int64_t>(coordinator.count(status)); };
  Live live;
  live.written_ms = now_ms;
  live.began_ms = now_ms - std::llround(elapsed * 1000);
  live.host = self.host;
  live.boot_id = self.boot_id;
  live.pid = self.pid;
  live.process_start = self.process_start;
  live.sweep_id = coordinator.plan().sweep_id;
  live.sweep = coordinator.plan().name;
  live.runs = static_cast<std::int64_t>(coordinator.plan().runs.size());
  live.complete = count(RunStatus::complete);
  live.running = count(RunStatus::running);
  live.waiting = count(RunStatus::waiting);
  live.failed = count(RunStatus::failed) + count(RunStatus::quarantined);
  live.epochs_done = coordinator.epochs_done();
  live.epochs_planned = coordinator.epochs_planned();
  if (coordinator.epochs_this_job() > 0)
    live.seconds_left = elapsed / static_cast<double>(coordinator.epochs_this_job()) *
                        static_cast<double>(std::max<std::int64_t>(live.epochs_planned - live.epochs_done, 0));
  const std::vector<WorkerView> views = coordinator.workers();
  live.workers_in_all = static_cast<std::int64_t>(views.size());
  std::set<std::string> counted; // every member of a group tells the group's rate
  for (const bool at_work : {true, false})
    for (const WorkerView& view : views) {
      if ((view.ready && !view.run_id.empty()) != at_work) continue;
      const LiveWorker worker = live_worker(coordinator, view);
      if (worker.windows_per_second > 0 && counted.insert(worker.run_id).second) live.windows_per_second += worker.windows_per_second;
      if (live.workers.size() < most_live_workers) live.workers.push_back(worker);
    }
  live.failures.assign(failures.begin(), failures.end());
  return live;
}

std::filesystem::path live_file(const std::filesystem::path& store_directory) { return store_directory / "live.json"; }

void write_live(const std::filesystem::path& store_directory, const Live& live) noexcept {
  try {
    const std::filesystem::path file = live_file(store_directory);
    // A store may be another's, and a link left under the temporary name would lead out of it.
    std::filesystem::remove(file.string() + ".new");
    // A host may have a name that is no UTF-8.
    write_whole_file(file, to_json_all(live).dump(-1, ' ', false, Json::error_handler_t::replace));
  } catch (const std::exception&) { // live.h says why nothing is made of it
  }
}

std::optional<Live> read_live(const std::filesystem::path& store_directory, std::int64_t now_ms, const ProcessIdentity& self) {
  Live live;
  try {
    const std::filesystem::path path = live_file(store_directory);
    // A pipe would never end, and a link may lead out of another's store.
    if (std::filesystem::symlink_status(path).type() != std::filesystem::file_type::regular) return std::nullopt;
    if (std::filesystem::file_size(path) > largest_live_file) return std::nullopt;
    std::ifstream file(path, std::ios::binary);
    live = from_json<Live>(Json::parse(file));
  } catch (const std::exception&) {
    return std::nullopt;
  }
  if (std::abs(now_ms - live.written_ms) > longest_live_ms) return std::nullopt;
  if (look_at({live.host, live.boot_id, live.pid, live.process_start}, self) == Holder::dead) return std::nullopt;
  return live;
}

std::vector<TitledTable> live_tables(const Live& live) {
  TitledTable sweep{"job at work",
                    {{"sweep", "identity", "runs", "COMPLETE", "RUNNING", "WAITING", "FAILED", "epochs done", "epochs planned",
                      "windows a second", "left"},
                     {}},
                    {fmt::format("As process {} on host {} told it a moment ago.", live.pid, live.host)}};
  sweep.table.rows.push_back({live.sweep, live.sweep_id.substr(0, 10), live.runs, live.complete, live.running, live.waiting, live.failed,
                              live.epochs_done, live.epochs_planned, Real{live.windows_per_second, 0},
                              duration_or_nothing(live.seconds_left)});
  TitledTable workers{"workers",
                      {{"worker", "host", "state", "run", "data set", "variant", "fold", "seed", "epoch", "loss", "validation accuracy",
                        "windows a second", "left"},
                       {}},
                      {}};
  for (const LiveWorker& worker : live.workers) {
    std::vector<Cell> row = {worker.rank, worker.host, worker.state};
    row.resize(workers.table.columns.size());
    if (!worker.run_id.empty()) {
      const auto known = [](double value, Cell cell) { return value < 0 ? Cell() : cell; };
      row[3] = short_id(worker.run_id);
      row[4] = worker.dataset;
      row[5] = worker.variant;
      row[6] = worker.fold;
      row[7] = worker.seed;
      row[8] = fmt::format("{} of {}", worker.epoch, worker.epochs);
      row[9] = known(worker.train_loss, Real{worker.train_loss, 3});
      row[10] = known(worker.validation_accuracy, Percent{worker.validation_accuracy});
      row[11] = known(worker.windows_per_second, Real{worker.windows_per_second, 0});
      row[12] = duration_or_nothing(worker.seconds_left);
    }
    workers.table.rows.push_back(std::move(row));
  }
  if (const auto more = live.workers_in_all - static_cast<std::int64_t>(live.workers.size()); more > 0)
    workers.notes.push_back(fmt::format("And {} more workers.", more));
  std::vector<TitledTable> tables{std::move(sweep), std::move(workers)};
  if (!live.failures.empty()) {
    TitledTable failures{"last failures of this job", {{"run", "variant", "reason", "detail", "run since"}, {}}, {}};
    for (const LiveFailure& failure : live.failures)
      failures.table.rows.push_back({short_id(failure.run_id), failure.variant, failure.reason, failure.detail, failure.status});
    tables.push_back(std::move(failures));
  }
  return tables;
}

} // namespace stdualx
