// See python.h.
#include "orchestrator/commands/python.h"

#include "cluster/process.h"
#include "experiments/spec/errors.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

namespace stdualx {

namespace {

constexpr std::chrono::hours longest{24}; // a person sees it run and can end it

struct Found {
  std::filesystem::path script, python;
};

/// Beside an installed program in share/stdualx, beside a built one in the sources.
Found find(const PythonWork& work) {
  const std::filesystem::path folder = own_executable().parent_path();
  const std::filesystem::path installed = folder / "../share/stdualx" / std::filesystem::path(work.script).filename();
  const std::filesystem::path sources = (folder / "../..").lexically_normal();
  const char* named = std::getenv("STDUALX_PYTHON");
  Found found{std::filesystem::exists(installed) ? installed : sources / work.script, named == nullptr ? "" : named};
  if (!std::filesystem::exists(found.script))
    throw InputError(found.script.filename().string() + ", which makes the " + work.what + ", was found neither at " +
                     installed.lexically_normal().string() + " nor at " + found.script.string());
  found.script = std::filesystem::canonical(found.script);
  if (!found.python.empty()) return found;
  const std::filesystem::path own = sources / ".venv/bin/python";
  found.python = std::filesystem::exists(own) ? own : "/usr/bin/python3";
  return found;
}

void write_all(int descriptor, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t count = ::send(descriptor, text.data() + done, text.size() - done, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return; // the script ended early; its exit status tells
    done += static_cast<std::size_t>(count);
  }
}

std::string read_all(int descriptor) {
  std::string text;
  std::array<char, 4096> chunk{};
  while (true) {
    const ssize_t count = ::read(descriptor, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(chunk.data(), static_cast<std::size_t>(count));
  }
}

} // namespace

std::string run_python(const PythonWork& work) {
  const Found found = find(work);
  auto [input, to_input] = socket_pair(); // a pipe would kill us where the script ends early
  auto [from_output, output] = make_pipe();
  SpawnOptions spawn;
  spawn.arguments = {found.python.string(), found.script.string()};
  spawn.arguments.insert(spawn.arguments.end(), work.arguments.begin(), work.arguments.end());
  spawn.descriptors = {{input.get(), STDIN_FILENO}, {output.get(), STDOUT_FILENO}};
  ChildProcess child = ChildProcess::spawn(spawn);
  input.reset();
  output.reset();
  std::string text;
  {
    const std::jthread reader([&] { text = read_all(from_output.get()); }); // it may write before it has read all
    write_all(to_input.get(), work.input);
    to_input.reset();
  }
  const auto status = child.wait_for(longest);
  if (status && *status == 0) return text;
  throw InputError("no " + work.what + " could be made (" + (status ? describe_wait_status(*status) : std::string("no end")) +
                   "; Python's own words stand above): " + found.python.string() + " " + found.script.string() + " needs " + work.needs +
                   "; STDUALX_PYTHON names another Python");
}

} // namespace stdualx
