// See one_process_job.h.
#include "one_process_job.h"

#include "experiments/spec/errors.h"
#include "experiments/spec/fault.h"
#include "experiments/window_cache.h"
#include "results/format.h"
#include "results/reader.h"
#include "worker/messages/run_files.h"

#include <deque>
#include <fstream>
#include <limits>
#include <sstream>
#include <stdexcept>

namespace stdualx {

namespace fs = std::filesystem;

std::string state_after(const std::string& run_id, std::int64_t epoch) {
  std::string state = sha256_hex("weights of " + run_id);
  for (std::int64_t i = 1; i <= epoch; ++i) state = sha256_hex(state + std::to_string(i));
  return state;
}

namespace {

/// A safetensors file without tensors: the metadata are all that matters here.
void write_metadata(const fs::path& file, const Metadata& metadata) {
  const std::string header = Json{{"__metadata__", metadata}}.dump();
  const std::uint64_t size = header.size();
  std::ofstream stream(file, std::ios::binary);
  stream.write(reinterpret_cast<const char*>(&size), sizeof size);
  stream << header;
  stream.close();
  if (!stream) throw StorageError("cannot write " + file.string());
}

/// An agent and its trainer. The order of files, reports and acknowledgements is that of worker/trainer/attempt.cpp and
/// worker/trainer/trainer.cpp.
class Worker {
public:
  Worker(int rank, std::string store_directory) : rank_(rank), store_directory_(std::move(store_directory)) {
    outgoing_.push_back(Message::of("hello", Hello{"host"}));
    fault_point(FaultPoint::trainer_starts);
    outgoing_.push_back(Message::of("ready", Placement{"host", 1000 + rank, "cpu", "one process", 1}));
  }

  void take(const Message& message) {
    fault_point(FaultPoint::agent_received);
    if (message.type == "assign") queue_.push_back(line_.unpack(message));
    else if (message.type == "drain") drain();
    else if (message.type == "exit") gone_ = true;
    else if (message.type == "acknowledge") acknowledge(message.as<Acknowledge>());
  }

  /// One small piece of work. False: nothing to do but wait.
  bool turn() {
    if (gone_ || !outgoing_.empty()) return false;
    if (!current_ && !queue_.empty()) {
      current_ = std::move(queue_.front());
      queue_.pop_front();
      begun_ = ended_ = draining_ = false;
      told_ = acknowledged_ = 0;
      artifacts_.clear();
    }
    if (!current_ || ended_) return false;
    try {
      return work();
    } catch (const StorageError& error) {
      const std::string text = error.what();
      end(text.starts_with("checkpoint damaged:") ? "error" : "storage", text);
    } catch (const std::runtime_error& error) {
      end("error", error.what());
    }
    return true;
  }

  std::vector<Message> take_outgoing() { return std::exchange(outgoing_, {}); }
  int rank() const { return rank_; }

private:
  void send(const Message& message) {
    fault_point(FaultPoint::trainer_before_send);
    outgoing_.push_back(message);
    fault_point(FaultPoint::trainer_after_send);
  }
  void end(const std::string& reason, const std::string& detail) {
    ended_ = true;
    complete_ = reason == "complete";
    if (!complete_) artifacts_.clear(); // as of end_of_attempt
    outgoing_.push_back(Message::of("end", AttemptEnd{current_->run_id, current_->attempt, reason, detail, "", artifacts_}));
  }

  void drain() {
    for (const Assignment& waiting : queue_)
      outgoing_.push_back(Message::of("end", AttemptEnd{waiting.run_id, waiting.attempt, "drained", "drained before it began", "", {}}));
    queue_.clear();
    draining_ = true;
  }

  void acknowledge(const Acknowledge& acknowledge) {
    if (!current_ || current_->run_id != acknowledge.run_id || current_->attempt != acknowledge.attempt) return;
    if (acknowledge.epoch != 0) {
      acknowledged_ = acknowledge.epoch;
      return;
    }
    if (complete_ && current_->index == 0)
      remove_checkpoints(store_directory_, current_->run_id, current_->attempt, std::numeric_limits<std::int64_t>::max());
    current_.reset();
  }

  bool work() {
    if (!begun_) {
      fault_point(FaultPoint::trainer_received);
      resume();
      begun_ = true;
      return true;
    }
    if (current_->index != 0) { // the first of the group does all that is seen of it
      end(draining_ ? "drained" : "complete", "");
      return true;
    }
    if (epoch_ < current_->run.training.epochs) {
      if (told_ > acknowledged_ && told_ > 0) return false; // at most one epoch ahead
      if (draining_ && told_ > 0) {
        fault_point(FaultPoint::trainer_drains);
        end("drained", "");
        return true;
      }
      next_epoch();
      return true;
    }
    finish();
    return true;
  }

