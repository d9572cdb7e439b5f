// Names of the files of runs in STORE.d, and the one place that checks them. A path comes out of a store, and a store may be another's:
// what it says is taken for a path only if it has this grammar, and for a file only if that lies in STORE.d.
//
//   path     := run_id "/" attempt "/" name
//   run_id   := 64 digits of 0-9a-f (a SHA-256)
//   attempt  := 1 to 999999999, without a leading 0
//   name     := 1 to 100 of A-Z a-z 0-9 . - _, the first none of . -
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace stdualx {

struct RunPath {
  std::string run_id;
  std::int64_t attempt = 0;
  std::string name;

  std::string text() const { return run_id + "/" + std::to_string(attempt) + "/" + name; }
};

/// 64 digits of 0-9a-f: an identity of a run or a sweep, or the SHA-256 of a file.
bool is_sha256(std::string_view text);
/// The attempt of a folder's name.
std::optional<std::int64_t> attempt_number(std::string_view text);
/// None: `text` has another grammar.
std::optional<RunPath> run_path(std::string_view text);

/// Whether `path`, and what its symbolic links lead to, lies in `folder`. What is not there yet counts by its name; a link that cannot be
/// followed to its end lies nowhere.
bool lies_in(const std::filesystem::path& folder, const std::filesystem::path& path);

/// Where the file of this path lies. STORE.d itself may be a link, as a person moves it to another disk; below it a link that leads
/// out is not followed. StorageError: another grammar, a link that leads out, or what is there is no plain file (reading a pipe waits
/// for ever).
std::filesystem::path run_file(const std::filesystem::path& store_directory, std::string_view path);
/// The same for the folder of a run (`attempt` 0) or of one of its attempts.
std::filesystem::path run_folder(const std::filesystem::path& store_directory, std::string_view run_id, std::int64_t attempt = 0);

} // namespace stdualx
