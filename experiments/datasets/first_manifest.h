// A first manifest for CSV files that nobody has described yet: guessed from headers and rows, for a person to correct.
#pragma once

#include <string>
#include <vector>

#include "experiments/spec/fields.h"

namespace stdualx {

struct FirstManifest {
  Json manifest;
  std::vector<std::string> guessed; // what was guessed, and from what: a sentence each
  std::vector<std::string> open;    // what could not be told, and where it belongs
};

/// Reads all of `files` (as many rows of each as a guess needs); the manifest names them as they are named here. InputError: no file, one
/// that cannot be read or has no row, or files of other columns than the first.
FirstManifest first_manifest(const std::vector<std::string>& files);

} // namespace stdualx
