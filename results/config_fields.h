// A configuration as a flat list of its fields. Inside the room only.
#pragma once

#include <map>
#include <string>

#include "experiments/spec/fields.h"

namespace stdualx {

/// JSON pointer -> value as JSON text. Lists stay whole: a list of people is one field.
std::map<std::string, std::string> flattened(const Json& json);

} // namespace stdualx
