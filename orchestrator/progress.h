// What a person sees while a sweep runs: a bar and a line a worker redrawn in place on a terminal, plain lines elsewhere.
#pragma once

#include "orchestrator/coordinator.h"
#include "orchestrator/redraw.h"

#include <string>
#include <vector>

namespace stdualx {

/// Pure: the lines of one frame, each at most `columns` wide (cut at a blank, never in a number), together fewer than `rows`. `elapsed` in
/// seconds since the job began.
std::vector<std::string> progress_frame(const Coordinator& coordinator, double elapsed, std::size_t columns, std::size_t rows = 1000);

class Progress {
public:
  enum class Mode { terminal, lines, quiet };
  Progress(Mode mode, Window window) : mode_(mode), window_(window) {}
  /// The person changed the window.
  void resize(Window window) { window_ = window; }
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
  Window window_;
  Redraw redraw_;
  double drawn_at_ = -1;
};

} // namespace stdualx
