// See trainer_process.h.
#include "worker/agent/trainer_process.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <system_error>

namespace stdualx {

namespace {
constexpr std::size_t kept_stderr_bytes = 4096; // some tens of lines: enough for a message and its trace
constexpr int stderr_number = 2;

Descriptor make_memory() {
  Descriptor memory(::memfd_create("stdualx-values", MFD_CLOEXEC));
  if (!memory) throw std::system_error(errno, std::generic_category(), "memfd_create");
  if (::ftruncate(memory.get(), static_cast<off_t>(shared_values_offset)) != 0)
    throw std::system_error(errno, std::generic_category(), "ftruncate");
  return memory;
}

struct Started {
  MessageSocket socket;
  Descriptor stderr_read;
  ChildProcess child;
};

Started start(const std::vector<std::string>& command, const std::vector<std::pair<std::string, std::string>>& environment, int memory) {
  auto [ours, theirs] = socket_pair();
  auto [stderr_read, stderr_write] = make_pipe();
  SpawnOptions options;
  options.arguments = command;
  options.environment = environment;
  options.descriptors = {
      {theirs.get(), trainer_socket_descriptor}, {memory, trainer_memory_descriptor}, {stderr_write.get(), stderr_number}};
  ChildProcess child = ChildProcess::spawn(options);
  ::fcntl(stderr_read.get(), F_SETFL, O_NONBLOCK);
  return {MessageSocket(ours.release()), std::move(stderr_read), std::move(child)};
}
} // namespace

TrainerProcess::TrainerProcess(const std::vector<std::string>& command, const std::vector<std::pair<std::string, std::string>>& environment)
    : memory_(make_memory()), child_([&] {
        Started started = start(command, environment, memory_.get());
        socket_ = std::move(started.socket);
        stderr_ = std::move(started.stderr_read);
        return std::move(started.child);
      }()) {
  map(shared_values_offset);
}

TrainerProcess::~TrainerProcess() {
  if (mapped_ != nullptr) ::munmap(mapped_, mapped_bytes_);
}

void TrainerProcess::map(std::size_t bytes) {
  if (mapped_ != nullptr) ::munmap(mapped_, mapped_bytes_);
  mapped_ = nullptr;
  void* address = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory_.get(), 0);
  if (address == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mapping a trainer's shared memory");
  mapped_ = static_cast<std::byte*>(address);
  mapped_bytes_ = bytes;
}

std::span<std::byte> TrainerProcess::values(std::size_t bytes) {
  if (shared_values_offset + bytes > mapped_bytes_) {
    struct stat status {};
    if (::fstat(memory_.get(), &status) != 0) throw std::system_error(errno, std::generic_category(), "fstat of shared memory");
    const auto size = static_cast<std::size_t>(status.st_size);
    if (size < shared_values_offset + bytes)
      throw ProtocolError("a trainer asked for a collective of " + std::to_string(bytes) + " bytes but shares " + std::to_string(size));
    map(size);
  }
  return {mapped_ + shared_values_offset, bytes};
}

std::int64_t TrainerProcess::steps() const {
  auto* header = reinterpret_cast<SharedHeader*>(mapped_);
  return static_cast<std::int64_t>(std::atomic_ref<std::uint64_t>(header->steps).load(std::memory_order_relaxed));
}

std::string TrainerProcess::read_stderr() {
  std::string text;
  char chunk[4096];
  while (true) {
    const ssize_t count = ::read(stderr_.get(), chunk, sizeof chunk);
    if (count < 0 && errno == EINTR) continue;
    if (count == 0) stderr_.reset(); // closed: nothing to watch any more
    if (count <= 0) return text;
    text.append(chunk, static_cast<std::size_t>(count));
    stderr_tail_.append(chunk, static_cast<std::size_t>(count));
    if (stderr_tail_.size() > kept_stderr_bytes) stderr_tail_.erase(0, stderr_tail_.size() - kept_stderr_bytes);
    const std::string pass_on = shown_.add({chunk, static_cast<std::size_t>(count)}); // our stderr may be a terminal
    for (std::size_t written = 0; written < pass_on.size();) {
      const ssize_t step = ::write(stderr_number, pass_on.data() + written, pass_on.size() - written);
      if (step <= 0) break; // our own stderr is gone: the tail still holds the lines
      written += static_cast<std::size_t>(step);
    }
  }
}

} // namespace stdualx
