// What a child writes, passed on to a descriptor of ours, whatever becomes of that: a job outlives its terminal and its reader.
#pragma once

#include "cluster/process.h"

#include <poll.h>

#include <string>

namespace stdualx {

class Relay {
public:
  explicit Relay(int target) : target_(target) {}

  /// A pipe for the next child, whose end is to be that child's output. Throws std::system_error.
  Descriptor open();
  /// What to poll for: something to take, or that what was taken can be passed on.
  pollfd to_watch() const;
  /// After a poll said that it is time: takes or passes on a piece, without blocking (a terminal that was stopped, a reader that sleeps).
  void move_on();
  /// The child has ended: passes on what it still wrote.
  void finish();
  /// Why what was written here is cut (an errno); 0: all of it was passed on.
  int error() const { return error_; }

private:
  bool take();
  void pass_on(std::size_t most);

  int target_;
  Descriptor source_;
  std::string taken_;
  int error_ = 0;
};

} // namespace stdualx
