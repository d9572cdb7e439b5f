// Which build this program is.
#pragma once

#include "experiments/spec/build_id.h"

namespace stdualx {

/// Of the running executable, whatever lies under its name by now. Reads all of it: tens of milliseconds. What cannot be told is "".
BuildId this_build();

} // namespace stdualx
