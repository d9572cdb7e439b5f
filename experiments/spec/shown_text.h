// Text of others as a terminal may see it. Names, error texts and logs come from sweeps, recordings, hosts, trainers and foreign stores: an
// escape sequence in one must not move the cursor, change the title or type into the shell of whoever looks at it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace stdualx {

/// One code point from `text` at `place`, which moves on. What is no UTF-8 (overlong forms, surrogates, a lone byte) gives U+FFFD and one
/// byte.
char32_t next_code_point(std::string_view text, std::size_t& place);

/// Control characters as "\x1b" (C0 but for line ends, LF and CRLF, and tab; DEL; C1), broken UTF-8 as U+FFFD; all else as it is.
std::string shown(std::string_view text);
/// The same on one line: line ends and tabs as "\n" and "\t".
std::string shown_on_one_line(std::string_view text);

/// `shown` for text that comes in pieces, which may part a character.
class ShownPieces {
public:
  /// What can be shown of the text so far and has not been.
  std::string add(std::string_view piece);
  /// The rest, a character that was cut.
  std::string end();

private:
  std::string cut_; // the begin of a character
};

} // namespace stdualx
