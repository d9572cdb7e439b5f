// A group of GPUs over NCCL. Its header names no NCCL: only builds with CUDA have the source.
//
// NCCL does not notice a peer that was killed on the same host (nccl#279), so nothing here ever blocks: the communicator is
// non-blocking, a finished collective is seen by asking the device queue, and while it asks it looks at the control socket and
// at a deadline. On any failure the communicator is aborted, once, and the group is over.
#pragma once

#include "worker/training/communicator.h"

#include <c10/core/Device.h>

#include <chrono>
#include <functional>

namespace stdualx {

/// The device's queue of work, as far as a collective needs it; a test gives one without a device.
class DeviceQueue {
public:
  virtual ~DeviceQueue() = default;
  virtual at::Device device() const = 0; // where NCCL's buffers must lie
  virtual void* native() = 0;            // cudaStream_t
  virtual void mark() = 0;               // after the work queued so far
  virtual bool passed() = 0;             // whether the device has come past the mark; throws on a device error
};

/// The current CUDA stream of `device`.
std::unique_ptr<DeviceQueue> make_cuda_queue(at::Device device);

struct NcclControl {
  /// Called again and again while waiting; throws to leave (GroupBroken when the agents say so).
  std::function<void()> look;
  /// For one collective, or for forming the group. A peer that is late by more counts as gone.
  std::chrono::milliseconds deadline = std::chrono::minutes(5);
};

/// Forms the group: member 0's unique id travels through `bootstrap`, which gives rank and size and is not used again.
/// all_reduce_sum throws GroupBroken when a peer, the network or the deadline fails, std::runtime_error when NCCL was used wrongly.
std::unique_ptr<Communicator> make_nccl_communicator(Communicator& bootstrap, std::unique_ptr<DeviceQueue> queue, NcclControl control);

} // namespace stdualx
