// See safetensors.h.
#include "experiments/spec/safetensors.h"

#include "experiments/spec/disk_errors.h"
#include "experiments/spec/errors.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <tuple>
#include <utility>

namespace stdualx {

namespace {

static_assert(std::endian::native == std::endian::little, "safetensors holds little-endian numbers; this machine would have to swap them");

using Json = nlohmann::json;
constexpr std::uint64_t longest_header = 100'000'000; // the format's own limit, bytes

/// The library would cast a number like 1e300, which is undefined.
std::vector<std::uint64_t> whole_numbers(const std::filesystem::path& path, const std::string& name, const Json& list) {
  std::vector<std::uint64_t> numbers;
  if (!list.is_array()) throw_damaged_safetensors(path, "tensor '" + name + "' has no list of numbers for its shape or its data_offsets");
  for (const Json& number : list) {
    if (!number.is_number_unsigned())
      throw_damaged_safetensors(path, "tensor '" + name + "' has a size or an offset that is no whole number from 0");
    numbers.push_back(number.get<std::uint64_t>());
  }
  return numbers;
}

} // namespace

void throw_damaged_safetensors(const std::filesystem::path& path, const std::string& what) {
  throw StorageError(path.string() + ": not a valid safetensors file: " + what + "; restore it or write it again");
}

std::uint64_t safetensors_type_bytes(std::string_view type) {
  constexpr std::pair<std::string_view, std::uint64_t> types[] = {{"F32", 4}, {"F64", 8}, {"I64", 8}, {"I32", 4}, {"U8", 1}, {"BOOL", 1}};
  for (const auto& [name, bytes] : types)
    if (name == type) return bytes;
  return 0;
}

SafetensorsHeader open_safetensors(const std::filesystem::path& path, std::ifstream& file) {
  errno = 0;
  file.open(path, std::ios::binary);
  if (!file && (errno == EACCES || errno == EPERM))
    throw PermissionError(path.string() + ": may not be read by this user; ask whoever owns it (chmod g+r, where a group shares it)");
  if (!file) throw StorageError(path.string() + ": cannot be opened: " + std::strerror(errno));
  std::error_code unknown_size;
  const std::uint64_t size = std::filesystem::file_size(path, unknown_size);
  if (unknown_size) throw StorageError(path.string() + ": has no size: " + unknown_size.message());
  std::uint64_t length = 0;
  if (!file.read(reinterpret_cast<char*>(&length), sizeof length))
    throw_damaged_safetensors(path, "it has " + std::to_string(size) + " bytes, too few for the header's length");
  if (length > longest_header || length > size - sizeof length)
    throw_damaged_safetensors(path,
                              "its header says it has " + std::to_string(length) + " bytes, the whole file has " + std::to_string(size));
  std::string text(length, '\0');
  if (!file.read(text.data(), static_cast<std::streamsize>(length))) throw_damaged_safetensors(path, "its header cannot be read");
  const Json header = Json::parse(text, nullptr, false);
  if (!header.is_object()) throw_damaged_safetensors(path, "its header is not a JSON object");
  const std::uint64_t data_size = size - sizeof length - length;

  struct Place {
    std::uint64_t begin, end;
    SafetensorsEntry entry;
  };
  SafetensorsHeader result;
  std::vector<Place> places;
  for (const auto& [name, entry] : header.items()) try {
      if (name == "__metadata__") {
        result.metadata = entry.get<std::map<std::string, std::string>>();
        continue;
      }
      const auto type = entry.at("dtype").get<std::string>();
      std::uint64_t bytes = safetensors_type_bytes(type);
      if (bytes == 0) throw_damaged_safetensors(path, "tensor '" + name + "' has the unknown type " + type);
      const std::vector<std::uint64_t> shape = whole_numbers(path, name, entry.at("shape"));
      const std::vector<std::uint64_t> offsets = whole_numbers(path, name, entry.at("data_offsets"));
      if (offsets.size() != 2) throw_damaged_safetensors(path, "tensor '" + name + "' has not two data_offsets");
      // Bytes that the shape asks for; checked against the file at each factor, so that a damaged number neither overflows nor allocates.
      const bool empty = std::find(shape.begin(), shape.end(), 0u) != shape.end();
      const std::uint64_t most = empty ? std::numeric_limits<std::int64_t>::max() : data_size; // strides of an empty tensor must fit, too
      for (const std::uint64_t extent : shape) {
        if (extent > most / bytes) throw_damaged_safetensors(path, "tensor '" + name + "' is larger than the file");
        bytes *= std::max<std::uint64_t>(extent, 1);
      }
      if (empty) bytes = 0;
      if (offsets[0] > offsets[1] || offsets[1] > data_size || offsets[1] - offsets[0] != bytes)
        throw_damaged_safetensors(path, "tensor '" + name + "' lies at bytes " + std::to_string(offsets[0]) + " to " +
                                            std::to_string(offsets[1]) + " of " + std::to_string(data_size) +
                                            ", but its type and shape need " + std::to_string(bytes));
      places.push_back({offsets[0], offsets[1], {name, type, {shape.begin(), shape.end()}, bytes}});
    } catch (const Json::exception& error) {
      throw_damaged_safetensors(path, "the header's entry '" + name + "' is not understood (" + error.what() + ")");
    }

  std::sort(places.begin(), places.end(),
            [](const Place& a, const Place& b) { return std::tie(a.begin, a.end) < std::tie(b.begin, b.end); });
  std::uint64_t end = 0;
  for (Place& place : places) {
    if (place.begin != end)
      throw_damaged_safetensors(path, "tensor '" + place.entry.name + "' begins at byte " + std::to_string(place.begin) +
                                          " of the data, expected " + std::to_string(end));
    end = place.end;
    result.tensors.push_back(std::move(place.entry));
  }
  if (end != data_size)
    throw_damaged_safetensors(path, "its tensors end at byte " + std::to_string(end) + " of " + std::to_string(data_size) + " of data");
  return result;
}

} // namespace stdualx
