// Words for people about what was found on a machine.
#pragma once

#include "cluster/process.h"
#include "experiments/spec/human_text.h"

#include <string>

namespace stdualx {

/// Without the white space at both ends.
std::string trimmed(const std::string& text);
/// The first line of a text that is not empty.
std::string first_line(const std::string& text);
/// The first line that a program wrote when it failed, or how it ended when it wrote none.
std::string words_of(const Finished& finished);

} // namespace stdualx
