// The one way in which training code speaks to the other ranks of its group; it names neither NCCL nor shared memory.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <stdexcept>

namespace stdualx {

/// A member of the group died or left: the assignment is over for everyone in it.
class GroupBroken : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

class Communicator {
public:
  virtual ~Communicator() = default;
  virtual std::int64_t rank() const = 0; // place in the group
  virtual std::int64_t size() const = 0;
  /// Sums `tensor` (float32 or float64, contiguous) over the group, in place, in fixed rank order; every rank gets the same bits.
  /// A gather is a sum over a buffer that is zero outside a rank's own rows. Throws GroupBroken.
  virtual void all_reduce_sum(at::Tensor& tensor) = 0;
  /// Seconds spent in collectives since the last call.
  virtual double take_seconds() = 0;
};

/// A group of one: nothing to do.
std::unique_ptr<Communicator> make_single_communicator();

} // namespace stdualx