  void open_windows() {
    const WindowCache cache(fs::path(store_directory_).parent_path() / "cache", "made-up", {{"place", 1}}, {{"state", 1}});
    if (cache.open()) return;
    WindowSetInfo info;
    info.windows = current_->run.windows;
    info.dataset_hash = current_->run.dataset_hash;
    info.dataset.sensors = {{"wrist", {{"ax", "accelerometer"}}}};
    Windows windows;
    windows.samples.assign(2 * 32, 0.5F);
    windows.recording_begins = {0, 32, 64};
    windows.begins = {0, 32};
    windows.labels = windows.people = windows.recordings = {0, 1};
    windows.starts = windows.room_before = windows.room_after = {0, 0};
    cache.write(info, windows);
    if (!cache.open()) throw StorageError(cache.path().string() + ": cannot be read back");
  }

  void resume() {
    open_windows();
    epoch_ = 0;
    state_ = state_after(current_->run_id, 0);
    if (current_->resume_path.empty()) return;
    try {
      check_run_file(store_directory_, current_->resume_path, current_->resume_sha256);
      const Metadata metadata = read_metadata(fs::path(store_directory_) / current_->resume_path);
      epoch_ = std::stoll(metadata.at("epoch"));
      state_ = metadata.at("state");
      if (epoch_ != current_->resume_epoch) throw StorageError("it holds another epoch");
    } catch (const StorageError& error) {
      set_aside(store_directory_, current_->resume_path);
      throw StorageError(std::string("checkpoint damaged: ") + error.what());
    }
  }

  void next_epoch() {
    fault_point(FaultPoint::trainer_step);
    EpochReport report;
    report.run_id = current_->run_id;
    report.attempt = current_->attempt;
    report.epoch = ++epoch_;
    report.state_hash_before = state_;
    state_ = sha256_hex(state_ + std::to_string(epoch_));
    report.state_hash_after = state_;
    report.train_loss = 1.0 / static_cast<double>(epoch_);
    report.validation_accuracy = 0.5;
    report.best_epoch = epoch_;
    report.windows = 10;
    report.wall_seconds = 0.001;
    report.checkpoint_path = checkpoint_path(report.run_id, report.attempt, report.epoch);
    const WrittenFile file = write_run_file(store_directory_, report.checkpoint_path, [&](const fs::path& temporary) {
      write_metadata(temporary, {{"format", "stdualx checkpoint"},
                                 {"format_version", "1"},
                                 {"run_id", report.run_id},
                                 {"attempt", std::to_string(report.attempt)},
                                 {"epoch", std::to_string(report.epoch)},
                                 {"state", state_},
                                 {"report", to_json_all(report).dump()},
                                 {"run", to_json_all(current_->run).dump()}});
      return hash_of(temporary);
    });
    report.checkpoint_sha256 = file.sha256;
    report.checkpoint_bytes = file.bytes;
    send(Message::of("epoch", report));
    told_ = epoch_;
    remove_checkpoints(store_directory_, current_->run_id, current_->attempt, acknowledged_ - 2);
  }

  void finish() {
    const WrittenFile weights =
        write_run_file(store_directory_, best_weights_path(current_->run_id, current_->attempt), [&](const fs::path& temporary) {
          write_metadata(temporary, {{"format", "stdualx weights"}, {"run_id", current_->run_id}, {"state", state_}});
          return hash_of(temporary);
        });
    artifacts_ = {{"weights", weights.path, weights.sha256, weights.bytes}};
    for (const char* part : {"validation", "test"}) {
      EvaluationReport report;
      report.run_id = current_->run_id;
      report.attempt = current_->attempt;
      report.part = part;
      report.weights_epoch = epoch_;
      report.metrics = {{"accuracy", static_cast<double>(state_[0]) / 256}, {"f1_macro", 0.25}};
      report.classes = 2;
      report.windows = {0, 1, 2};
      report.people = {1, 1, 2};
      report.labels = {0, 1, 1};
      report.predicted = {state_[1] % 2, state_[2] % 2, state_[3] % 2};
      report.confusion = {1, 0, 0, 2};
      fault_point(FaultPoint::trainer_evaluation);
      send(Message::of("evaluation", report));
    }
    fault_point(FaultPoint::trainer_before_send);
    end("complete", "");
    fault_point(FaultPoint::trainer_after_send);
  }

