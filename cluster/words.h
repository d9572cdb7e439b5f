// Words for people about what was found on a machine.
#pragma once

#include "cluster/process.h"

#include <cstdint>
#include <string>

namespace stdualx {

/// "12.3 GB", powers of 1000.
std::string bytes_text(std::int64_t bytes);
/// Without the white space at both ends.
std::string trimmed(const std::string& text);
/// The first line of a text that is not empty.
std::string first_line(const std::string& text);
/// The first line that a program wrote when it failed, or how it ended when it wrote none.
std::string words_of(const Finished& finished);

} // namespace stdualx
