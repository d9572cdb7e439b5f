// Which build of a program did something.
#pragma once

#include "experiments/spec/fields.h"

#include <string>

namespace stdualx {

struct BuildId {
  std::string version;    // "0.3.0"; "": the program did not say
  std::string git_commit; // abbreviated, "-dirty" behind it where files were changed; "": not known when it was built
  std::string sha256;     // of the executable

  static const auto& fields() {
    using B = BuildId;
    static const auto all =
        std::make_tuple(field("version", &B::version, "", "of the program"), field("git_commit", &B::git_commit, "", "it was built from"),
                        field("sha256", &B::sha256, "", "of the executable"));
    return all;
  }
  bool operator==(const BuildId&) const = default;
};

} // namespace stdualx
