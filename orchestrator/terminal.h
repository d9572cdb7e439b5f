// What the program prints, on its way to a terminal: no escape sequence in a name, a host, an error or a log of others gets there. One
// place for all commands: they print to std::cout and std::cerr as ever.
#pragma once

#include "experiments/spec/shown_text.h"

#include <iosfwd>
#include <streambuf>

namespace stdualx {

/// While it lives, what is printed to `stream` comes out as `shown` gives it. Errors of writing pass through to the stream.
class ShownStream : public std::streambuf {
public:
  /// `descriptor`: where the stream leads.
  ShownStream(std::ostream& stream, int descriptor);
  ~ShownStream() override;
  ShownStream(const ShownStream&) = delete;
  ShownStream& operator=(const ShownStream&) = delete;

  /// From here on the stream carries data in a format with rules of its own (CSV, JSON), which a program reads: it is left as it is, unless
  /// it leads to a terminal all the same.
  void carry_data();
  /// Written as it is: our own sequences.
  void write_raw(std::string_view text);

protected:
  int_type overflow(int_type letter) override;
  std::streamsize xsputn(const char* text, std::streamsize size) override;
  int sync() override;

private:
  bool put(std::string_view text);

  std::ostream& stream_;
  std::streambuf* target_;
  const bool is_terminal_;
  bool is_data_ = false;
  ShownPieces pieces_;
};

/// carry_data and write_raw of the ShownStream that `stream` has; without one nothing, and a plain write.
void carry_data(std::ostream& stream);
void write_raw(std::ostream& stream, std::string_view text);

} // namespace stdualx
