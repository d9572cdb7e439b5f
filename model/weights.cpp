// Reads and writes safetensors (experiments/spec/safetensors.h has the grammar).
#include "model/weights.h"

#include "experiments/spec/durable_file.h"
#include "experiments/spec/safetensors.h"

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace stdualx {
namespace {

using Json = nlohmann::json;
struct Type {
  const char* name;
  at::ScalarType type;
};
constexpr std::array<Type, 6> types = {
    {{"F32", at::kFloat}, {"F64", at::kDouble}, {"I64", at::kLong}, {"I32", at::kInt}, {"U8", at::kByte}, {"BOOL", at::kBool}}};

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
  std::ifstream file;
  const SafetensorsHeader header = open_safetensors(path, file);
  SafetensorsFile result{{}, header.metadata};
  for (const SafetensorsEntry& entry : header.tensors) {
    const auto* type = std::find_if(types.begin(), types.end(), [&](const Type& candidate) { return entry.type == candidate.name; });
    const at::Tensor tensor = at::empty(entry.shape, type->type);
    if (!file.read(static_cast<char*>(tensor.mutable_data_ptr()), static_cast<std::streamsize>(entry.bytes)))
      throw_damaged_safetensors(path, "tensor '" + entry.name + "' cannot be read");
    result.tensors.emplace(entry.name, tensor);
  }
  return result;
}

} // namespace stdualx
