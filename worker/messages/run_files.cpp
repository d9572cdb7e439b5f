// Names, durable writing, checked reading, tidying up.
#include "worker/messages/run_files.h"

#include "experiments/spec/damage.h"
#include "experiments/spec/disk_errors.h"
#include "experiments/spec/durable_file.h"
#include "experiments/spec/fault.h"
#include "experiments/spec/run_path.h"
#include "experiments/spec/run_spec.h"
#include "experiments/spec/safetensors.h"
#include "experiments/spec/sha256.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <optional>
#include <vector>

namespace stdualx {

namespace fs = std::filesystem;

namespace {

/// The number of a name like "epoch-000007.safetensors" (or its temporary form).
std::optional<std::int64_t> epoch_of(const std::string& name) {
  constexpr std::string_view start = "epoch-";
  std::int64_t epoch = 0;
  if (!name.starts_with(start)) return std::nullopt;
  const auto [end, error] = std::from_chars(name.data() + start.size(), name.data() + name.size(), epoch);
  const std::string rest(end, name.data() + name.size());
  if (error != std::errc() || (rest != ".safetensors" && rest != std::string(".safetensors") + temporary_suffix)) return std::nullopt;
  return epoch;
}

std::string path_in(const std::string& run_id, std::int64_t attempt, const std::string& name) {
  return run_id + "/" + std::to_string(attempt) + "/" + name;
}
} // namespace

std::string checkpoint_path(const std::string& run_id, std::int64_t attempt, std::int64_t epoch) {
  char name[64];
  std::snprintf(name, sizeof name, "epoch-%06lld.safetensors", static_cast<long long>(epoch));
  return path_in(run_id, attempt, name);
}

std::string best_weights_path(const std::string& run_id, std::int64_t attempt) { return path_in(run_id, attempt, "best.safetensors"); }

std::string embedding_path(const std::string& run_id, std::int64_t attempt) { return path_in(run_id, attempt, "embedding.safetensors"); }

std::string log_path(const std::string& run_id, std::int64_t attempt, std::int64_t index) {
  return path_in(run_id, attempt, "rank-" + std::to_string(index) + ".log");
}

std::map<std::int64_t, fs::path> attempt_folders(const fs::path& store_directory, const std::string& run_id) {
  std::map<std::int64_t, fs::path> folders;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(run_folder(store_directory, run_id), ignored))
    if (const auto attempt = attempt_number(entry.path().filename().string());
        attempt && entry.is_directory(ignored) && lies_in(store_directory, entry.path()))
      folders[*attempt] = entry.path();
  return folders;
}

void append_log(const fs::path& store_directory, const std::string& path, const std::string& text) {
  try {
    const fs::path file = run_file(store_directory, path);
    fs::create_directories(file.parent_path());
    std::ofstream(file, std::ios::app | std::ios::binary) << text;
  } catch (const std::exception&) { // see the header
  }
}

WrittenFile write_run_file(const fs::path& store_directory, const std::string& path,
                           const std::function<FileHash(const fs::path&)>& write) {
  FileHash hash;
  write_durably(run_file(store_directory, path), [&](const fs::path& temporary) { hash = write(temporary); });
  return {path, hash.sha256, hash.bytes};
}

void check_run_file(const fs::path& store_directory, const std::string& path, const std::string& sha256) {
  const fs::path file = run_file(store_directory, path);
  const std::string found = hash_of(file).sha256;
  if (found != sha256)
    throw DamagedError(file.string() + " is damaged: its SHA-256 is " + found + ", but " + sha256 + " was recorded when it was written");
}

void set_aside(const fs::path& store_directory, const std::string& path) {
  try {
    const fs::path file = run_file(store_directory, path);
    fs::rename(file, file.string() + ".damaged");
  } catch (const std::exception&) { // see the header
  }
}

bool is_gone(const fs::path& store_directory, const std::string& path) {
  try {
    std::error_code error;
    return fs::status(run_file(store_directory, path), error).type() == fs::file_type::not_found;
  } catch (const StorageError&) { // what a foreign store calls a path, and is none
    return false;
  }
}

FileHash hash_of(const fs::path& file) {
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  if (!stream.is_open() && (errno == ENOENT || errno == ENOTDIR)) throw FileGone(file.string() + " is not there");
  if (!stream.is_open()) {
    const std::string text = "cannot read " + file.string() + ": " + std::strerror(errno);
    // What may not be read is not damaged.
    if (errno == EACCES || errno == EPERM) throw PermissionError(text + "; ask whoever owns it (chmod g+r, where a group shares it)");
    throw StorageError(text);
  }
  FileHash hash;
  Sha256 digest;
  std::vector<char> block(std::size_t{1} << 20);
  while (stream.read(block.data(), static_cast<std::streamsize>(block.size())) || stream.gcount() > 0) {
    digest.update({block.data(), static_cast<std::size_t>(stream.gcount())});
    hash.bytes += stream.gcount();
  }
  if (stream.bad()) throw StorageError("cannot read " + file.string() + ": " + std::strerror(errno));
  hash.sha256 = digest.hex();
  return hash;
}

Metadata read_metadata(const fs::path& file) {
  std::ifstream stream;
  return open_safetensors(file, stream).metadata;
}

Json history_of(const Metadata& metadata) {
  Json history = Json::array();
  const auto parsed = [&](const char* key) {
    const auto found = metadata.find(key);
    const Json json = found == metadata.end() ? Json() : Json::parse(found->second, nullptr, false);
    if (json.is_discarded()) throw StorageError(std::string("its '") + key + "' is not JSON");
    return json;
  };
  // Versions before kept no history.
  if (const Json earlier = parsed("history"); earlier.is_array()) history = earlier;
  if (const Json own = parsed("report"); own.is_object()) history.push_back(own); // a checkpoint's; the best weights have none
  for (const Json& report : history)
    if (!report.is_object() || !report.contains("state_hash_after") || !report["state_hash_after"].is_string())
      throw StorageError("its history holds something that is no epoch's report");
  return history;
}

void remove_checkpoints(const fs::path& store_directory, const std::string& run_id, std::int64_t attempt, std::int64_t last_epoch) {
  std::error_code ignored;
  std::vector<fs::path> old;
  try {
    for (const auto& [each, folder] : attempt_folders(store_directory, run_id)) {
      if (each > attempt) break;
      for (const auto& entry : fs::directory_iterator(folder)) {
        const auto epoch = epoch_of(entry.path().filename().string());
        if (epoch && *epoch <= last_epoch) old.push_back(entry.path());
      }
    }
  } catch (const std::exception&) { // see the header
  }
  for (const auto& path : old) {
    fault_point(FaultPoint::checkpoint_before_remove);
    fs::remove(path, ignored);
  }
}

} // namespace stdualx
