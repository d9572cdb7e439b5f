// Text files of several kinds. See text_file.h.
#include "experiments/datasets/text_file.h"

#include <string_view>

#include "experiments/archive.h"
#include "experiments/spec/errors.h"

namespace stdualx {
namespace {

using namespace std::string_view_literals;

bool is_compressed(std::string_view bytes) {
  for (const std::string_view magic : {"\x1f\x8b"sv,
                                       "\xfd"
                                       "7zXZ\0"sv,
                                       "BZh"sv, "\x28\xb5\x2f\xfd"sv, "PK\x03\x04"sv})
    if (bytes.starts_with(magic)) return true;
  return false;
}

void append_utf8(std::string& text, char32_t code) {
  const auto add = [&](char32_t byte) { text += static_cast<char>(byte); };
  if (code < 0x80) return add(code);
  if (code < 0x800) add(0xC0 | code >> 6);
  else {
    if (code < 0x10000) add(0xE0 | code >> 12);
    else {
      add(0xF0 | code >> 18);
      add(0x80 | (code >> 12 & 0x3F));
    }
    add(0x80 | (code >> 6 & 0x3F));
  }
  add(0x80 | (code & 0x3F));
}

std::string from_utf16(std::string_view bytes, bool big_endian, const std::filesystem::path& path) {
  const auto fail = [&] {
    throw InputError(path.string() + ": is not whole UTF-16 text, as its first bytes say; save it as CSV in UTF-8");
  };
  if (bytes.size() % 2 != 0) fail();
  const auto unit = [&](std::size_t at) {
    const auto first = static_cast<unsigned char>(bytes[at]), second = static_cast<unsigned char>(bytes[at + 1]);
    return static_cast<char32_t>(big_endian ? first << 8 | second : second << 8 | first);
  };
  std::string text;
  text.reserve(bytes.size() / 2);
  for (std::size_t at = 2; at < bytes.size(); at += 2) { // past the byte-order mark
    char32_t code = unit(at);
    if (code >= 0xD800 && code < 0xE000) { // one of a pair
      at += 2;
      if (code >= 0xDC00 || at == bytes.size() || unit(at) < 0xDC00 || unit(at) >= 0xE000) fail();
      code = 0x10000 + ((code - 0xD800) << 10) + (unit(at) - 0xDC00);
    }
    append_utf8(text, code);
  }
  return text;
}

} // namespace

std::string read_text_file(const std::filesystem::path& path) {
  std::string bytes = read_file(path);
  if (is_compressed(bytes)) {
    bytes = read_compressed(path);
    if (is_compressed(bytes)) // too short to be taken for what its first bytes say
      throw InputError(path.string() + ": begins like a compressed file and cannot be unpacked; copy it again, whole");
  }
  if (bytes.starts_with("\xFF\xFE")) return from_utf16(bytes, false, path);
  if (bytes.starts_with("\xFE\xFF")) return from_utf16(bytes, true, path);
  if (std::string_view(bytes).substr(0, 4096).find('\0') != std::string_view::npos)
    throw InputError(path.string() + ": is not text: it holds zero bytes; save it as CSV in UTF-8");
  return bytes;
}

} // namespace stdualx
