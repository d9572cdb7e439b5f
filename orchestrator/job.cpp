// See job.h.
#include "orchestrator/job.h"

#include "experiments/spec/durable_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

namespace stdualx {

void write_whole_file(const std::filesystem::path& path, const std::string& text) {
  const std::filesystem::path temporary = path.string() + ".new";
  errno = 0;
  std::ofstream file(temporary, std::ios::binary);
  file << text;
  file.close();
  if (!file || std::rename(temporary.c_str(), path.c_str()) != 0)
    throw_write_error(path, errno == 0 ? "not all of it was taken" : std::strerror(errno), errno);
}

} // namespace stdualx