  int rank_;
  std::string store_directory_;
  AssignmentLine line_;
  std::deque<Assignment> queue_;
  std::optional<Assignment> current_;
  bool begun_ = false, ended_ = false, draining_ = false, complete_ = false, gone_ = false;
  std::int64_t epoch_ = 0, told_ = 0, acknowledged_ = 0;
  std::string state_;
  std::vector<Artifact> artifacts_;
  std::vector<Message> outgoing_;
};

void run_to_end(const Job& job, const OneProcessOptions& options, Outcome& outcome) {
  Store store = Store::open_for_writing(job.store, options.store);
  Coordinator coordinator = coordinator_of(store, job, options.workers);
  Progress progress(Progress::Mode::quiet, {80, 24});
  std::vector<std::unique_ptr<Worker>> workers;
  for (int rank = 1; rank <= options.workers; ++rank) workers.push_back(std::make_unique<Worker>(rank, job.store_directory));
  Bookkeeper books(store, coordinator, progress,
                   [&](int rank, const Message& message) { workers.at(static_cast<std::size_t>(rank - 1))->take(message); });
  double now = 0;
  std::int64_t taken = 0;
  for (std::int64_t turn = 0; !coordinator.finished() || books.open(); ++turn) {
    if (turn > options.most_turns) throw std::logic_error("the job hangs");
    now += 0.001;
    bool busy = false;
    for (const auto& worker : workers) {
      busy = worker->turn() || busy;
      for (const Message& message : worker->take_outgoing()) {
        busy = true;
        fault_point(FaultPoint::coordinator_received);
        coordinator.on_message(worker->rank(), message, now);
        books.carry_out();
        if (++taken == options.drain_after) {
          fault_point(FaultPoint::coordinator_drains);
          coordinator.on_drain(now);
          books.carry_out();
        }
      }
    }
    if (turn % 100 == 99) {
      coordinator.on_tick(now);
      store.heartbeat();
    }
    books.carry_out();
    books.commit_if_due(busy);
  }
  outcome = {static_cast<std::int64_t>(coordinator.exit_status()), coordinator.storage_failure(), 0, 0, false};
  store.release();
}

} // namespace

int run_in_one_process(const Job& job, const OneProcessOptions& options, std::string& message) {
  Outcome outcome;
  try {
    run_to_end(job, options, outcome);
  } catch (const RefusedError& error) {
    outcome = {static_cast<std::int64_t>(ExitStatus::refused), error.what(), 0, 0, false};
  } catch (const StorageError& error) {
    outcome = {static_cast<std::int64_t>(ExitStatus::drained), error.what(), 0, 0, false};
  }
  message = outcome.message;
  return static_cast<int>(outcome.status);
}

Job small_job(const fs::path& folder, std::int64_t epochs) {
  Job job;
  job.plan.name = "small";
  job.plan.sweep_text = "{}";
  job.plan.sweep_id = sha256_hex("small");
  for (std::int64_t seed = 1; seed <= 4; ++seed) {
    RunSpec run;
    run.dataset = "made-up";
    run.dataset_hash = "0123456789abcdef0123456789abcdef";
    run.windows = {32, 16, 0.5};
    run.protocol.folds = 3;
    run.training.epochs = epochs;
    run.seed = seed;
    run.world_size = seed == 3 ? 2 : 1;
    job.plan.runs.push_back({run_identity(run), run, run.dataset, {{}}});
  }
  job.store = (folder / "results.db").string();
  job.store_directory = (folder / "results.db.d").string();
  fs::create_directories(job.store_directory);
  return job;
}

std::string what_must_be_equal(const Job& job) {
  Reader reader(job.store);
  std::ostringstream text;
  for (const char* sql :
       {"SELECT run_id, status FROM runs ORDER BY 1",
        "SELECT run_id, epoch, state_hash_before, state_hash_after, train_loss, validation_accuracy FROM epochs ORDER BY 1, 2",
        "SELECT run_id, condition, part, metric, value, weights_epoch FROM evaluations ORDER BY 1, 2, 3, 4",
        "SELECT run_id, part, window, person, label, predicted FROM v_predictions ORDER BY 1, 2, 3",
        "SELECT run_id, kind, sha256, bytes FROM artifacts ORDER BY 1, 2"}) {
    text << format_table(reader.query(sql), Format::csv) << "\n";
  }
  // A COMPLETE run keeps its weights, as recorded, and nothing else of its own.
  for (const auto& row : reader.query("SELECT a.run_id, a.path, a.sha256 FROM artifacts a ORDER BY 1").rows) {
    const std::string path = std::get<std::string>(row[1]);
    check_run_file(job.store_directory, path, std::get<std::string>(row[2]));
    text << std::get<std::string>(row[0]) << " keeps its weights\n";
  }
  return text.str();
}

} // namespace stdualx
