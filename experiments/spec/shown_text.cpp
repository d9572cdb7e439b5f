// See shown_text.h.
#include "experiments/spec/shown_text.h"

namespace stdualx {

namespace {

constexpr char32_t no_character = 0xFFFD;

/// Bytes of the character that `lead` begins; 0: none begins so.
std::size_t length_of(unsigned char lead) { return lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0; }

std::string escaped(std::string_view text, bool one_line) {
  constexpr char hex[] = "0123456789abcdef";
  std::string safe;
  for (std::size_t place = 0; place < text.size();) {
    const std::size_t begin = place;
    const char32_t code = next_code_point(text, place);
    if (one_line && code == '\n') safe += "\\n";
    else if (one_line && code == '\t') safe += "\\t";
    else if (!one_line && code == '\r' && text.substr(place).starts_with('\n')) safe += '\r'; // a line end of CSV
    else if ((code < 0x20 && code != '\n' && code != '\t') || (code >= 0x7F && code < 0xA0))
      ((safe += "\\x") += hex[code >> 4]) += hex[code & 15];
    else if (code == no_character) safe += "\uFFFD";
    else safe += text.substr(begin, place - begin);
  }
  return safe;
}

} // namespace

char32_t next_code_point(std::string_view text, std::size_t& place) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::size_t length = length_of(byte(place));
  if (length == 0 || place + length > text.size()) return ++place, no_character;
  char32_t code = length == 1 ? byte(place) : byte(place) & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if (byte(place + i) >> 6 != 2) return ++place, no_character;
    code = (code << 6) | (byte(place + i) & 0x3Fu);
  }
  constexpr char32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < least[length] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return ++place, no_character;
  place += length;
  return code;
}

std::string shown(std::string_view text) { return escaped(text, false); }
std::string shown_on_one_line(std::string_view text) { return escaped(text, true); }

std::string ShownPieces::add(std::string_view piece) {
  std::string text = std::move(cut_);
  cut_.clear();
  text += piece;
  if (text.ends_with('\r')) {
    cut_.assign(1, '\r'); // GCC 12 takes the assignment of a literal for an overlap
    text.pop_back();
    return shown(text);
  }
  // A character that may go on in the next piece: its lead is among the last three bytes, and only what belongs to it follows.
  for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if (byte >> 6 == 2) continue;
    if (length_of(byte) > back) {
      cut_ = text.substr(text.size() - back);
      text.resize(text.size() - back);
    }
    break;
  }
  return shown(text);
}

std::string ShownPieces::end() {
  const std::string rest = std::move(cut_);
  cut_.clear();
  return shown(rest);
}

} // namespace stdualx
