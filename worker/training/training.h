// One run in training: network, optimiser, averages, and the step that moves them. Files and reports are worker/trainer/attempt.h's.
#pragma once

#include "experiments/spec/run_spec.h"
#include "model/loss.h"
#include "model/network.h"
#include "worker/training/averages.h"
#include "worker/training/batches.h"
#include "worker/training/communicator.h"
#include "worker/training/flat_tensors.h"
#include "worker/training/optimizer.h"
#include "worker/training/pack.h"

#include <functional>
#include <string>

namespace stdualx {

/// A loss, a gradient or a logit that is no number: the run is over, another try would give the same.
class NotFinite : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// Called after each training step and each evaluation batch; may throw to leave.
using StepObserver = std::function<void()>;

/// What a checkpoint holds beside tensors.
struct TrainingProgress {
  std::int64_t epoch = 0;      // finished
  std::int64_t steps = 0;      // of the optimiser
  std::int64_t best_epoch = 0; // 0: none yet
  double best_accuracy = 0;    // on validation, of the best weights
  double best_loss = 0;

  static const auto& fields() {
    using P = TrainingProgress;
    static const auto all =
        std::make_tuple(field("epoch", &P::epoch, 0, "finished epochs"), field("steps", &P::steps, 0, "optimiser steps"),
                        field("best_epoch", &P::best_epoch, 0, "whose weights are kept as best"),
                        field("best_accuracy", &P::best_accuracy, 0.0, "their accuracy on validation"),
                        field("best_loss", &P::best_loss, 0.0, "their cross-entropy on validation"));
    return all;
  }
};

/// One epoch of training: the mean of the steps' losses weighted by their windows, and where the time went.
struct TrainedEpoch {
  double train_loss = 0;
  double learning_rate = 0; // of the last step
  std::int64_t windows = 0;
  double compute_seconds = 0;
  double data_seconds = 0;
  double communication_seconds = 0;
};

/// One step, as the tests compare it between group sizes.
struct StepOutcome {
  at::Tensor loss;          // scalar: cross-entropy + triplet weight * triplet, over the global batch
  at::Tensor logits;        // [1, rows of this rank, classes], padding included
  at::Tensor gradient_norm; // scalar: of the group's gradient, before it is clipped
};

/// What the network says of some windows; the same on every rank.
struct Prediction {
  at::Tensor logits; // [rows, classes] float64 on the CPU, as all of these
  // With details:
  at::Tensor embedding;         // [rows, width]
  at::Tensor attention;         // [rows, sensors, sensors], mean over heads; undefined for networks without cross-sensor attention
  at::Tensor attention_entropy; // [rows], mean over heads and sensors, as a share of uniform attention's; undefined where that is 0
};

class Training {
public:
  /// Every rank of the group makes one, from the same arguments. `windows` must stay mapped. Throws InputError when the model
  /// does not fit the windows, or there are fewer than two training windows.
  Training(const RunSpec& run, TrainingWindows windows, std::vector<std::int64_t> train_rows, Communicator& communicator,
           at::Device device);
  ~Training();

  /// From here on steps are computed in a pack, together with its other members, until leave(): waits for a place there. False, and nothing
  /// else changes: a run that is trained by itself (pack_key()). Throws as Turns::wait.
  bool join(Pack& pack);
  /// Gives the place back, and is trained by itself from here on; nothing where there is none.
  void leave();

  /// The next epoch (progress().epoch + 1). Throws NotFinite naming epoch and step, GroupBroken, what `observer` throws.
  TrainedEpoch train_epoch(const StepObserver& observer);
  /// One step on a global batch of at most batch_rows() rows; `step` counts within the epoch (from 1). Afterwards gradient() is the
  /// group's, clipped. The same as prepare() and compute().
  StepOutcome train_step(std::uint32_t epoch, std::uint32_t step, std::span<const std::int64_t> global_batch);
  /// The host's half: fills inputs(). Waits for no device.
  void prepare(std::uint32_t epoch, std::uint32_t step, std::span<const std::int64_t> global_batch);
  /// The device's half: reads inputs() and what the run's tensors hold, and nothing that the host could change from step to step. What it
  /// returns holds until the next step.
  StepOutcome compute();
  const StepInputs& inputs() const { return inputs_; }
  /// Rows of the largest batch, to which the others are padded.
  std::int64_t batch_rows() const { return batch_rows_; }

  enum class Weights { averaged, best };
  /// What the network says of rows of `windows` (reader(): the run's own); the rows are split over the group.
  Prediction predict(const BatchReader& windows, std::span<const std::int64_t> rows, Weights weights, bool details,
                     const StepObserver& observer);
  /// The run's own windows, and others of the same shape that are to be standardised and evaluated alike.
  const BatchReader& reader() const { return reader_; }
  BatchReader reader_of(WindowedSamples source) const;

  /// Keeps the averaged weights as best when `accuracy` is higher than before, or equal with a lower `loss`; the earlier stays at
  /// equality. Without a validation part (`validated` false) the latest are the best.
  void keep_if_best(bool validated, double accuracy, double loss);

  const TrainingProgress& progress() const { return progress_; }
  void set_progress(const TrainingProgress& progress);
  /// Views of all tensors a resumed training needs, named as in worker/training/checkpoint.h, in fixed order.
  std::vector<NamedTensor> state() const;
  /// The best weights and batch-norm statistics under the model's own names: views, which may be written.
  std::vector<NamedTensor> best_weights() const;
  const at::Tensor& gradient() const { return gradient_; } // [flat size]
  std::int64_t steps_per_epoch() const { return static_cast<std::int64_t>(batches_.size()); }

private:
  class Group; // the communicator as the model sees it
  StepLosses forward_and_backward();
  StepOutcome update(const StepLosses& losses);

  const RunSpec run_;
  Communicator& communicator_;
  const std::unique_ptr<Group> group_;
  const at::Device device_;
  const at::ScalarType type_;
  const std::vector<std::int64_t> train_rows_;
  const BatchReader reader_;
  const std::vector<Share> batches_;
  const std::int64_t batch_rows_;
  const Share own_; // of a batch: this rank's rows
  StepInputs inputs_;
  const std::unique_ptr<Network> model_;
  FlatTensors parameters_, buffers_;
  at::Tensor summed_;   // over the group, in one collective: the gradient, and behind it the cross-entropy
  at::Tensor gradient_; // its front
  AdamW optimizer_;
  Averages averages_, best_;
  TrainingProgress progress_;
  double data_seconds_ = 0;
  StepGraph graph_;                    // of a step that is computed by itself
  StepOutcome outcome_;                // of the last such step
  std::unique_ptr<Pack::Place> place_; // whose rows inputs_, gradient_ and the flat tensors are; null: trained by itself
};

} // namespace stdualx
