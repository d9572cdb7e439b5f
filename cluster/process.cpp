// Spawning by fork and exec: between them only async-signal-safe calls.
#include "cluster/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>

extern char** environ;

namespace stdualx {

namespace {

[[noreturn]] void throw_errno(const std::string& what) { throw std::system_error(errno, std::generic_category(), what); }

std::vector<std::string> child_environment(const SpawnOptions& options) {
  std::vector<std::string> environment;
  const auto replaced = [&](std::string_view name) {
    return std::any_of(options.environment.begin(), options.environment.end(), [&](const auto& pair) { return pair.first == name; }) ||
           std::find(options.unset.begin(), options.unset.end(), name) != options.unset.end();
  };
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (!replaced(text.substr(0, text.find('=')))) environment.emplace_back(text);
  }
  for (const auto& [name, value] : options.environment) environment.emplace_back(name).append("=").append(value);
  return environment;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  list.reserve(texts.size() + 1);
  for (auto& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

} // namespace

void Descriptor::reset(int number) {
  // clang-tidy 14 takes the second descriptor of a pair for uninitialised after structured bindings.
  if (number_ >= 0) ::close(number_); // NOLINT(clang-analyzer-core.UndefinedBinaryOperatorResult)
  number_ = number;
}

std::pair<Descriptor, Descriptor> socket_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throw_errno("socketpair");
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

std::pair<Descriptor, Descriptor> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw_errno("pipe2");
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

ChildProcess ChildProcess::spawn(const SpawnOptions& options) {
  std::vector<std::string> arguments = options.arguments;
  std::vector<std::string> environment = child_environment(options);
  std::vector<char*> argument_pointers = pointers(arguments);
  std::vector<char*> environment_pointers = pointers(environment);
  // The mapped descriptors are first moved out of the way, so that no target number hides a source.
  std::vector<std::pair<Descriptor, int>> moved;
  int first_to_close = 3;
  for (const auto& [ours, theirs] : options.descriptors) {
    const int copy = ::fcntl(ours, F_DUPFD_CLOEXEC, 64);
    if (copy < 0) throw_errno("duplicating a descriptor for " + options.arguments.at(0));
    moved.emplace_back(Descriptor(copy), theirs);
    first_to_close = std::max(first_to_close, theirs + 1);
  }
  auto [error_read, error_write] = make_pipe();
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) throw_errno("fork");
  if (pid == 0) {
    // The child: a failure travels back as errno through the pipe.
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE}) ::signal(number, SIG_DFL);
    if (options.own_process_group) ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, options.death_signal);
    if (::getppid() != parent) ::_exit(127); // the parent died before prctl
    int report = error_write.get();          // out of the way of the descriptors that are mapped next
    if (report < first_to_close) report = ::fcntl(report, F_DUPFD_CLOEXEC, first_to_close);
    bool ready = true;
    for (const auto& [copy, theirs] : moved) ready = ready && ::dup2(copy.get(), theirs) >= 0;
    // Everything from first_to_close up closes at exec, the error pipe too, and so does what lies between the mapped ones.
    ::syscall(SYS_close_range, first_to_close, UINT_MAX, 4u /* CLOSE_RANGE_CLOEXEC */);
    if (ready) ::execvpe(argument_pointers[0], argument_pointers.data(), environment_pointers.data());
    const int number = errno;
    [[maybe_unused]] const ssize_t written = ::write(report, &number, sizeof number);
    ::_exit(127);
  }
  error_write.reset();
  int child_error = 0;
  ssize_t count = 0;
  do count = ::read(error_read.get(), &child_error, sizeof child_error);
  while (count < 0 && errno == EINTR);
  if (count == static_cast<ssize_t>(sizeof child_error)) {
    ::waitpid(pid, nullptr, 0);
    throw std::system_error(child_error, std::generic_category(), "starting " + options.arguments.at(0));
  }
  Descriptor pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) {
    const int number = errno;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    throw std::system_error(number, std::generic_category(), "pidfd_open");
  }
  return ChildProcess(pid, std::move(pidfd));
}

ChildProcess::~ChildProcess() {
  if (!pidfd_ || status_) return;
  signal(SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void ChildProcess::leave() { pidfd_.reset(); }

void ChildProcess::signal(int number) const {
  if (!status_) ::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0);
}

std::optional<int> ChildProcess::poll() {
  if (status_) return status_;
  int status = 0;
  const pid_t result = ::waitpid(pid_, &status, WNOHANG);
  if (result == pid_) status_ = status;
  return status_;
}

std::optional<int> ChildProcess::wait_for(std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!poll()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left <= 0) return std::nullopt;
    pollfd wait{pidfd_.get(), POLLIN, 0};
    ::poll(&wait, 1, static_cast<int>(left));
  }
  return status_;
}

