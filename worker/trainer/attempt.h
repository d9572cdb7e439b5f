// One attempt at a run: data, epochs, checkpoints, evaluations, and what is told about them in which order.
//
// Per epoch: train, validate the averaged weights, write the checkpoint (while the next epoch is trained), report. At the end: write
// best.safetensors and evaluate the best weights; or nothing but that, from the best.safetensors of an earlier attempt. Checkpoints are
// removed only when what replaces them is acknowledged, so at every moment the checkpoints of the last two committed reports lie on
// the disk: where one is damaged, the other is gone on from.
#pragma once

#include "experiments/spec/assignment.h"
#include "experiments/spec/condition.h"
#include "worker/training/communicator.h"
#include "worker/training/training.h"

namespace stdualx {

/// To whom an attempt is told: the agent, or a person at a terminal. May throw from every call to leave.
class Reporter {
public:
  virtual ~Reporter() = default;
  /// A step or an evaluation batch is done.
  virtual void step() = 0;
  /// Tells an epoch, after waiting until the one before it is acknowledged: at most one is ever unacknowledged.
  virtual void epoch(const EpochReport& report) = 0;
  virtual void evaluation(const EvaluationReport& report) = 0;
  /// Waits until the last told epoch is acknowledged.
  virtual void settle() = 0;
  /// The last acknowledged epoch of this attempt; 0: none.
  virtual std::int64_t acknowledged() const = 0;
  /// Whether the attempt should end after the running epoch.
  virtual bool draining() = 0;
};

/// Which windows do what; the memory that `windows` points to must outlive the attempt.
struct AttemptData {
  TrainingWindows windows;
  std::vector<std::int64_t> train, validation, test;
  double validation_overlap_share = 0, test_overlap_share = 0;
  /// The test windows under a condition, as far as it goes by mean and deviation by those of `windows`; empty: `clean` alone can be
  /// evaluated. Calls the observer at each recording: disturbing a large test part takes a while,
  /// and is no hang.
  std::function<WindowedSamples(const Condition&, const TrainingWindows& windows, const StepObserver&)> disturbed_test;
  std::string description; // JSON of the DatasetInfo: names of sensors, channels and classes, kept beside the best weights
};

/// What an attempt came to.
struct AttemptResult {
  std::string reason; // "complete" or "drained"
  std::vector<Artifact> artifacts;
};

/// Runs the assignment on `data`. Every member of the group calls it; member 0 alone writes files and reports. Finished weights are
/// evaluated with the standardisation that is kept with them. Throws NotFinite, InputError (also where the data give another one),
/// StorageError (lacks_file(its text) when the checkpoint to go on from, or the weights to evaluate, cannot be loaded), and what `reporter`
/// and `communicator` throw. With a `pack` its epochs are trained in that where the run can be (Training::join), and what Turns::wait
/// throws is thrown.
AttemptResult run_attempt(const Assignment& assignment, const AttemptData& data, Communicator& communicator, at::Device device,
                          Reporter& reporter, Pack* pack = nullptr);

/// The end of an attempt whose whole work is `body`. What it throws becomes the end: NotFinite
/// not_finite, GroupBroken group_broken, StorageError storage (but for a damaged checkpoint; of a PermissionError not_permitted and its
/// text), any other exception error; ExitRequested and PeerGone end the process and pass through.
AttemptEnd end_of_attempt(const Assignment& assignment, const std::function<AttemptResult()>& body);

/// After the end of a complete attempt is acknowledged: only the best weights are kept.
void remove_all_checkpoints(const Assignment& assignment);

} // namespace stdualx
