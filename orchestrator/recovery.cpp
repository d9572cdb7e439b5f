// Checkpoints' metadata into runs.
#include "orchestrator/recovery.h"

#include "experiments/spec/errors.h"
#include "experiments/spec/run_path.h"
#include "worker/messages/run_files.h"

#include <algorithm>
#include <map>

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

/// What one file tells is added to `run`. Throws StorageError or InputError with the reason why it tells nothing.
void add_file(FoundRun& run, std::int64_t attempt, const fs::path& store_directory, const fs::path& file) {
  const std::string path = file.lexically_relative(store_directory).generic_string();
  run_file(store_directory, path); // else it would be recorded and never read
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
  const RunSpec spec = from_json<RunSpec>(json("run"));
  if (run_identity(spec) != run.run_id || text("run_id") != run.run_id) throw StorageError("it is of another run than its folder's");
  run.run = spec;
  if (metadata.contains("placement")) run.attempts[attempt] = from_json<Placement>(json("placement"));
  const Json history = history_of(metadata);
  if (history.empty()) throw StorageError("it tells of no epoch");
  for (const Json& each : history) {
    const auto report = from_json<EpochReport>(each);
    if (report.run_id != run.run_id || report.epoch < 1 || report.epoch > spec.training.epochs ||
        !attempt_number(std::to_string(report.attempt)))
      throw StorageError("its history tells of epoch " + std::to_string(report.epoch) + " of another run, or of one that it cannot have");
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
    if (!is_sha256(folder.filename().string()) || !fs::is_directory(folder)) continue;
    FoundRun run;
    run.run_id = folder.filename().string();
    std::map<std::int64_t, fs::path> attempts;
    try {
      attempts = attempt_folders(store_directory, run.run_id);
    } catch (const StorageError& failure) { // it leads out of STORE.d
      found.unreadable.emplace_back(failure.what());
    }
    for (const auto& [attempt, inner] : attempts) {
      for (const fs::path& file : sorted_entries(inner)) {
        const std::string name = file.filename().string();
        if (!name.ends_with(".safetensors") || name == "embedding.safetensors") continue;
        try {
          add_file(run, attempt, store_directory, file);
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
    const FileHash hash = hash_of(run_file(store_directory, checkpoint.path));
    checkpoint.sha256 = hash.sha256;
    checkpoint.bytes = hash.bytes;
  }
}

} // namespace stdualx
