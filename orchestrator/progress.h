// What a person sees while a sweep runs: a bar and a line a worker redrawn in place on a terminal, plain lines elsewhere.
#pragma once

#include "orchestrator/coordinator.h"

#include <string>
#include <vector>

namespace stdualx {

/// Pure: the lines of one frame, each at most `columns` wide, together fewer than `rows`. `elapsed` in seconds since the job began.
std::vector<std::string> progress_frame(const Coordinator& coordinator, double elapsed, std::size_t columns, std::size_t rows = 1000);

/// "1 h 02 min", "3 min 20 s", "12 s".
std::string duration_text(double seconds);

class Progress {
public:
  enum class Mode { terminal, lines, quiet };
  Progress(Mode mode, std::size_t columns, std::size_t rows) : mode_(mode), columns_(columns), rows_(rows) {}
  /// A sentence for the person; shown in every mode, above the frame.
  void notice(const std::string& text);
  /// One finished epoch, in `lines` mode.
  void epoch(const Coordinator& coordinator, const EpochReport& report);
  /// One ended attempt, in `lines` mode.
  void ended(const Coordinator& coordinator, const AttemptEnd& end);
  /// Redraws at most five times a second.
  void frame(const Coordinator& coordinator, double elapsed, bool last = false);

private:
  void clear();
  Mode mode_;
  std::size_t columns_, rows_;
  std::size_t drawn_ = 0;
  double drawn_at_ = -1;
};

} // namespace stdualx
