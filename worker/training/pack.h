// Runs of one shape, trained in one tensor program. Each is a Training as any other, with its own data, epochs, optimiser, averages and
// checkpoints; only a step's forward and backward pass is the pack's: it waits until every member has prepared its next step, and computes
// all of them as replicas of one network (model/network.h).
//
// A member's tensors are a row of the pack's, laid out as those of a run alone (worker/training/flat_tensors.h). Before a step the rows of
// its members are gathered into the network's, tensor by tensor, and afterwards gradients and batch-norm statistics go back. So a member
// can come or leave between any two steps, and what it leaves with is what a run alone would hold.
//
// On a CPU the program is as wide as there are members, and a member has the bits of the run alone. Elsewhere libraries choose their
// algorithms by the batch count: the program always has all places, and empty ones compute nothing that anybody reads.
#pragma once

#include "experiments/spec/run_spec.h"
#include "model/loss.h"
#include "model/network.h"
#include "worker/training/flat_tensors.h"
#include "worker/training/step_graph.h"
#include "worker/training/turns.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace stdualx {

/// What one step reads: made by the host while the device may still be busy, then read from the device alone, always in the same tensors
/// of the same shapes. A batch of fewer rows than the largest is padded behind them. R: 1, or all places of a pack.
struct StepInputs {
  at::Tensor windows;  // [R, rows of this rank, S, L, C], augmented and standardised
  at::Tensor labels;   // [R, rows of this rank]
  at::Tensor people;   // [R, rows of this rank]; undefined where nobody asks
  at::Tensor counters; // [R, 2]: epoch and step
  at::Tensor real;     // [R, rows of the global batch]: 1, and 0 for padding
  at::Tensor rates;    // [R, update_rates_count]
  at::Tensor losses;   // [R, loss_rates_count], float64; read in a pack, whose members differ in them

  /// The inputs with each tensor replaced by what `change` makes of it; what is undefined stays so.
  template <class Change> StepInputs changed(const Change& change) const {
    const auto each = [&](const at::Tensor& tensor) { return tensor.defined() ? change(tensor) : tensor; };
    return {each(windows), each(labels), each(people), each(counters), each(real), each(rates), each(losses)};
  }
};

/// Where the tensors of a run lie that a step's program needs.
struct StepTensors {
  StepInputs inputs;
  at::Tensor parameters, buffers, gradient; // [R, flat size]
};

/// What forward and backward leave beside the gradient and the statistics.
struct StepLosses {
  at::Tensor cross_entropy, triplet; // [1]
  at::Tensor logits;                 // [1, rows of this rank, classes], padding included
};

/// What runs must have in common to share a pack.
struct PackShape {
  std::string key; // pack_key() of each; not ""
  InputShape input;
  std::int64_t batch_rows = 0; // to which batches are padded
  bool operator==(const PackShape&) const = default;
};

class Pack {
public:
  /// `turns`: of the members' threads. Throws std::invalid_argument for fewer than one place.
  Pack(std::int64_t places, Turns& turns);
  ~Pack();
  Pack(const Pack&) = delete;
  Pack& operator=(const Pack&) = delete;

  std::int64_t places() const { return places_; }

  /// A member's place, which is free again at its end.
  class Place {
  public:
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    /// This member's rows, [1, ...] each. They are the pack's: copy what is to outlive the place.
    const StepTensors& tensors() const { return tensors_; }
    /// Forward and backward of all members, once each has called this: fills the rows' gradients and buffers. Throws as Turns::wait.
    StepLosses step();

  private:
    friend class Pack;
    Place(Pack& pack, std::int64_t row, std::int64_t seed, StepTensors tensors)
        : pack_(pack), row_(row), seed_(seed), tensors_(std::move(tensors)) {}
    Pack& pack_;
    const std::int64_t row_, seed_;
    StepTensors tensors_;
    std::optional<StepLosses> losses_; // of the step that was computed
    bool arrived_ = false;
  };

  /// Waits for a free place among members of this shape, or until there are no members. `run`: the one that enters, with `own` tensors,
  /// whose values the rows get, laid out as `parameters` and `buffers`. Throws as Turns::wait.
  std::unique_ptr<Place> enter(const PackShape& shape, const RunSpec& run, const StepTensors& own, const FlatTensors& parameters,
                               const FlatTensors& buffers);

private:
  class Program;
  bool all_arrived() const;
  void compute();

  const std::int64_t places_;
  Turns& turns_;
  PackShape shape_;
  std::optional<RunSpec> config_;                               // of the first; what the program reads of it is equal in all
  StepTensors rows_;                                            // [places, ...] each
  std::optional<FlatTensors> parameter_layout_, buffer_layout_; // of a member
  std::vector<Place*> members_;                                 // by place; null: free
  std::unique_ptr<Program> program_;
};

} // namespace stdualx