Finished run_to_end(const std::vector<std::string>& arguments, std::optional<std::chrono::milliseconds> limit,
                    const std::vector<std::string>& unset) {
  using Clock = std::chrono::steady_clock;
  constexpr auto grace_after_term = std::chrono::seconds(3);
  constexpr auto time_for_last_words = std::chrono::milliseconds(200); // after its end, where something still holds its output
  Descriptor nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!nothing) throw_errno("/dev/null");
  auto [output, output_end] = make_pipe();
  auto [errors, errors_end] = make_pipe();
  SpawnOptions options;
  options.arguments = arguments;
  options.unset = unset;
  options.descriptors = {{nothing.get(), STDIN_FILENO}, {output_end.get(), STDOUT_FILENO}, {errors_end.get(), STDERR_FILENO}};
  options.own_process_group = limit.has_value();
  ChildProcess child = ChildProcess::spawn(options);
  output_end.reset();
  errors_end.reset();
  Finished finished;
  // All at once: a program that fills the pipe that nobody reads would wait for ever, and one that it left behind may keep a pipe open.
  pollfd watched[3] = {{output.get(), POLLIN, 0}, {errors.get(), POLLIN, 0}, {child.pidfd(), POLLIN, 0}};
  std::string* const texts[2] = {&finished.output, &finished.errors};
  std::optional<Clock::time_point> deadline;
  if (limit) deadline = Clock::now() + *limit;
  int signals = 0;
  /// Ends it and its own children. False: neither signal did, since it hangs in the kernel.
  const auto end_it = [&] {
    if (signals == 2) return false;
    ::kill(-child.pid(), signals++ == 0 ? SIGTERM : SIGKILL);
    finished.timed_out = true;
    deadline = Clock::now() + grace_after_term;
    return true;
  };
  while (watched[0].fd >= 0 || watched[1].fd >= 0) {
    if (watched[2].fd >= 0 && child.poll()) {
      watched[2].fd = -1;
      deadline = Clock::now() + time_for_last_words;
    }
    const auto left = deadline ? std::chrono::ceil<std::chrono::milliseconds>(*deadline - Clock::now()) : std::chrono::milliseconds(-1);
    if (deadline && left <= std::chrono::milliseconds(0)) {
      if (watched[2].fd < 0 || !end_it()) break;
      continue;
    }
    if (::poll(watched, 3, static_cast<int>(left.count())) < 0 && errno != EINTR) throw_errno("waiting for " + arguments.at(0));
    for (int i = 0; i < 2; ++i) {
      if (watched[i].fd < 0 || watched[i].revents == 0) continue;
      char chunk[4096];
      const ssize_t count = ::read(watched[i].fd, chunk, sizeof chunk);
      if (count > 0) texts[i]->append(chunk, static_cast<std::size_t>(count));
      else if (count == 0 || errno != EINTR) watched[i].fd = -1;
    }
  }
  // One that closed its output has said all, but may still take too long.
  while (!child.wait_for(deadline ? std::chrono::ceil<std::chrono::milliseconds>(*deadline - Clock::now()) : std::chrono::hours(1))) {
    if (!deadline || end_it()) continue;
    child.leave();
    finished.status = SIGKILL; // what it was sent
    return finished;
  }
  finished.status = *child.poll();
  if (finished.timed_out) ::kill(-child.pid(), SIGKILL); // those of its group that did not heed TERM as it did
  return finished;
}

std::optional<Finished> run_if_there(const std::vector<std::string>& arguments, std::chrono::milliseconds limit,
                                     const std::vector<std::string>& unset) {
  try {
    return run_to_end(arguments, limit, unset);
  } catch (const std::system_error& error) {
    // EACCES: also where a folder of PATH may not be entered.
    if (error.code().value() != ENOENT && error.code().value() != EACCES) throw;
    return std::nullopt;
  }
}

std::filesystem::path find_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  std::string folder;
  while (std::getline(folders, folder, ':')) {
    std::filesystem::path file = std::filesystem::path(folder.empty() ? "." : folder) / name;
    std::error_code error;
    if (std::filesystem::is_regular_file(file, error) && ::access(file.c_str(), X_OK) == 0) return file;
  }
  return {};
}

std::string describe_wait_status(int status) {
  if (WIFEXITED(status)) return "exit status " + std::to_string(WEXITSTATUS(status));
  if (WIFSIGNALED(status)) return "killed by signal " + std::to_string(WTERMSIG(status)) + " (" + ::strsignal(WTERMSIG(status)) + ")";
  return "wait status " + std::to_string(status);
}

std::filesystem::path own_executable() { return std::filesystem::read_symlink("/proc/self/exe"); }

bool is_alive(pid_t process) {
  if (::kill(process, 0) != 0 && errno == ESRCH) return false;
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string text;
  std::getline(file, text);
  const std::size_t name_end = text.rfind(')'); // the name may hold anything
  return name_end == std::string::npos || name_end + 2 >= text.size() || text[name_end + 2] != 'Z';
}

std::string host_name() {
  char name[HOST_NAME_MAX + 1] = {};
  if (::gethostname(name, sizeof name - 1) != 0) throw_errno("gethostname");
  return name;
}

} // namespace stdualx
