// See suspend.h.
#include "cluster/suspend.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>

namespace stdualx {

namespace fs = std::filesystem;

std::vector<pid_t> descendants(pid_t process) {
  std::map<pid_t, std::vector<pid_t>> children;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename().string();
    pid_t pid = 0, parent = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ptr != name.data() + name.size()) continue;
    std::ifstream file(entry.path() / "stat");
    std::string text;
    std::getline(file, text);
    const std::size_t name_end = text.rfind(')'); // the name may hold anything
    if (name_end == std::string::npos || name_end + 4 >= text.size() || text[name_end + 2] == 'Z') continue;
    if (std::from_chars(text.data() + name_end + 4, text.data() + text.size(), parent).ec == std::errc()) children[parent].push_back(pid);
  }
  std::vector<pid_t> found{process};
  for (std::size_t i = 0; i < found.size(); ++i)
    if (const auto below = children.find(found[i]); below != children.end())
      found.insert(found.end(), below->second.begin(), below->second.end());
  found.erase(found.begin());
  return found;
}

int count_with_last_word(const std::vector<pid_t>& processes, const std::string& word) {
  const std::string end = '\0' + word + '\0';
  return static_cast<int>(std::count_if(processes.begin(), processes.end(), [&](pid_t process) {
    std::ifstream file("/proc/" + std::to_string(process) + "/cmdline", std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {}).ends_with(end);
  }));
}

void suspend_with(pid_t mpirun) {
  std::set<pid_t> stopped;
  const auto stop = [&](pid_t process) { return stopped.insert(process).second && ::kill(process, SIGSTOP) == 0; };
  stop(mpirun);
  // One may have started another while we looked.
  for (bool found = true; found;) {
    found = false;
    for (const pid_t process : descendants(mpirun)) found = stop(process) || found;
  }
  ::kill(::getpid(), SIGSTOP);
  for (const pid_t process : stopped) ::kill(process, SIGCONT);
}

} // namespace stdualx
