// See progress.h.
#include "orchestrator/progress.h"

#include "experiments/spec/shown_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace stdualx {

namespace {
constexpr double seconds_between_frames = 0.2;

std::string run_name(const Coordinator& coordinator, const std::string& run_id) {
  const RunSpec* run = coordinator.run(run_id);
  if (run == nullptr) return short_id(run_id);
  return fmt::format("{} {} fold {} seed {}{}", short_id(run_id), run->variant, run->fold, run->seed,
                     run->world_size > 1 ? fmt::format(" on {} ranks", run->world_size) : "");
}

/// "epoch 3/10  loss 0.412  validation 93.10 %  640 windows/s"; a run without a validation part says nothing of it.
std::string epoch_words(const Coordinator& coordinator, const std::string& run_id, std::int64_t epoch, double train_loss,
                        double validation_accuracy, double windows_per_second) {
  const RunSpec* run = coordinator.run(run_id);
  std::string words = fmt::format("epoch {}/{}", epoch, run == nullptr ? 0 : run->training.epochs);
  if (epoch == 0) return words;
  words += fmt::format("  loss {:.3f}", train_loss);
  if (!std::isnan(validation_accuracy)) words += fmt::format("  validation {:.2f} %", validation_accuracy * 100);
  return words + fmt::format("  {:.0f} windows/s", windows_per_second);
}

/// A line, with names and errors of others in it.
void print(const std::string& line) { std::fputs((shown(line) + "\n").c_str(), stdout); }
} // namespace

std::vector<std::string> progress_frame(const Coordinator& coordinator, double elapsed, std::size_t columns, std::size_t rows) {
  const std::size_t runs = coordinator.plan().runs.size();
  const std::size_t complete = coordinator.count(RunStatus::complete);
  const std::size_t failed = coordinator.count(RunStatus::failed) + coordinator.count(RunStatus::quarantined);
  const auto planned = static_cast<double>(std::max<std::int64_t>(coordinator.epochs_planned(), 1));
  const double share = std::clamp(static_cast<double>(coordinator.epochs_done()) / planned, 0.0, 1.0);
  std::string text = fmt::format(" {:3.0f} %  {}/{} runs", share * 100, complete, runs);
  if (failed > 0) text += fmt::format(", {} failed", failed);
  text += fmt::format(", {} elapsed", whole_duration_text(elapsed));
  if (coordinator.epochs_this_job() > 0 && coordinator.epochs_done() < coordinator.epochs_planned()) {
    const double rate = elapsed / static_cast<double>(coordinator.epochs_this_job());
    text +=
        fmt::format(", {} left", whole_duration_text(rate * static_cast<double>(coordinator.epochs_planned() - coordinator.epochs_done())));
  }
  std::vector<std::string> lines;
  const std::size_t width = std::clamp<std::size_t>(columns > text.size() + 4 ? columns - text.size() - 2 : 0, 0, 40);
  const auto filled = static_cast<std::size_t>(share * static_cast<double>(width));
  lines.push_back("[" + std::string(filled, '#') + std::string(width - filled, '.') + "]" + text);
  const std::vector<WorkerView> workers = coordinator.workers();
  // A frame taller than the terminal scrolls instead of being redrawn; a line each is left for the bar, the rest and the cursor.
  const std::size_t shown = rows > workers.size() + 1 ? workers.size() : rows - 3;
  for (std::size_t i = 0; i < shown; ++i) {
    const WorkerView& worker = workers[i];
    std::string line = fmt::format("worker {} {:<12} ", worker.rank, worker.host);
    if (!worker.ready) line += "starting";
    else if (worker.run_id.empty()) line += "idle";
    else
      line +=
          run_name(coordinator, worker.run_id) + "  " +
          epoch_words(coordinator, worker.run_id, worker.epoch, worker.train_loss, worker.validation_accuracy, worker.windows_per_second);
    lines.push_back(std::move(line));
  }
  if (shown < workers.size()) lines.push_back(fmt::format("and {} more workers", workers.size() - shown));
  for (auto& line : lines) {
    line = cut_at_word(shown_on_one_line(line), columns);
  }
  return lines;
}

void Progress::clear() { std::fputs(redraw_.clear(window_).c_str(), stdout); }

void Progress::notice(const std::string& text) {
  clear();
  print(text);
  std::fflush(stdout);
  drawn_at_ = -1;
}

void Progress::epoch(const Coordinator& coordinator, const EpochReport& report) {
  if (mode_ != Mode::lines) return;
  print(run_name(coordinator, report.run_id) + "  " +
        epoch_words(coordinator, report.run_id, report.epoch, report.train_loss, report.validation_accuracy,
                    report.wall_seconds > 0 ? static_cast<double>(report.windows) / report.wall_seconds : 0));
  std::fflush(stdout);
}

void Progress::ended(const Coordinator& coordinator, const AttemptEnd& end) {
  if (mode_ != Mode::lines) return;
  print(fmt::format("{}  {}  ({}/{} runs complete)", run_name(coordinator, end.run_id), end.reason, coordinator.count(RunStatus::complete),
                    coordinator.plan().runs.size()));
  std::fflush(stdout);
}

void Progress::frame(const Coordinator& coordinator, double elapsed, bool last) {
  if (mode_ != Mode::terminal || (!last && drawn_at_ >= 0 && elapsed - drawn_at_ < seconds_between_frames)) return;
  drawn_at_ = elapsed;
  std::fputs(redraw_.draw(progress_frame(coordinator, elapsed, window_.columns, window_.rows), window_).c_str(), stdout);
  std::fflush(stdout);
  if (last) redraw_.keep();
}

} // namespace stdualx
