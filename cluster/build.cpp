// See build.h. generated/commit.h is written anew by each build at which the commit is another one (cluster/cmake/Commit.cmake).
#include "cluster/build.h"

#include "experiments/spec/sha256.h"
#include "generated/commit.h"

#include <fstream>
#include <vector>

namespace stdualx {

BuildId this_build() {
  BuildId build{STDUALX_VERSION, STDUALX_COMMIT, ""};
  std::ifstream file("/proc/self/exe", std::ios::binary);
  if (!file) return build;
  Sha256 digest;
  std::vector<char> block(std::size_t{1} << 20);
  while (file.read(block.data(), static_cast<std::streamsize>(block.size())) || file.gcount() > 0)
    digest.update({block.data(), static_cast<std::size_t>(file.gcount())});
  if (!file.bad()) build.sha256 = digest.hex();
  return build;
}

} // namespace stdualx
