// Checkpoints' metadata into runs.
#include "orchestrator/recovery.h"

#include "experiments/spec/errors.h"
#include "worker/run_files.h"

#include <algorithm>
#include <optional>

namespace stdualx {

namespace {
namespace fs = std::filesystem;

std::vector<fs::path> sorted_entries(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) entries.push_back(entry.path());
  std::sort(entries.begin(), entries.end());
  return entries;
}

bool is_identity(const std::string& name) { return name.size() == 64 && name.find_first_not_of("0123456789abcdef") == std::string::npos; }

std::optional<std::int64_t> attempt_of(const fs::path& folder) {
  const std::string name = folder.filename().string();
  if (name.empty() || name.size() > 9 || name.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  return std::stoll(name);
}

/// What one file tells is added to `run`. Throws StorageError or InputError with the reason why it tells nothing.
void add_file(FoundRun& run, std::int64_t attempt, const fs::path& store_directory, const fs::path& file) {
  const std::string path = file.lexically_relative(store_directory).generic_string();
  const Metadata metadata = read_metadata(file);
  const auto text = [&](const char* key) {
    const auto found = metadata.find(key);
    if (found == metadata.end()) throw StorageError(std::string("it has no '") + key + "'");
    return found->second;
  };
  const auto json = [&](const char* key) {
    Json parsed = Json::parse(text(key), nullptr, false);
    if (!parsed.is_object()) throw StorageError(std::string("its '") + key + "' is not a JSON object");
    return parsed;
  };
  const RunSpec spec = from_identity_json<RunSpec>(json("identity"));
  if (run_identity(spec) != run.run_id || text("run_id") != run.run_id) throw StorageError("it is of another run than its folder's");
  run.run = spec;
  if (metadata.contains("placement")) run.attempts[attempt] = from_json<Placement>(json("placement"));
  const Json history = history_of(metadata);
  for (const Json& each : history) {
    const auto report = from_json<EpochReport>(each);
    run.epochs.emplace(report.epoch, report); // equal in every file that tells of it, or a replay: the first stands
  }
  if (text("format") != "stdualx checkpoint") return;
  const auto own = from_json<EpochReport>(history.back());
  run.checkpoints.push_back({attempt, own.epoch, path, "", 0, own.state_hash_after});
}

} // namespace

FoundFiles files_of_runs(const fs::path& store_directory) {
  FoundFiles found;
  for (const fs::path& folder : sorted_entries(store_directory)) {
    if (!is_identity(folder.filename().string())) continue;
    FoundRun run;
    run.run_id = folder.filename().string();
    for (const fs::path& inner : sorted_entries(folder)) {
      const auto attempt = attempt_of(inner);
      if (!attempt) continue;
      for (const fs::path& file : sorted_entries(inner)) {
        const std::string name = file.filename().string();
        if (!name.ends_with(".safetensors") || name == "embedding.safetensors") continue;
        try {
          add_file(run, *attempt, store_directory, file);
        } catch (const std::exception& failure) {
          found.unreadable.push_back(file.string() + ": " + failure.what());
        }
      }
    }
    std::sort(run.checkpoints.begin(), run.checkpoints.end(), [](const FoundCheckpoint& a, const FoundCheckpoint& b) {
      return std::pair(a.epoch, a.attempt) < std::pair(b.epoch, b.attempt);
    });
    if (!run.epochs.empty()) found.runs.push_back(std::move(run));
  }
  return found;
}

void hash_checkpoints(FoundRun& run, const fs::path& store_directory) {
  for (FoundCheckpoint& checkpoint : run.checkpoints) {
    const FileHash hash = hash_of(store_directory / checkpoint.path);
    checkpoint.sha256 = hash.sha256;
    checkpoint.bytes = hash.bytes;
  }
}

} // namespace stdualx
