// See output.h.
#include "orchestrator/output.h"

#include "experiments/spec/errors.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>
#include <string_view>

namespace stdualx {

namespace {
constexpr std::size_t most_waiting = 64 << 10;
}

void open_closed_standard_descriptors() {
  for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(number, F_GETFD) < 0 && errno == EBADF) // open() takes the lowest number
        [[maybe_unused]]
      const int opened = ::open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

StandardOutput::StandardOutput() : by_lines_(::isatty(STDOUT_FILENO) == 1), before_(std::cout.rdbuf(this)) {}

StandardOutput::~StandardOutput() {
  StandardOutput::sync();
  std::cout.rdbuf(before_);
}

int StandardOutput::sync() {
  for (std::size_t done = 0; done < waiting_.size() && error_ == 0;) {
    const ssize_t count = ::write(STDOUT_FILENO, waiting_.data() + done, waiting_.size() - done);
    if (count >= 0) done += static_cast<std::size_t>(count);
    else if (errno != EINTR) error_ = errno;
  }
  waiting_.clear();
  return error_ == 0 ? 0 : -1;
}

StandardOutput::int_type StandardOutput::overflow(int_type character) {
  if (traits_type::eq_int_type(character, traits_type::eof())) return traits_type::not_eof(character);
  const char one = traits_type::to_char_type(character);
  return xsputn(&one, 1) == 1 ? character : traits_type::eof();
}

std::streamsize StandardOutput::xsputn(const char* text, std::streamsize count) {
  const std::string_view written(text, static_cast<std::size_t>(count));
  waiting_ += written;
  if ((by_lines_ && written.ends_with('\n')) || waiting_.size() >= most_waiting) sync();
  return error_ == 0 ? count : 0;
}

int status_of_cut_output(int status, int error) {
  if (error != EPIPE)
    std::cerr << "stdualx: what was to be said here could not all be written (" << std::strerror(error) << "): the output is cut\n";
  return status == static_cast<int>(ExitStatus::done) ? output_cut : status;
}

} // namespace stdualx
