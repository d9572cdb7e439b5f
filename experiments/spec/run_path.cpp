// See run_path.h.
#include "experiments/spec/run_path.h"

#include <algorithm>

#include "experiments/spec/errors.h"
#include "experiments/spec/shown_text.h"

namespace stdualx {

namespace fs = std::filesystem;

namespace {
constexpr std::size_t longest_name = 100, most_digits = 9;

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }
bool is_letter(char letter) { return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z'); }

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= longest_name && name[0] != '.' && name[0] != '-' &&
         std::all_of(name.begin(), name.end(),
                     [](char letter) { return is_digit(letter) || is_letter(letter) || letter == '.' || letter == '-' || letter == '_'; });
}

/// A name of others in a sentence.
std::string quoted(std::string_view text) {
  constexpr std::size_t longest = 200;
  return "'" + shown_on_one_line(text.substr(0, longest)) + (text.size() > longest ? "...'" : "'");
}

fs::path checked(const fs::path& store_directory, const fs::path& path, bool is_folder) {
  if (!lies_in(store_directory, path))
    throw StorageError(path.string() + " leads out of " + store_directory.string() +
                       " by a symbolic link, which is not followed: put the file itself there");
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::exists(status) && (is_folder ? !fs::is_directory(status) : !fs::is_regular_file(status)))
    throw StorageError(path.string() + (is_folder ? " is no folder: move it away" : " is no plain file: move it away"));
  return path;
}
} // namespace

bool is_sha256(std::string_view text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char letter) { return is_digit(letter) || (letter >= 'a' && letter <= 'f'); });
}

std::optional<std::int64_t> attempt_number(std::string_view text) {
  if (text.empty() || text.size() > most_digits || text[0] == '0' || !std::all_of(text.begin(), text.end(), is_digit)) return std::nullopt;
  return std::stoll(std::string(text));
}

std::optional<RunPath> run_path(std::string_view text) {
  const std::size_t first = text.find('/'), second = first == text.npos ? text.npos : text.find('/', first + 1);
  if (second == text.npos) return std::nullopt;
  const std::string_view run_id = text.substr(0, first), name = text.substr(second + 1);
  const auto attempt = attempt_number(text.substr(first + 1, second - first - 1));
  if (!is_sha256(run_id) || !attempt || !is_name(name)) return std::nullopt;
  return RunPath{std::string(run_id), *attempt, std::string(name)};
}

bool lies_in(const fs::path& folder, const fs::path& path) {
  std::error_code error;
  const fs::path root = fs::weakly_canonical(folder, error);
  if (error) return false;
  const fs::path place = fs::weakly_canonical(path, error);
  if (error) return false;
  // weakly_canonical stops at a link whose target is not there: a file written through it would be made where it points.
  for (fs::path part = path; part != folder && part.has_relative_path(); part = part.parent_path())
    if (fs::is_symlink(fs::symlink_status(part, error)) && !fs::exists(part, error)) return false;
  return std::mismatch(root.begin(), root.end(), place.begin(), place.end()).first == root.end();
}

fs::path run_file(const fs::path& store_directory, std::string_view path) {
  if (!run_path(path)) throw StorageError(quoted(path) + " is no path of a run's file: expected RUN/ATTEMPT/NAME, as stdualx names them");
  return checked(store_directory, store_directory / path, false);
}

fs::path run_folder(const fs::path& store_directory, std::string_view run_id, std::int64_t attempt) {
  if (!is_sha256(run_id)) throw StorageError(quoted(run_id) + " is no identity of a run: expected 64 digits of 0-9a-f");
  const fs::path folder = store_directory / run_id;
  return checked(store_directory, attempt == 0 ? folder : folder / std::to_string(attempt), true);
}

} // namespace stdualx
