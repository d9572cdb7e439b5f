// Named tensors in a safetensors file, readable from Python, numpy and every other tool that knows the format.
//
//   file   := length header data
//   length := uint64, little-endian: bytes of header
//   header := JSON object: name -> {"dtype": "F32", "shape": [..], "data_offsets": [begin, end]}, and
//             "__metadata__" -> {text: text}; padded with spaces so that data starts at a multiple of 8
//   data   := the tensors' bytes, little-endian, row-major, without gaps, in the order of the header's offsets
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

/// Throws StorageError that names the file and what is damaged: shorter than it says, a header that is no JSON, a tensor
/// whose offsets do not match its type and shape, overlap or leave gaps.
SafetensorsFile read_safetensors(const std::filesystem::path& path);

} // namespace stdualx
