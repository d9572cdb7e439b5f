// Lines that are drawn over those before them on a terminal: what `run` and `watch` show while a sweep runs.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace stdualx {

/// The size of a terminal's window, in columns and rows of letters.
struct Window {
  std::size_t columns = 80, rows = 24;
  bool operator==(const Window&) const = default;
};
/// Of the terminal at this descriptor; nothing: no terminal is there. 80 x 24 where the terminal does not tell.
std::optional<Window> window_at(int descriptor);
/// Whether a terminal is there that can be redrawn: TERM=dumb (an editor's shell) cannot.
bool can_redraw(int descriptor);

/// What to write so that a frame takes the place of the one before. The cursor is never saved and the screen never cleared as a whole, so
/// what stands above the frame stays.
class Redraw {
public:
  /// Removes the frame that was drawn last. A terminal that was made narrower has broken its lines since; so many rows are removed.
  std::string clear(const Window& window);
  /// Clears, then draws `lines`, cut to one less than the window's rows with a last line that says how many are left out.
  std::string draw(std::vector<std::string> lines, const Window& window);
  /// What was drawn stays, and the next frame is drawn below it.
  void keep() { drawn_.clear(); }

private:
  std::vector<std::size_t> drawn_; // columns of each line
};

} // namespace stdualx
