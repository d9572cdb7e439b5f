// Small synthetic data, a small model, and a group of threads, for the tests of training.
#pragma once

#include "experiments/spec/model_shape.h"
#include "worker/trainer/attempt.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <condition_variable>
#include <exception>
#include <filesystem>
#include <mutex>
#include <thread>

namespace stdualx::test {

/// Windows of two sensors and three activities that differ in frequency, worn by four people; reproducible by counter.
class SyntheticWindows {
public:
  explicit SyntheticWindows(std::int64_t windows = 60) {
    shape.sensors = 2;
    shape.steps = 32;
    shape.channels = 3;
    shape.classes = 3;
    const RandomStream stream(5, "synthetic");
    samples_.resize(static_cast<std::size_t>(windows * shape.steps * shape.sensors * shape.channels));
    for (std::int64_t window = 0; window < windows; ++window) {
      const auto label = static_cast<std::int32_t>(window % 3);
      labels_.push_back(label);
      people_.push_back(static_cast<std::int32_t>(1 + window / 3 % 4));
      std::uint32_t number = 0;
      for (std::int64_t sensor = 0; sensor < shape.sensors; ++sensor)
        for (std::int64_t step = 0; step < shape.steps; ++step)
          for (std::int64_t channel = 0; channel < shape.channels; ++channel, ++number) {
            const auto words = stream.words(0, 0, static_cast<std::uint32_t>(window), number);
            const double wave = std::sin(0.2 * (label + 1) * static_cast<double>(step) + static_cast<double>(channel + window));
            const auto place =
                static_cast<std::size_t>(((window * shape.steps + step) * shape.sensors + sensor) * shape.channels + channel);
            samples_[place] = static_cast<float>(wave + 0.3 * standard_normal(words[0], words[1]));
          }
    }
  }

  TrainingWindows windows() const {
    return {shape, of(samples_), labels_, {{0}, {0}}, std::vector<float>(6, 0.05f), std::vector<float>(6, 0.8f), people_};
  }
  /// Windows of this shape, end to end in samples that must outlive them.
  WindowedSamples of(std::span<const float> samples) const {
    return windows_end_to_end(shape.sensors, shape.steps, shape.channels, samples);
  }
  /// People 1 and 2 train, 3 validates, 4 tests.
  AttemptData attempt_data() const {
    AttemptData data{windows(), {}, {}, {}, 0, 0, {}, "{}"};
    for (std::size_t i = 0; i < people_.size(); ++i)
      (people_[i] <= 2 ? data.train : people_[i] == 3 ? data.validation : data.test).push_back(static_cast<std::int64_t>(i));
    return data;
  }

  InputShape shape;

private:
  std::vector<float> samples_; // [windows * steps, sensors, channels]
  std::vector<std::int32_t> labels_;
  std::vector<std::int32_t> people_;
};

inline RunSpec small_run() {
  RunSpec run;
  run.dataset = "synthetic";
  run.model.stem_layers = 1;
  run.model.stem_channels = 8;
  run.model.stdat_layers = 1;
  run.model.vector_hidden = 32;
  run.model.sensor_width = 16;
  run.model.embedding = 16;
  run.training.epochs = 3;
  run.training.batch_size = 8;
  run.training.learning_rate = 5e-3;
  return run;
}

inline Assignment small_assignment(const std::filesystem::path& store_directory = {}) {
  Assignment assignment;
  assignment.run = small_run();
  assignment.run_id = run_identity(assignment.run);
  assignment.store_directory = store_directory.string();
  return assignment;
}

/// A small baseline on the small data.
inline Assignment baseline_assignment(const std::string& architecture, std::int64_t epochs,
                                      const std::filesystem::path& store_directory = {}) {
  static const std::map<std::string, BaselineConfig> sizes = {
      {"deep_conv_lstm", {.convolutions = 4, .filters = 8, .kernel = 5, .layers = 2, .width = 16, .dropout = 0.2}},
      {"cnn", {.filters = 8, .dropout = 0.2}},
      {"bi_lstm", {.layers = 2, .width = 16, .dropout = 0.2}},
      {"transformer", {.layers = 2, .width = 16, .heads = 2, .feedforward = 32, .dropout = 0.1}},
      {"linear", {}}};
  Assignment assignment = small_assignment(store_directory);
  RunSpec& run = assignment.run;
  run.model = bare_model(architecture);
  run.model.baseline = sizes.at(architecture);
  run.training.triplet_weight = 0;
  run.training.epochs = epochs;
  run.training.learning_rate = 4e-3;
  assignment.run_id = run_identity(run);
  return assignment;
}

/// Remembers what it is told. Acknowledges each epoch when the next one is told, as slowly as the protocol allows.
class RecordingReporter : public Reporter {
public:
  void step() override {
    ++steps;
    if (on_step) on_step();
  }
  void epoch(const EpochReport& report) override {
    if (!epochs.empty()) acknowledged_ = epochs.back().epoch;
    epochs.push_back(report);
    if (on_epoch) on_epoch();
  }
  void evaluation(const EvaluationReport& report) override { evaluations.push_back(report); }
  void settle() override {
    if (!epochs.empty()) acknowledged_ = epochs.back().epoch;
  }
  std::int64_t acknowledged() const override { return acknowledged_; }
  bool draining() override { return drain; }

