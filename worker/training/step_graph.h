// A step's operations as one CUDA graph: launched one by one the first times, then captured and replayed, so that the host launches once
// a step instead of once an operation.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <functional>
#include <memory>

namespace stdualx {

/// Whether graphs are wanted: STDUALX_GRAPHS is 1. Not by themselves until they have run on a GPU. Throws InputError for another word than
/// 0 or 1.
bool graphs_wanted();

/// The device's part of a StepGraph; a test stands in for it.
class GraphDevice {
public:
  virtual ~GraphDevice() = default;
  /// Runs `body` as it will be captured: beside what is queued before it, and before what is queued after.
  virtual void run(const std::function<void()>& body) = 0;
  /// Records what `body` launches, none of which runs, in place of an earlier recording. Throws where something of it cannot be recorded,
  /// and leaves the device as it was.
  virtual void capture(const std::function<void()>& body) = 0;
  virtual void replay() = 0;
};

class StepGraph {
public:
  /// Null: every call runs its body.
  explicit StepGraph(std::unique_ptr<GraphDevice> device) : device_(std::move(device)) {}

  /// Does what `body` does, which must be the same each time: the same operations on the same memory. It is called the first `warm_steps`
  /// times, and then once more to be captured; what it returns by reference then holds the results of each replay. Where it cannot be
  /// captured that is said on stderr, once a process, and it is called each time.
  void run(const std::function<void()>& body);
  /// The memory is another from now on: warm, capture anew.
  void forget() { steps_ = 0; }

  static constexpr std::int64_t warm_steps = 3;

private:
  std::unique_ptr<GraphDevice> device_;
  std::int64_t steps_ = 0; // run since the last forget()
};

/// Of a CUDA device where this build has CUDA and graphs_wanted(); null for any other.
std::unique_ptr<GraphDevice> make_graph_device(c10::Device device);

} // namespace stdualx
