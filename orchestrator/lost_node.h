// When the node of a batch script counts as lost. Pure: no clock, no Slurm, no store.
#pragma once

#include <optional>
#include <string>

namespace stdualx {

/// Both must be silent: the node's slurmd, and the job's coordinator in the store. A slurmd that is stopped for an upgrade has jobs that
/// work on; a coordinator that waits for something lives on a node that answers. Time is the looker's own clock, in seconds.
class LostNode {
public:
  static constexpr int most_misses = 5;           // of slurmd, in a row
  static constexpr double longest_stillness = 30; // seconds without a commit; a coordinator's heartbeat is one every five

  /// One look. `answers`: whether slurmd does; none: Slurm could not be asked, which counts neither way. `pulse`: what every commit to the
  /// store changes; none: it could not be read, which counts neither way either. Whether the node counts as lost.
  bool look(std::optional<bool> answers, const std::optional<std::string>& pulse, double now);

  /// Whether the last look that counted found slurmd silent: only then is the store worth a look.
  bool is_suspected() const { return misses_ > 0; }

private:
  int misses_ = 0;
  std::optional<std::string> pulse_;
  double pulse_since_ = 0;
};

} // namespace stdualx
