// Durable writing, checked reading, tidying up.
#include "worker/checkpoint.h"

#include "experiments/spec/errors.h"
#include "experiments/spec/run_spec.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <limits>
#include <optional>

namespace stdualx {

namespace fs = std::filesystem;

namespace {
constexpr std::string_view temporary_suffix = ".writing";

std::string free_space(const fs::path& folder) {
  struct statvfs space {};
  if (::statvfs(folder.c_str(), &space) != 0) return "free space unknown";
  return std::to_string(std::uint64_t{space.f_bavail} * space.f_frsize) + " bytes free to us on its file system";
}

/// The reason in the system's words, and what to do about the two that people meet.
[[noreturn]] void throw_storage_error(const fs::path& file, const std::string& reason, int error) {
  std::string advice;
  if (error == ENOSPC) advice = "; make room, then run again";
  if (error == EDQUOT) advice = "; the quota of this user or project is used up (df does not show it), make room, then run again";
  throw StorageError("cannot write " + file.string() + ": " + reason + "; " + free_space(file.parent_path()) + advice);
}

class Descriptor {
public:
  Descriptor(const fs::path& path, int flags) : value(::open(path.c_str(), flags | O_CLOEXEC)) {
    if (value < 0) throw_storage_error(path, std::strerror(errno), errno);
  }
  ~Descriptor() { ::close(value); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  const int value;
};

void sync(const fs::path& path, int flags) {
  const Descriptor descriptor(path, flags);
  if (::fsync(descriptor.value) != 0) throw_storage_error(path, std::strerror(errno), errno);
}

std::string read_bytes(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(stream), {});
  if (!stream.is_open() || stream.bad()) throw StorageError("cannot read " + path.string() + ": " + std::strerror(errno));
  return bytes;
}

/// The number of a name like "epoch-000007.safetensors" (or its temporary form).
std::optional<std::int64_t> epoch_of(const std::string& name) {
  constexpr std::string_view start = "epoch-";
  std::int64_t epoch = 0;
  if (!name.starts_with(start)) return std::nullopt;
  const auto [end, error] = std::from_chars(name.data() + start.size(), name.data() + name.size(), epoch);
  const std::string rest(end, name.data() + name.size());
  if (error != std::errc() || (rest != ".safetensors" && rest != ".safetensors" + std::string(temporary_suffix))) return std::nullopt;
  return epoch;
}
} // namespace

std::string checkpoint_path(const std::string& run_id, std::int64_t attempt, std::int64_t epoch) {
  char name[64];
  std::snprintf(name, sizeof name, "epoch-%06lld.safetensors", static_cast<long long>(epoch));
  return run_id + "/" + std::to_string(attempt) + "/" + name;
}

std::string best_weights_path(const std::string& run_id, std::int64_t attempt) {
  return run_id + "/" + std::to_string(attempt) + "/best.safetensors";
}

std::string embedding_path(const std::string& run_id, std::int64_t attempt) {
  return run_id + "/" + std::to_string(attempt) + "/embedding.safetensors";
}

WrittenFile write_durably(const fs::path& store_directory, const std::string& path, const std::vector<NamedTensor>& tensors,
                          const Metadata& metadata) {
  const fs::path file = store_directory / path, temporary = file.string() + std::string(temporary_suffix);
  std::error_code error;
  // Folders that are new must be synced into their parents, or the file's name is lost with them.
  const bool new_folder = fs::create_directories(file.parent_path(), error);
  if (error) throw_storage_error(file, error.message(), error.value());
  WrittenFile written{path, "", 0};
  try {
    errno = 0;
    try {
      write_safetensors(temporary, tensors, metadata);
    } catch (const StorageError& failure) {
      throw_storage_error(file, failure.what(), errno);
    }
    sync(temporary, O_RDWR);
    // Hashed as the file system gives it back, so a write that went wrong unnoticed is not vouched for.
    const std::string bytes = read_bytes(temporary);
    written.sha256 = sha256_hex(bytes);
    written.bytes = static_cast<std::int64_t>(bytes.size());
    fs::rename(temporary, file, error);
    if (error) throw_storage_error(file, error.message(), error.value());
  } catch (...) {
    fs::remove(temporary, error);
    throw;
  }
  sync(file.parent_path(), O_RDONLY | O_DIRECTORY);
  if (new_folder) {
    for (fs::path folder = file.parent_path(); folder != store_directory && folder.has_relative_path();) {
      folder = folder.parent_path();
      sync(folder, O_RDONLY | O_DIRECTORY);
    }
  }
  return written;
}

namespace {
SafetensorsFile read_recorded(const fs::path& store_directory, const std::string& path, const std::string& sha256,
                              const std::string& run_id, const std::string& format) {
  const fs::path file = store_directory / path;
  const std::string found = sha256_hex(read_bytes(file));
  if (found != sha256)
    throw StorageError(file.string() + " is damaged: its SHA-256 is " + found + ", but " + sha256 + " was recorded when it was written");
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
  return read_recorded(store_directory, path, sha256, run_id, "stdualx checkpoint");
}

SafetensorsFile read_weights(const fs::path& store_directory, const std::string& path, const std::string& sha256,
                             const std::string& run_id) {
  return read_recorded(store_directory, path, sha256, run_id, "stdualx weights");
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

void remove_checkpoints(const fs::path& store_directory, const std::string& run_id, std::int64_t attempt, std::int64_t last_epoch) {
  std::error_code ignored;
  for (std::int64_t each = 1; each <= attempt; ++each) {
    std::vector<fs::path> old;
    for (const auto& entry : fs::directory_iterator(store_directory / run_id / std::to_string(each), ignored)) {
      const auto epoch = epoch_of(entry.path().filename().string());
      if (epoch && *epoch <= last_epoch) old.push_back(entry.path());
    }
    for (const auto& path : old) fs::remove(path, ignored);
  }
}

} // namespace stdualx
