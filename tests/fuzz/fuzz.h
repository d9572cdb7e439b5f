// What the fuzz targets share: only the errors that a person may meet are allowed out of the parsers.
#pragma once

#include "experiments/spec/errors.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include <stdlib.h>
#include <unistd.h>

namespace stdualx::fuzz {

/// Runs `action`; our own sentences are fine, anything else leaves and is a finding. A sentence is one line, but for what it quotes.
template <class Action> void with_sentences(const Action& action) {
  try {
    action();
  } catch (const InputError& error) {
    if (*error.what() == '\0') __builtin_trap();
  } catch (const StorageError& error) {
    if (*error.what() == '\0') __builtin_trap();
  }
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) { return {reinterpret_cast<const char*>(data), size}; }

/// A folder in memory for this process, gone with it.
class Folder {
public:
  Folder() {
    std::string name = "/dev/shm/stdualx-fuzz-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) __builtin_trap();
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::filesystem::path write(const std::string& name, std::string_view text) const {
    const auto path = path_ / name;
    std::ofstream(path, std::ios::binary).write(text.data(), static_cast<std::streamsize>(text.size()));
    return path;
  }
  const std::filesystem::path& path() const { return path_; }

private:
  std::filesystem::path path_;
};

} // namespace stdualx::fuzz
