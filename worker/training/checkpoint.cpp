// Tensors into files and out of them.
#include "worker/training/checkpoint.h"

#include "experiments/spec/durable_file.h"
#include "experiments/spec/errors.h"
#include "experiments/spec/run_path.h"
#include "experiments/spec/sha256.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cerrno>

namespace stdualx {

namespace fs = std::filesystem;

WrittenFile write_tensors(const fs::path& store_directory, const std::string& path, const std::vector<NamedTensor>& tensors,
                          const Metadata& metadata) {
  return write_run_file(store_directory, path, [&](const fs::path& temporary) {
    errno = 0;
    Sha256 digest;
    FileHash hash;
    try {
      write_safetensors(temporary, tensors, metadata, [&](std::string_view piece) {
        digest.update(piece);
        hash.bytes += static_cast<std::int64_t>(piece.size());
      });
    } catch (const StorageError& failure) {
      throw_write_error(store_directory / path, failure.what(), errno);
    }
    hash.sha256 = digest.hex();
    return hash;
  });
}

namespace {
SafetensorsFile read_of(const fs::path& store_directory, const std::string& path, const std::string& run_id, const std::string& format) {
  const fs::path file = run_file(store_directory, path);
  SafetensorsFile contents = read_safetensors(file);
  const auto text = [&](const std::string& key) {
    const auto place = contents.metadata.find(key);
    return place == contents.metadata.end() ? std::string() : place->second;
  };
  if (text("format") != format || text("format_version") != "1")
    throw StorageError(file.string() + " is no file this version can read: format '" + text("format") + "', version '" +
                       text("format_version") + "'; expected '" + format + "', '1'");
  if (text("run_id") != run_id) throw StorageError(file.string() + " is of run " + text("run_id") + ", not of " + run_id);
  return contents;
}
} // namespace

SafetensorsFile read_checkpoint(const fs::path& store_directory, const std::string& path, const std::string& sha256,
                                const std::string& run_id) {
  try {
    check_run_file(store_directory, path, sha256);
  } catch (const StorageError&) {
    set_aside(store_directory, path); // the one before will be used; nobody asks for this one again
    throw;
  }
  return read_of(store_directory, path, run_id, "stdualx checkpoint");
}

SafetensorsFile read_weights(const fs::path& store_directory, const std::string& path, const std::string& sha256,
                             const std::string& run_id) {
  check_run_file(store_directory, path, sha256);
  return read_of(store_directory, path, run_id, "stdualx weights");
}

void restore(const std::vector<NamedTensor>& state, const SafetensorsFile& file, const std::string& path) {
  const at::NoGradGuard no_gradients;
  for (const auto& [name, tensor, decay] : state) {
    const auto place = file.tensors.find(name);
    if (place == file.tensors.end()) throw StorageError(path + " holds no tensor '" + name + "', which this model has");
    const at::Tensor& stored = place->second;
    if (stored.sizes() != tensor.sizes() || stored.scalar_type() != tensor.scalar_type())
      throw StorageError(path + ": tensor '" + name + "' has another shape or type than this model's");
    tensor.copy_(stored);
  }
  if (file.tensors.size() != state.size())
    throw StorageError(path + " holds " + std::to_string(file.tensors.size()) + " tensors, expected " + std::to_string(state.size()));
}

} // namespace stdualx
