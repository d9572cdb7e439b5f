// See job.h.
#include "orchestrator/job.h"

#include "cluster/process.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace stdualx {

void write_file_durably(const std::filesystem::path& path, const std::string& text) {
  const std::filesystem::path temporary = path.string() + ".new";
  const auto fail = [&](const char* what) { throw StorageError(path.string() + ": " + what + ": " + std::strerror(errno)); };
  {
    const Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!file) fail("cannot be written");
    for (std::size_t written = 0; written < text.size();) {
      const ssize_t count = ::write(file.get(), text.data() + written, text.size() - written);
      if (count < 0 && errno != EINTR) fail("cannot be written");
      if (count > 0) written += static_cast<std::size_t>(count);
    }
    if (::fsync(file.get()) != 0) fail("cannot be synced");
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) fail("cannot be renamed into place");
}

} // namespace stdualx
