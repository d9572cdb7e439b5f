// Text for people, the same in every room: identities, durations, amounts of bytes, counted words, and how wide text is on a terminal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stdualx {

/// Digits of an identity's short form, as `runs` and `status` show it and the store's `short_id` column holds it.
inline constexpr std::size_t short_id_length = 10;
/// The short form of a run's or a sweep's identity.
std::string short_id(std::string_view identity);

/// Measured seconds: "1.6 ms", "12.4 s", "2 min 05 s", "1 h 02 min"; "nan" and "inf" for what is no number.
std::string duration_text(double seconds);
/// Seconds of waiting, in whole ones: "12 s", "3 min 20 s", "1 h 02 min".
std::string whole_duration_text(double seconds);
/// "12.3 GB", powers of 1000.
std::string bytes_text(std::int64_t bytes);
/// "1 run", "3 runs"; `many`: the plural where it is not `one` with an s.
std::string counted(std::int64_t count, std::string_view one, std::string_view many = {});

/// Columns of a terminal that UTF-8 `text` takes, by the C library's wcwidth: East Asian wide letters and emoji take two, combining marks
/// none, what is no UTF-8 one a byte. The same in every locale.
std::size_t display_width(std::string_view text);

/// `text`, one line, cut into lines of at most `width` columns, at blanks. A word that is longer is broken, but one with a digit in it is
/// not where it has at most 24 columns and no slash: a number or an identity is never cut. At least one line.
std::vector<std::string> wrapped(std::string_view text, std::size_t width);
/// The begin of `text`, one line, that fits into `width` columns, cut at a blank; where its first word is longer, its begin.
std::string cut_at_word(std::string_view text, std::size_t width);
/// Columns of the longest word of `text` that `wrapped` does not break.
std::size_t unbroken_width(std::string_view text);

} // namespace stdualx
