// Standard output of a command, which notices when it could not be written: a full disk, a reader that is gone.
#pragma once

#include <streambuf>
#include <string>

namespace stdualx {

/// Opens what of descriptors 0 to 2 is closed (`stdualx ... >&-`), so that no file of ours gets their numbers; writing there fails.
void open_closed_standard_descriptors();

/// The buffer of std::cout while a command runs. After the first write that fails nothing more is written, and the stream is bad.
class StandardOutput : public std::streambuf {
public:
  StandardOutput();
  /// Takes std::cout's place; the destructor gives it back.
  ~StandardOutput() override;
  StandardOutput(const StandardOutput&) = delete;
  StandardOutput& operator=(const StandardOutput&) = delete;
  /// Why what was written is cut (an errno); 0: all of it is written.
  int error() const { return error_; }

protected:
  int sync() override;
  int_type overflow(int_type character) override;
  std::streamsize xsputn(const char* text, std::streamsize count) override;

private:
  std::string waiting_;
  bool by_lines_;
  int error_ = 0;
  std::streambuf* before_;
};

/// Exit status of a command that did all, but whose output is cut.
inline constexpr int output_cut = 1;

/// The exit status of a command that ended with `status` but whose output is cut for `error`: 1 in place of 0. Says so on standard error;
/// of a reader that is gone nothing, as other programs.
int status_of_cut_output(int status, int error);

} // namespace stdualx
