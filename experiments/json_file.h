// Strict JSON files that people write: every value keeps the line it stands on, so that an error can name it.
#pragma once

#include "experiments/spec/fields.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace stdualx {

/// Where the parts of a document came from, by JSON pointer ("/fixed/training/epochs"; keys are not escaped, as in fields.h).
struct JsonSource {
  std::string file;                             // as it was named by whoever opened it
  std::map<std::string, std::int64_t> lines;    // pointer -> line of the key (in objects) or of the value (in lists), from 1
  std::map<std::string, std::string> overrides; // pointer -> the `--set` text that put the value there

  /// "sweep.json:7" or "--set training.epochs=x"; a part that is not in the file
  /// is placed at the nearest enclosing one that is.
  std::string place(const std::string& pointer) const;
  /// Throws InputError "<place>: <pointer>: <what>".
  [[noreturn]] void fail(const std::string& pointer, const std::string& what) const;
  /// Throws the InputError of fields.h, "<pointer>: <what>", again with file and line in front.
  [[noreturn]] void fail(const InputError& error) const;
};

struct JsonFile {
  Json value;
  JsonSource source;
};

/// Reads a file of at most 64 MiB. Throws InputError with file, line and what to do: no such file, a folder, empty, not
/// JSON (comments and trailing commas included), a key that stands twice in one object.
JsonFile read_json_file(const std::filesystem::path& path);

/// The same for text that is at hand; `name` stands in messages where the file's name would.
JsonFile parse_json(std::string_view text, const std::string& name);

/// One text for one meaning: keys sorted, no white space, whole numbers without a decimal point (1, 1.0 and 1e0 are one).
std::string canonical_json(const Json& value);

} // namespace stdualx
