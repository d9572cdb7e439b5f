// The header of a safetensors file: which tensors it holds, where, and its metadata. Whoever wants tensors reads their bytes; who wants the
// metadata alone needs no tensor library.
//
//   file   := length header data
//   length := uint64, little-endian: bytes of header
//   header := JSON object: name -> {"dtype": "F32", "shape": [..], "data_offsets": [begin, end]}, and
//             "__metadata__" -> {text: text}; padded with spaces so that data starts at a multiple of 8
//   data   := the tensors' bytes, little-endian, row-major, without gaps, in the order of the header's offsets
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace stdualx {

struct SafetensorsEntry {
  std::string name, type; // "F32", "F64", "I64", "I32", "U8" or "BOOL"
  std::vector<std::int64_t> shape;
  std::uint64_t bytes = 0;
};

struct SafetensorsHeader {
  std::map<std::string, std::string> metadata;
  std::vector<SafetensorsEntry> tensors; // in the order of their data, which follow one another
};

/// Bytes of a number of `type`; 0: no type that is read or written here.
std::uint64_t safetensors_type_bytes(std::string_view type);

/// Opens `path`, reads the header and leaves `file` at the first tensor's bytes. Throws StorageError that names the file and what is
/// damaged: shorter than it says, a header that is no JSON, a tensor whose offsets do not match its type and shape, overlap or leave gaps;
/// PermissionError when this user may not read it.
SafetensorsHeader open_safetensors(const std::filesystem::path& path, std::ifstream& file);

/// What `what` in `path` is damaged by, as an exception.
[[noreturn]] void throw_damaged_safetensors(const std::filesystem::path& path, const std::string& what);

} // namespace stdualx