  std::vector<EpochReport> epochs;
  std::vector<EvaluationReport> evaluations;
  std::int64_t steps = 0;
  bool drain = false;
  std::function<void()> on_step, on_epoch;

private:
  std::int64_t acknowledged_ = 0;
};

/// What the threads of one process share to be a group.
struct ThreadGroup {
  explicit ThreadGroup(std::int64_t members) : values(static_cast<std::size_t>(members)) {}
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<at::Tensor> values;
  std::int64_t arrived = 0, left = 0, collectives = 0;
  bool broken = false;
  at::Tensor sum;
};

class ThreadCommunicator final : public Communicator {
public:
  ThreadCommunicator(ThreadGroup& group, std::int64_t rank) : group_(group), rank_(rank) {}
  std::int64_t rank() const override { return rank_; }
  std::int64_t size() const override { return static_cast<std::int64_t>(group_.values.size()); }
  double take_seconds() override { return 0; }

  void all_reduce_sum(at::Tensor& tensor) override {
    std::unique_lock lock(group_.mutex);
    group_.changed.wait(lock, [&] { return group_.left == 0 || group_.broken; });
    group_.values[static_cast<std::size_t>(rank_)] = tensor.detach().clone();
    if (++group_.arrived == size()) {
      group_.sum = group_.values[0].clone();
      for (std::size_t i = 1; i < group_.values.size(); ++i) group_.sum.add_(group_.values[i]);
      group_.arrived = 0;
      group_.left = size();
      ++group_.collectives;
      group_.changed.notify_all();
    } else {
      group_.changed.wait(lock, [&, number = group_.collectives] { return group_.collectives > number || group_.broken; });
    }
    if (group_.broken) throw GroupBroken("a test thread left");
    tensor.copy_(group_.sum);
    if (--group_.left == 0) group_.changed.notify_all();
  }

private:
  ThreadGroup& group_;
  const std::int64_t rank_;
};

/// Runs `body(rank)` on one thread a rank and rethrows the first exception; a rank that throws breaks the group for the others.
inline void run_ranks(ThreadGroup& group, const std::function<void(std::int64_t)>& body) {
  std::vector<std::exception_ptr> failures(group.values.size());
  {
    std::vector<std::jthread> threads;
    for (std::size_t rank = 0; rank < failures.size(); ++rank)
      threads.emplace_back([&, rank] {
        try {
          body(static_cast<std::int64_t>(rank));
        } catch (...) {
          failures[rank] = std::current_exception();
          const std::lock_guard lock(group.mutex);
          group.broken = true;
          group.changed.notify_all();
        }
      });
  }
  for (const auto& failure : failures)
    if (failure) std::rethrow_exception(failure);
}

/// A new empty folder, removed at the end.
class TemporaryFolder {
public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "stdualx-training-XXXXXX").string();
    path = ::mkdtemp(pattern.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::filesystem::path path;
};

} // namespace stdualx::test
