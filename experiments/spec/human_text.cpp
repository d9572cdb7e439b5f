// See human_text.h.
#include "experiments/spec/human_text.h"

#include "experiments/spec/shown_text.h"

#include <fmt/format.h>
#include <locale.h>
#include <wchar.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace stdualx {

namespace {

constexpr std::size_t longest_unbroken = 24; // of a double's digits, an identity's short form, a date

/// The C library's table of widths, whatever the locale of this process is. Without that locale (a bare container) its letters count one
/// each.
int width_of(char32_t code) {
  static const locale_t unicode = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  if (unicode == nullptr) return 1;
  const locale_t before = ::uselocale(unicode);
  const int width = ::wcwidth(static_cast<wchar_t>(code));
  ::uselocale(before);
  return width < 0 ? 1 : width; // a character that this C library does not know yet
}

bool is_unbroken(std::string_view word) {
  return word.find_first_of("0123456789") != std::string_view::npos && word.find('/') == std::string_view::npos &&
         display_width(word) <= longest_unbroken;
}

template <typename Do> void for_each_word(std::string_view text, const Do& act) {
  for (std::size_t place = 0; place < text.size();) {
    const std::size_t begin = text.find_first_not_of(' ', place);
    if (begin == std::string_view::npos) return;
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    act(text.substr(begin, end - begin));
    place = end;
  }
}

} // namespace

std::string short_id(std::string_view identity) { return std::string(identity.substr(0, short_id_length)); }

std::string whole_duration_text(double seconds) {
  const long long whole = std::llround(seconds);
  if (whole >= 3600) return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
  if (whole >= 60) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} s", whole);
}

std::string duration_text(double seconds) {
  if (std::isnan(seconds)) return "nan";
  if (std::isinf(seconds)) return seconds > 0 ? "inf" : "-inf";
  if (seconds < 0) return "-" + duration_text(-seconds);
  if (seconds == 0) return "0 s";
  if (seconds < 0.001) return fmt::format("{:.3g} us", seconds * 1e6);
  if (seconds < 1) return fmt::format("{:.3g} ms", seconds * 1e3);
  return seconds < 99.95 ? fmt::format("{:.1f} s", seconds) : whole_duration_text(seconds);
}

std::string bytes_text(std::int64_t bytes) {
  constexpr std::array units{"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  auto amount = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; amount >= 1000 && unit + 1 < units.size(); ++unit) amount /= 1000;
  return fmt::format("{:.{}f} {}", amount, unit == 0 || amount >= 100 ? 0 : 1, units.at(unit));
}

std::string counted(std::int64_t count, std::string_view one, std::string_view many) {
  if (count == 1) return fmt::format("1 {}", one);
  return many.empty() ? fmt::format("{} {}s", count, one) : fmt::format("{} {}", count, many);
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t place = 0; place < text.size();) {
    const char32_t code = next_code_point(text, place);
    width += code < 0x7F ? 1 : static_cast<std::size_t>(width_of(code));
  }
  return width;
}

std::string cut_at_word(std::string_view text, std::size_t width) {
  std::size_t taken = 0, place = 0, blank = 0; // where the last blank that fits begins
  while (place < text.size()) {
    std::size_t next = place;
    static_cast<void>(next_code_point(text, next));
    if (text[place] == ' ') blank = place;
    taken += display_width(text.substr(place, next - place));
    if (taken > width) return std::string(text.substr(0, blank > 0 ? blank : place));
    place = next;
  }
  return std::string(text);
}

std::size_t unbroken_width(std::string_view text) {
  std::size_t width = 0;
  for_each_word(text, [&](std::string_view word) {
    if (is_unbroken(word)) width = std::max(width, display_width(word));
  });
  return width;
}

std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
  std::vector<std::string> lines{""};
  std::size_t taken = 0; // columns of the last line
  const auto next_line = [&] {
    lines.emplace_back();
    taken = 0;
  };
  for_each_word(text, [&](std::string_view word) {
    const std::size_t wide = display_width(word);
    if (taken > 0 && taken + 1 + wide <= width) {
      (lines.back() += ' ') += word;
      taken += 1 + wide;
      return;
    }
    if (taken > 0) next_line();
    if (wide <= width || is_unbroken(word)) {
      lines.back() += word;
      taken = wide;
      return;
    }
    for (std::size_t place = 0; place < word.size();) {
      const std::size_t begin = place;
      static_cast<void>(next_code_point(word, place));
      const std::string_view letter = word.substr(begin, place - begin);
      const std::size_t columns = display_width(letter);
      if (taken > 0 && taken + columns > width) next_line();
      lines.back() += letter;
      taken += columns;
    }
  });
  return lines;
}

} // namespace stdualx
