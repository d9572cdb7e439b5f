// See fault.h.
#include "experiments/spec/fault.h"

#include "experiments/spec/errors.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace stdualx {

namespace {

using enum FaultPoint;

constexpr std::array<FaultPointFacts, 35> facts = {{
    {store_before_write, "store_before_write", "the coordinator is about to write a row into the open transaction", true},
    {store_before_commit, "store_before_commit", "all rows of a transaction are written, COMMIT comes next", true},
    {store_after_commit, "store_after_commit", "COMMIT returned, no message has left yet", false},
    {store_file_write, "store_file_write", "SQLite writes a page, a frame or a header into one of its files", true},
    {store_file_sync, "store_file_sync", "SQLite syncs one of its files", true},
    {coordinator_before_claim, "coordinator_before_claim", "the fence is looked at and not yet taken", false},
    {coordinator_after_claim, "coordinator_after_claim", "the fence is taken, the sweep is not registered yet", false},
    {coordinator_received, "coordinator_received", "a message has come and is not taken in yet", false},
    {coordinator_before_send, "coordinator_before_send", "what a message tells is committed, the message has not left", false},
    {coordinator_after_send, "coordinator_after_send", "a message has left", false},
    {coordinator_drains, "coordinator_drains", "the launcher's drain has come and no worker knows of it", false},
    {coordinator_before_outcome, "coordinator_before_outcome", "the sweep is done, the launcher has not been told", true},
    {launcher_before_spawn, "launcher_before_spawn", "the job is frozen, mpirun not started", false},
    {launcher_after_spawn, "launcher_after_spawn", "mpirun runs", false},
    {agent_starts, "agent_starts", "MPI is up, the trainer is not started", false},
    {agent_received, "agent_received", "a message of the coordinator has come and is not taken in", false},
    {agent_before_send, "agent_before_send", "an agent is about to tell the coordinator", false},
    {agent_collective, "agent_collective", "this member's contribution has left, the others' have not come", false},
    {trainer_starts, "trainer_starts", "the trainer is about to say that it is ready", false},
    {trainer_received, "trainer_received", "an assignment or an acknowledgement has come and is not taken in", false},
    {trainer_before_send, "trainer_before_send", "a report is about to leave; its checkpoint is on disk", false},
    {trainer_after_send, "trainer_after_send", "a report has left and is not acknowledged", false},
    {trainer_step, "trainer_step", "an optimiser step is done", false},
    {trainer_collective, "trainer_collective", "a contribution lies in the shared memory, its sum is asked for", false},
    {trainer_evaluation, "trainer_evaluation", "the final weights are written, an evaluation has been computed and not told", false},
    {trainer_drains, "trainer_drains", "an epoch is told and a drain was heard", false},
    {file_write, "file_write", "bytes go into the temporary file of a checkpoint, of weights or of a backup", true},
    {file_before_sync, "file_before_sync", "the temporary file is written and not synced", true},
    {file_before_rename, "file_before_rename", "the temporary file is safe and has not its name yet", true},
    {file_after_rename, "file_after_rename", "the file has its name, its folder is not synced", true},
    {file_after_folder_sync, "file_after_folder_sync", "the file is safe and nobody was told", false},
    {checkpoint_before_remove, "checkpoint_before_remove", "a checkpoint that is no longer needed is about to be removed", false},
    {cache_write, "cache_write", "windows go into the temporary file of a cache", true},
    {cache_before_rename, "cache_before_rename", "a cache is written and has not its name yet", true},
    {cache_after_rename, "cache_after_rename", "a cache has its name, its folder is not synced", true},
}};

constexpr bool listed_in_order() {
  for (std::size_t i = 0; i < facts.size(); ++i)
    if (static_cast<std::size_t>(facts[i].point) != i || facts[i].name.empty()) return false;
  return static_cast<std::size_t>(cache_after_rename) + 1 == facts.size();
}
static_assert(listed_in_order(), "a fault point without its line");

struct ActionName {
  FaultAction action;
  std::string_view name;
};
constexpr std::array<FaultAction, 7> actions = {FaultAction::kill,     FaultAction::hang,  FaultAction::error,   FaultAction::torn,
                                                FaultAction::no_space, FaultAction::quota, FaultAction::io_error};
constexpr std::array<std::string_view, 7> action_names = {"kill", "hang", "error", "torn", "no_space", "quota", "io_error"};

// Tests in one process set it, else the environment did once; which is why it may be a global.
struct State {
  std::optional<Fault> fault;
  std::atomic<long> count{0};
  std::string once;
};
State& state() {
  static State only;
  return only;
}

void read_environment() {
  std::optional<Fault> fault;
  if (const char* text = std::getenv("STDUALX_FAULT"); text != nullptr && *text != '\0') {
    try {
      fault = fault_of(text);
    } catch (const InputError& error) { // a test that disturbs nothing must not pass
      std::fprintf(stderr, "stdualx: %s\n", error.what());
      std::_Exit(static_cast<int>(ExitStatus::bad_input));
    }
  }
  if (const char* once = std::getenv("STDUALX_FAULT_ONCE")) state().once = once;
  set_fault(fault);
}

/// Whether this process is the one to be disturbed.
bool first_of_all() {
  if (state().once.empty()) return true;
  const int descriptor = ::open(state().once.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (descriptor < 0) return false;
  ::close(descriptor);
  return true;
}

} // namespace

namespace fault_detail {
std::atomic<int> wanted{-2};

FaultyWrite reached(FaultPoint point) {
  if (wanted.load() == -2) read_environment();
  if (wanted.load() != static_cast<int>(point)) return {};
  const Fault fault = *state().fault;
  if (++state().count != fault.nth || !first_of_all()) return {};
  switch (fault.action) {
  case FaultAction::kill: die_at_once();
  case FaultAction::hang: ::raise(SIGSTOP); return {};
  case FaultAction::error: throw std::runtime_error("fault " + fault_text(fault) + ": an error nobody expects");
  case FaultAction::torn: return {0, true};
  case FaultAction::no_space: return {ENOSPC, false};
  case FaultAction::quota: return {EDQUOT, false};
  case FaultAction::io_error: return {EIO, false};
  }
  return {};
}
} // namespace fault_detail

std::span<const FaultPointFacts> fault_points() { return facts; }
std::span<const FaultAction> fault_actions() { return actions; }
std::string_view fault_action_name(FaultAction action) { return action_names[static_cast<std::size_t>(action)]; }

Fault fault_of(std::string_view text) {
  const auto refuse = [&](const std::string& why) {
    std::string points, words;
    for (const auto& one : facts) points.append(points.empty() ? "" : ", ").append(one.name);
    for (const auto& one : action_names) words.append(words.empty() ? "" : ", ").append(one);
    throw InputError("STDUALX_FAULT=" + std::string(text) + ": " + why + "; expected POINT:NTH:ACTION. Points: " + points +
                     ". Actions: " + words);
  };
  const std::size_t first = text.find(':'), second = first == std::string_view::npos ? first : text.find(':', first + 1);
  if (second == std::string_view::npos) refuse("two colons are missing");
  const std::string_view point = text.substr(0, first), nth = text.substr(first + 1, second - first - 1), action = text.substr(second + 1);
  Fault fault;
  const auto fact = std::find_if(facts.begin(), facts.end(), [&](const FaultPointFacts& one) { return one.name == point; });
  if (fact == facts.end()) refuse("there is no point '" + std::string(point) + "'");
  const auto [end, error] = std::from_chars(nth.data(), nth.data() + nth.size(), fault.nth);
  if (error != std::errc() || end != nth.data() + nth.size() || fault.nth < 1) refuse("'" + std::string(nth) + "' is no number from 1");
  const auto name = std::find(action_names.begin(), action_names.end(), action);
  if (name == action_names.end()) refuse("there is no action '" + std::string(action) + "'");
  fault.point = fact->point;
  fault.action = actions[static_cast<std::size_t>(name - action_names.begin())];
  if (fault.action >= FaultAction::torn && !fact->writes) refuse("nothing is written at " + std::string(point));
  return fault;
}

std::string fault_text(const Fault& fault) {
  return std::string(facts[static_cast<std::size_t>(fault.point)].name) + ":" + std::to_string(fault.nth) + ":" +
         std::string(fault_action_name(fault.action));
}

bool fault_is_set_at(FaultPoint point) {
  read_fault_from_environment();
  return fault_detail::wanted.load() == static_cast<int>(point);
}

void die_at_once() {
  ::kill(::getpid(), SIGKILL);
  while (true) ::pause();
}

void set_fault(const std::optional<Fault>& fault) {
  state().fault = fault;
  state().count = 0;
  fault_detail::wanted = fault ? static_cast<int>(fault->point) : -1;
}

void read_fault_from_environment() {
  if (fault_detail::wanted.load() == -2) read_environment();
}

long fault_count() { return state().count; }

} // namespace stdualx
