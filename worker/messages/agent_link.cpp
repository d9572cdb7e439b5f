// Socket and shared memory of a trainer.
#include "worker/messages/agent_link.h"

#include "experiments/spec/fault.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <system_error>

namespace stdualx {

namespace {
// A collective among idle agents takes some 20 microseconds; longer than this is waiting for a peer, which must not cost its core.
constexpr std::chrono::microseconds spinning{100};

[[noreturn]] void throw_system_error(const char* what) { throw std::system_error(errno, std::generic_category(), what); }
} // namespace

SharedMemory::SharedMemory(int descriptor) : descriptor_(descriptor) { map(shared_values_offset); }

SharedMemory::~SharedMemory() {
  if (address_) ::munmap(address_, size_);
  ::close(descriptor_);
}

void SharedMemory::map(std::size_t bytes) {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) throw_system_error("looking at the memory shared with the agent");
  if (static_cast<std::size_t>(status.st_size) < bytes && ::ftruncate(descriptor_, static_cast<off_t>(bytes)) != 0)
    throw_system_error("growing the memory shared with the agent");
  void* mapped = address_ ? ::mremap(address_, size_, bytes, MREMAP_MAYMOVE)
                          : ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_, 0);
  if (mapped == MAP_FAILED) throw_system_error("mapping the memory shared with the agent");
  address_ = mapped;
  size_ = bytes;
}

void SharedMemory::count_step() {
  std::atomic_ref<std::uint64_t>(static_cast<SharedHeader*>(address_)->steps).fetch_add(1, std::memory_order_relaxed);
}

std::byte* SharedMemory::values(std::size_t bytes) {
  if (size_ < shared_values_offset + bytes) map(shared_values_offset + bytes);
  return static_cast<std::byte*>(address_) + shared_values_offset;
}

AgentLink::AgentLink(int socket_descriptor, int memory_descriptor) : memory(memory_descriptor), socket_(socket_descriptor) {}

void AgentLink::send(const Message& message) {
  const bool report = message.type != "collective"; // that has points of its own
  if (report) fault_point(FaultPoint::trainer_before_send);
  socket_.send(message);
  if (report) fault_point(FaultPoint::trainer_after_send);
}

void AgentLink::receive(int timeout_ms) {
  while (auto message = socket_.receive(timeout_ms)) {
    timeout_ms = 0;
    if (message->type != "collective_done") fault_point(FaultPoint::trainer_received);
    if (message->type == "exit") {
      exit_requested_ = true; // after what came before it: a run's last acknowledgement lets its checkpoints go
      return;
    }
    if (message->type == "drain") {
      draining_ = true;
      continue;
    }
    if (message->type == "assign") draining_ = false; // here, not when it is taken: a drain may come right behind it
    waiting_.push_back(std::move(*message));
  }
}

std::optional<Message> AgentLink::take_waiting(std::string_view type) {
  const auto place = std::ranges::find(waiting_, type, &Message::type);
  if (place == waiting_.end()) return std::nullopt;
  Message message = std::move(*place);
  waiting_.erase(place);
  return message;
}

bool AgentLink::sum(const Collective& request) {
  send(Message::of("collective", request));
  CollectiveDone done;
  do done = wait_for("collective_done").as<CollectiveDone>();
  while (done.group_id != request.group_id || (done.sequence != request.sequence && !done.broken));
  return !done.broken;
}

std::optional<Message> AgentLink::take(std::string_view type) {
  receive(0);
  auto message = take_waiting(type);
  if (!message && exit_requested_) throw ExitRequested();
  return message;
}

Message AgentLink::wait_for(std::string_view type) {
  const auto start = std::chrono::steady_clock::now();
  while (true) {
    if (auto message = take_waiting(type)) return std::move(*message);
    if (exit_requested_) throw ExitRequested();
    const bool spin = std::chrono::steady_clock::now() - start < spinning;
    if (spin) ::sched_yield();
    receive(spin ? 0 : -1);
  }
}

void AgentLink::wait() {
  if (exit_requested_) throw ExitRequested();
  receive(-1);
}

bool AgentLink::draining() {
  if (!exit_requested_) receive(0);
  if (exit_requested_) throw ExitRequested();
  return draining_;
}

} // namespace stdualx
