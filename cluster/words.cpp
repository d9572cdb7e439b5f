// See words.h.
#include "cluster/words.h"

#include <sstream>

namespace stdualx {

std::string trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n"), end = text.find_last_not_of(" \t\r\n");
  return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

std::string first_line(const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (!trimmed(line).empty()) return trimmed(line);
  return "";
}

std::string words_of(const Finished& finished) {
  if (finished.timed_out) return "it took too long and was ended";
  // The first line names the trouble more often than the last, which asks for a report; lines of dashes are a frame.
  std::istringstream lines(finished.errors + "\n" + finished.output);
  for (std::string line; std::getline(lines, line);)
    if (line = trimmed(line); line.find_first_not_of("-*=") != std::string::npos) return line;
  return describe_wait_status(finished.status);
}

} // namespace stdualx
