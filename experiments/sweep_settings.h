// `grid`, `zip` and `random` of a sweep file, expanded into the settings they name.
#pragma once

#include "experiments/sweep.h"

namespace stdualx {

/// grid x zip x random, in that order, the last one fastest; inside a grid by path, the last path fastest. A random draw is a
/// function of (seed, path, index), so a larger count adds draws and keeps the old ones; reals are rounded to six digits, so
/// that every machine's libm gives one identity. Throws InputError "<pointer>: <what>".
std::vector<RecipeChanges> read_settings(const Json& sweep);

/// The settings that `fixed` names, by path.
std::vector<std::string> paths_in(const Json& fixed);

/// The schema of `grid`, `zip` and `random`, by key; refers to "#/$defs/<path>".
Json settings_schema();

} // namespace stdualx
