// Named tensors in a safetensors file, readable from Python, numpy and every other tool that knows the format.
// The grammar is in experiments/spec/safetensors.h.
#pragma once

#include "model/network.h"

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace stdualx {

struct SafetensorsFile {
  std::map<std::string, at::Tensor> tensors; // on the CPU, each with its own memory
  std::map<std::string, std::string> metadata;
};

/// Types: float32, float64, int64, int32, uint8, bool. Tensors may lie on any device and in any layout. A plain write: whoever
/// needs durability writes to a temporary name, syncs and renames. Equal input gives equal bytes.
/// `see` is shown all that is written, in order and in pieces. Throws StorageError when the file cannot be written, std::invalid_argument
/// for a doubled name or another type.
void write_safetensors(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {}, const std::function<void(std::string_view)>& see = {});

/// Throws as open_safetensors.
SafetensorsFile read_safetensors(const std::filesystem::path& path);

} // namespace stdualx
