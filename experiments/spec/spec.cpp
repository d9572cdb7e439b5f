// The parts of the ground that need a body: messages of bad input, identities, random keys.
#include "experiments/spec/fields.h"
#include "experiments/spec/random.h"
#include "experiments/spec/run_spec.h"

#include <openssl/evp.h>
#include <xxhash.h>

#include <algorithm>
#include <memory>

namespace stdualx {

std::string nearest_word(std::string_view word, const std::vector<std::string>& known) {
  std::string best;
  std::size_t best_distance = word.size() / 3 + 1;
  for (const auto& candidate : known) {
    // Levenshtein distance, one row at a time.
    std::vector<std::size_t> row(candidate.size() + 1);
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= word.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i;
      for (std::size_t j = 1; j < row.size(); ++j) {
        const std::size_t substitution = diagonal + (word[i - 1] == candidate[j - 1] ? 0 : 1);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitution});
      }
    }
    if (row.back() <= best_distance) {
      if (row.back() < best_distance || best.empty()) best = candidate;
      best_distance = row.back();
    }
  }
  return best;
}

namespace {
std::string shown(const Json& json) {
  std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}
std::string number_text(double value) {
  return Json(value == std::floor(value) && std::abs(value) < 1e15 ? Json(static_cast<std::int64_t>(value)) : Json(value)).dump();
}
} // namespace

void throw_unknown_key(const std::string& pointer, std::string_view key, const std::vector<std::string>& known) {
  const std::string near = nearest_word(key, known);
  std::string list;
  for (const auto& name : known) list += (list.empty() ? "" : ", ") + name;
  throw InputError(pointer + "/" + std::string(key) + ": unknown key" +
                   (near.empty() ? "; expected one of: " + list : "; did you mean '" + near + "'?"));
}

void throw_wrong_type(const std::string& pointer, std::string_view expected, const Json& found) {
  throw InputError((pointer.empty() ? "/" : pointer) + ": expected " + std::string(expected) + ", found " + shown(found));
}

void throw_out_of_range(const std::string& pointer, double minimum, double maximum, const Json& found) {
  std::string range;
  if (std::isfinite(minimum) && std::isfinite(maximum)) range = "from " + number_text(minimum) + " to " + number_text(maximum);
  else if (std::isfinite(minimum)) range = "at least " + number_text(minimum);
  else range = "at most " + number_text(maximum);
  throw InputError(pointer + ": expected a number " + range + ", found " + shown(found));
}

void throw_not_a_choice(const std::string& pointer, const std::vector<std::string_view>& choices, const Json& found) {
  std::vector<std::string> known(choices.begin(), choices.end());
  const std::string near = found.is_string() ? nearest_word(found.get<std::string>(), known) : "";
  std::string list;
  for (const auto& name : known) list += (list.empty() ? "" : ", ") + name;
  throw InputError(pointer + ": expected one of " + list + ", found " + shown(found) +
                   (near.empty() ? "" : "; did you mean '" + near + "'?"));
}

std::string sha256_hex(std::string_view bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest, &length, EVP_sha256(), nullptr) != 1)
    throw std::runtime_error("OpenSSL could not compute a SHA-256");
  return hex_text(std::span(digest).first(length));
}

std::string hex_text(std::span<const unsigned char> bytes) {
  static constexpr char hex[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += hex[byte >> 4];
    text += hex[byte & 15];
  }
  return text;
}

RunSpec without_labels(RunSpec spec) {
  spec.preset.clear();
  spec.variant.clear();
  spec.protocol.open_test = true;
  if (is_single_split(spec.protocol.kind)) spec.fold = no_fold; // it numbers groups of validation people, who are named
  return spec;
}

std::string run_identity_text(const RunSpec& spec) { return identity_json(without_labels(spec)).dump(); }
std::string run_identity(const RunSpec& spec) { return sha256_hex(run_identity_text(spec)); }

std::string split_identity(const RunSpec& spec) {
  Json split = {{"dataset", spec.dataset},
                {"dataset_hash", spec.dataset_hash},
                {"windows", identity_json(spec.windows)},
                {"protocol", identity_json(spec.protocol)}};
  split["protocol"].erase("open_test");
  return sha256_hex(split.dump()).substr(0, 16);
}

std::string cut_identity(const RunSpec& spec) {
  const Json cut = {{"dataset_hash", spec.dataset_hash}, {"windows", identity_json(spec.windows)}};
  return sha256_hex(cut.dump()).substr(0, 16);
}

RandomStream::RandomStream(std::int64_t seed, std::string_view purpose, std::string_view layer) {
  // The parts are joined with a byte that no name holds, so ("a", "bc") and ("ab", "c") differ.
  std::string text = std::to_string(seed);
  text += '\0';
  text += purpose;
  text += '\0';
  text += layer;
  const std::uint64_t hash = XXH3_64bits(text.data(), text.size());
  key = {static_cast<std::uint32_t>(hash), static_cast<std::uint32_t>(hash >> 32)};
}

} // namespace stdualx
