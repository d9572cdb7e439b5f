// See terminal.h.
#include "orchestrator/terminal.h"

#include <unistd.h>

#include <ostream>

namespace stdualx {

ShownStream::ShownStream(std::ostream& stream, int descriptor)
    : stream_(stream), target_(stream.rdbuf(this)), is_terminal_(::isatty(descriptor) == 1) {}

ShownStream::~ShownStream() {
  put(pieces_.end());
  stream_.rdbuf(target_); // clears the stream's state: whoever wants to know whether all was written asks before
}

void ShownStream::carry_data() { is_data_ = true; }

void ShownStream::write_raw(std::string_view text) {
  put(pieces_.end());
  put(text);
}

bool ShownStream::put(std::string_view text) {
  const auto size = static_cast<std::streamsize>(text.size());
  return target_->sputn(text.data(), size) == size;
}

std::streamsize ShownStream::xsputn(const char* text, std::streamsize size) {
  const std::string_view piece(text, static_cast<std::size_t>(size));
  return (is_data_ && !is_terminal_ ? put(piece) : put(pieces_.add(piece))) ? size : 0;
}

ShownStream::int_type ShownStream::overflow(int_type letter) {
  if (traits_type::eq_int_type(letter, traits_type::eof())) return traits_type::not_eof(letter);
  const char text = traits_type::to_char_type(letter);
  return xsputn(&text, 1) == 1 ? letter : traits_type::eof();
}

int ShownStream::sync() { return target_->pubsync(); }

void carry_data(std::ostream& stream) {
  if (auto* shown_stream = dynamic_cast<ShownStream*>(stream.rdbuf())) shown_stream->carry_data();
}

void write_raw(std::ostream& stream, std::string_view text) {
  if (auto* shown_stream = dynamic_cast<ShownStream*>(stream.rdbuf())) shown_stream->write_raw(text);
  else stream << text;
}

} // namespace stdualx
