// See redraw.h.
#include "orchestrator/redraw.h"

#include "experiments/spec/human_text.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace stdualx {

std::optional<Window> window_at(int descriptor) {
  if (::isatty(descriptor) != 1) return std::nullopt;
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return Window{};
  return Window{size.ws_col, size.ws_row};
}

bool can_redraw(int descriptor) {
  const char* kind = std::getenv("TERM");
  return ::isatty(descriptor) == 1 && (kind == nullptr || std::string_view(kind) != "dumb");
}

std::string Redraw::clear(const Window& window) {
  std::size_t rows = 0;
  for (const std::size_t columns : drawn_) rows += std::max<std::size_t>(1, (columns + window.columns - 1) / window.columns);
  drawn_.clear();
  return rows == 0 ? "" : fmt::format("\x1b[{}A\x1b[J", rows);
}

std::string Redraw::draw(std::vector<std::string> lines, const Window& window) {
  std::string text = clear(window);
  const std::size_t most = std::max<std::size_t>(window.rows, 2) - 1; // the cursor stands below
  if (lines.size() > most) {
    const std::size_t left_out = lines.size() - most + 1;
    lines.resize(most - 1);
    lines.push_back(cut_at_word(fmt::format("... {} more; make the window taller", counted(static_cast<std::int64_t>(left_out), "line")),
                                window.columns));
  }
  for (const std::string& line : lines) {
    drawn_.push_back(display_width(line));
    text += line + "\n";
  }
  return text;
}

} // namespace stdualx
