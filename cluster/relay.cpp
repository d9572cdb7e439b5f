// See relay.h.
#include "cluster/relay.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace stdualx {

namespace {
// A pipe that polls as writable takes PIPE_BUF (4096 bytes) without blocking, a terminal less.
constexpr std::size_t piece = 512;
} // namespace

Descriptor Relay::open() {
  auto [read_end, write_end] = make_pipe();
  ::fcntl(read_end.get(), F_SETFL, O_NONBLOCK);
  source_ = std::move(read_end);
  return std::move(write_end);
}

pollfd Relay::to_watch() const {
  if (!taken_.empty()) return {target_, POLLOUT, 0};
  return {source_ ? source_.get() : -1, POLLIN, 0};
}

void Relay::move_on() {
  if (taken_.empty()) take();
  else pass_on(piece);
}

void Relay::finish() {
  do pass_on(taken_.size());
  while (take());
  source_.reset();
}

bool Relay::take() {
  if (!source_) return false;
  char chunk[4096];
  const ssize_t count = ::read(source_.get(), chunk, sizeof chunk);
  if (count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN)) source_.reset();
  if (count <= 0) return false;
  if (error_ == 0) taken_.append(chunk, static_cast<std::size_t>(count)); // else nobody is there any more to read it
  return true;
}

void Relay::pass_on(std::size_t most) {
  std::size_t done = 0;
  while (done < most && done < taken_.size()) {
    const ssize_t count = ::write(target_, taken_.data() + done, std::min(most, taken_.size()) - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) break;
    if (count < 0) {
      error_ = errno;
      done = taken_.size();
      break;
    }
    done += static_cast<std::size_t>(count);
  }
  taken_.erase(0, done);
}

} // namespace stdualx
