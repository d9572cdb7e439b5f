// Reads and writes safetensors. The grammar is in the header.
#include "model/weights.h"

#include "experiments/spec/disk_errors.h"
#include "experiments/spec/durable_file.h"

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <tuple>

namespace stdualx {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors holds little-endian numbers; this machine would have to swap them");

using Json = nlohmann::json;
struct Type {
  const char* name;
  at::ScalarType type;
};
constexpr std::array<Type, 6> types = {
    {{"F32", at::kFloat}, {"F64", at::kDouble}, {"I64", at::kLong}, {"I32", at::kInt}, {"U8", at::kByte}, {"BOOL", at::kBool}}};
constexpr std::uint64_t longest_header = 100'000'000; // the format's own limit, bytes

[[noreturn]] void damaged(const std::filesystem::path& path, const std::string& what) {
  throw StorageError(path.string() + ": not a valid safetensors file: " + what + "; restore it or write it again");
}

/// The library would cast a number like 1e300, which is undefined.
std::vector<std::uint64_t> whole_numbers(const std::filesystem::path& path, const std::string& name, const Json& list) {
  std::vector<std::uint64_t> numbers;
  if (!list.is_array()) damaged(path, "tensor '" + name + "' has no list of numbers for its shape or its data_offsets");
  for (const Json& number : list) {
    if (!number.is_number_unsigned()) damaged(path, "tensor '" + name + "' has a size or an offset that is no whole number from 0");
    numbers.push_back(number.get<std::uint64_t>());
  }
  return numbers;
}

} // namespace

void write_safetensors(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                       const std::map<std::string, std::string>& metadata, const std::function<void(std::string_view)>& see) {
  Json header = Json::object(); // its keys are sorted, so equal input gives equal bytes
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::vector<at::Tensor> data; // in the order of their offsets
  std::int64_t end = 0;
  for (const NamedTensor& named : tensors) {
    const auto* type =
        std::find_if(types.begin(), types.end(), [&](const Type& candidate) { return candidate.type == named.tensor.scalar_type(); });
    if (type == types.end())
      throw std::invalid_argument("write_safetensors: tensor '" + named.name + "' has type " + c10::toString(named.tensor.scalar_type()) +
                                  ", which is not written");
    if (named.name == "__metadata__" || header.contains(named.name))
      throw std::invalid_argument("write_safetensors: the name '" + named.name + "' is taken");
    data.push_back(named.tensor.detach().to(at::kCPU).contiguous());
    const std::int64_t begin = end;
    end += static_cast<std::int64_t>(data.back().nbytes());
    header[named.name] = {{"dtype", type->name}, {"shape", data.back().sizes().vec()}, {"data_offsets", {begin, end}}};
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const auto length = static_cast<std::uint64_t>(text.size());

  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  const auto put = [&](const void* bytes, std::size_t size) {
    file.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(size));
    if (see) see({static_cast<const char*>(bytes), size});
  };
  put(&length, sizeof length);
  put(text.data(), text.size());
  for (const at::Tensor& tensor : data) put(tensor.const_data_ptr(), tensor.nbytes());
  file.close();
  if (!file) throw_write_error(path, std::strerror(errno), errno);
}

SafetensorsFile read_safetensors(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file && errno == EACCES) throw PermissionError(path.string() + ": may not be read by this user");
  if (!file) throw StorageError(path.string() + ": cannot be opened: " + std::strerror(errno));
  std::error_code unknown_size;
  const std::uint64_t size = std::filesystem::file_size(path, unknown_size);
  if (unknown_size) throw StorageError(path.string() + ": has no size: " + unknown_size.message());
  std::uint64_t length = 0;
  if (!file.read(reinterpret_cast<char*>(&length), sizeof length))
    damaged(path, "it has " + std::to_string(size) + " bytes, too few for the header's length");
  if (length > longest_header || length > size - sizeof length)
    damaged(path, "its header says it has " + std::to_string(length) + " bytes, the whole file has " + std::to_string(size));
  std::string text(length, '\0');
  if (!file.read(text.data(), static_cast<std::streamsize>(length))) damaged(path, "its header cannot be read");
  const Json header = Json::parse(text, nullptr, false);
  if (!header.is_object()) damaged(path, "its header is not a JSON object");
  const std::uint64_t data_size = size - sizeof length - length;

  struct Place {
    std::uint64_t begin, end;
    std::string name;
    at::Tensor tensor;
  };
  SafetensorsFile result;
  std::vector<Place> places;
  for (const auto& [name, entry] : header.items()) try {
      if (name == "__metadata__") {
        result.metadata = entry.get<std::map<std::string, std::string>>();
        continue;
      }
      const auto type_name = entry.at("dtype").get<std::string>();
      const auto* type = std::find_if(types.begin(), types.end(), [&](const Type& candidate) { return type_name == candidate.name; });
      if (type == types.end()) damaged(path, "tensor '" + name + "' has the unknown type " + type_name);
      const std::vector<std::uint64_t> shape = whole_numbers(path, name, entry.at("shape"));
      const std::vector<std::uint64_t> offsets = whole_numbers(path, name, entry.at("data_offsets"));
      if (offsets.size() != 2) damaged(path, "tensor '" + name + "' has not two data_offsets");
      // Bytes that the shape asks for; checked against the file at each factor, so that a damaged number neither overflows nor allocates.
      std::uint64_t bytes = c10::elementSize(type->type);
      const bool empty = std::find(shape.begin(), shape.end(), 0u) != shape.end();
      const std::uint64_t most = empty ? std::numeric_limits<std::int64_t>::max() : data_size; // strides of an empty tensor must fit, too
      for (const std::uint64_t extent : shape) {
        if (extent > most / bytes) damaged(path, "tensor '" + name + "' is larger than the file");
        bytes *= std::max<std::uint64_t>(extent, 1);
      }
      if (empty) bytes = 0;
      if (offsets[0] > offsets[1] || offsets[1] > data_size || offsets[1] - offsets[0] != bytes)
        damaged(path, "tensor '" + name + "' lies at bytes " + std::to_string(offsets[0]) + " to " + std::to_string(offsets[1]) + " of " +
                          std::to_string(data_size) + ", but its type and shape need " + std::to_string(bytes));
      places.push_back({offsets[0], offsets[1], name, at::empty(std::vector<std::int64_t>(shape.begin(), shape.end()), type->type)});
    } catch (const Json::exception& error) {
      damaged(path, "the header's entry '" + name + "' is not understood (" + error.what() + ")");
    }

  std::sort(places.begin(), places.end(),
            [](const Place& a, const Place& b) { return std::tie(a.begin, a.end) < std::tie(b.begin, b.end); });
  std::uint64_t end = 0;
  for (Place& place : places) {
    if (place.begin != end)
      damaged(path, "tensor '" + place.name + "' begins at byte " + std::to_string(place.begin) + " of the data, expected " +
                        std::to_string(end));
    end = place.end;
    if (!file.read(static_cast<char*>(place.tensor.mutable_data_ptr()), static_cast<std::streamsize>(place.end - place.begin)))
      damaged(path, "tensor '" + place.name + "' cannot be read");
    result.tensors.emplace(place.name, place.tensor);
  }
  if (end != data_size) damaged(path, "its tensors end at byte " + std::to_string(end) + " of " + std::to_string(data_size) + " of data");
  return result;
}

} // namespace stdualx
