// See progress.h.
#include "orchestrator/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

namespace stdualx {

namespace {
constexpr double seconds_between_frames = 0.2;

std::string run_name(const Coordinator& coordinator, const std::string& run_id) {
  for (const auto& planned : coordinator.plan().runs)
    if (planned.run_id == run_id)
      return fmt::format("{} {} fold {} seed {}{}", run_id.substr(0, 8), planned.run.variant, planned.run.fold, planned.run.seed,
                         planned.run.world_size > 1 ? fmt::format(" on {} ranks", planned.run.world_size) : "");
  return run_id.substr(0, 8);
}

std::int64_t epochs_of(const Coordinator& coordinator, const std::string& run_id) {
  for (const auto& planned : coordinator.plan().runs)
    if (planned.run_id == run_id) return planned.run.training.epochs;
  return 0;
}
} // namespace

std::string duration_text(double seconds) {
  const auto whole = static_cast<long long>(seconds + 0.5);
  if (whole >= 3600) return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
  if (whole >= 60) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} s", whole);
}

std::vector<std::string> progress_frame(const Coordinator& coordinator, double elapsed, std::size_t columns) {
  const std::size_t runs = coordinator.plan().runs.size();
  const std::size_t complete = coordinator.count(RunStatus::complete);
  const std::size_t failed = coordinator.count(RunStatus::failed) + coordinator.count(RunStatus::quarantined);
  const auto planned = static_cast<double>(std::max<std::int64_t>(coordinator.epochs_planned(), 1));
  const double share = std::clamp(static_cast<double>(coordinator.epochs_done()) / planned, 0.0, 1.0);
  std::string text = fmt::format(" {:3.0f} %  {}/{} runs", share * 100, complete, runs);
  if (failed > 0) text += fmt::format(", {} failed", failed);
  text += fmt::format(", {} elapsed", duration_text(elapsed));
  if (coordinator.epochs_this_job() > 0 && coordinator.epochs_done() < coordinator.epochs_planned()) {
    const double rate = elapsed / static_cast<double>(coordinator.epochs_this_job());
    text += fmt::format(", {} left", duration_text(rate * static_cast<double>(coordinator.epochs_planned() - coordinator.epochs_done())));
  }
  std::vector<std::string> lines;
  const std::size_t width = std::clamp<std::size_t>(columns > text.size() + 4 ? columns - text.size() - 2 : 0, 0, 40);
  const auto filled = static_cast<std::size_t>(share * static_cast<double>(width));
  lines.push_back("[" + std::string(filled, '#') + std::string(width - filled, '.') + "]" + text);
  for (const auto& worker : coordinator.workers()) {
    std::string line = fmt::format("worker {} {:<12}", worker.rank, worker.host);
    if (!worker.ready) line += " starting";
    else if (worker.run_id.empty()) line += " idle";
    else {
      line += " " + run_name(coordinator, worker.run_id) + fmt::format("  epoch {}/{}", worker.epoch, epochs_of(coordinator, worker.run_id));
      if (worker.epoch > 0)
        line += fmt::format("  loss {:.3f}  validation {:.2f} %  {:.0f} windows/s", worker.train_loss, worker.validation_accuracy * 100, worker.windows_per_second);
    }
    lines.push_back(std::move(line));
  }
  for (auto& line : lines)
    if (line.size() > columns) line.resize(columns);
  return lines;
}

void Progress::clear() {
  if (drawn_ > 0) std::fputs(fmt::format("\x1b[{}A\x1b[J", drawn_).c_str(), stdout);
  drawn_ = 0;
}

void Progress::notice(const std::string& text) {
  clear();
  std::fputs((text + "\n").c_str(), stdout);
  std::fflush(stdout);
  drawn_at_ = -1;
}

void Progress::epoch(const Coordinator& coordinator, const EpochReport& report) {
  if (mode_ != Mode::lines) return;
  std::fputs(fmt::format("{}  epoch {}/{}  loss {:.3f}  validation {:.2f} %  {:.0f} windows/s\n", run_name(coordinator, report.run_id), report.epoch,
                         epochs_of(coordinator, report.run_id), report.train_loss, report.validation_accuracy * 100,
                         report.wall_seconds > 0 ? static_cast<double>(report.windows) / report.wall_seconds : 0)
                 .c_str(),
             stdout);
  std::fflush(stdout);
}

void Progress::ended(const Coordinator& coordinator, const AttemptEnd& end) {
  if (mode_ != Mode::lines) return;
  std::fputs(fmt::format("{}  {}  ({}/{} runs complete)\n", run_name(coordinator, end.run_id), end.reason, coordinator.count(RunStatus::complete),
                         coordinator.plan().runs.size())
                 .c_str(),
             stdout);
  std::fflush(stdout);
}

void Progress::frame(const Coordinator& coordinator, double elapsed, bool last) {
  if (mode_ != Mode::terminal || (!last && drawn_at_ >= 0 && elapsed - drawn_at_ < seconds_between_frames)) return;
  drawn_at_ = elapsed;
  clear();
  const auto lines = progress_frame(coordinator, elapsed, columns_);
  for (const auto& line : lines) std::fputs((line + "\n").c_str(), stdout);
  std::fflush(stdout);
  drawn_ = last ? 0 : lines.size();
}

} // namespace stdualx
