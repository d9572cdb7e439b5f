// What differs between the rows of a table of runs: settings that a grid varies, and counts of runs that are alike.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "experiments/spec/run_spec.h"
#include "results/table.h"

namespace stdualx {

/// A run's settings: JSON pointer -> value as JSON text (results/config_fields.h).
using Settings = std::map<std::string, std::string>;

/// All settings of a run.
Settings settings_of(const RunSpec& run);

/// JSON pointers that a table of runs has columns for already, or that differ from run to run by plan: fold, seed, data set, variant,
/// protocol, ranks.
const std::set<std::string>& settings_with_columns();

/// Adds a column for each setting in which two runs of one group differ, before the column `before`; for what differs between groups
/// (variants) the group's name stands already. `groups` and `settings`: one a row; null pointers: unknown. A column is named by the last
/// word of its pointer, or by all of it where two settings end alike.
void add_differing_settings(Table& table, const std::vector<std::string>& groups, const std::vector<const Settings*>& settings,
                            const std::string& before);

/// Rows that are alike in all but the columns `of_one_run`, counted: "runs" first, then what they have in common; in the order of the first
/// of each. The note says how many runs and groups there are, and that --all lists each.
TitledTable counted_by_group(const TitledTable& titled, const std::set<std::string>& of_one_run);

/// Of more rows than this a person sees counts first.
inline constexpr std::size_t most_rows_uncounted = 40;

} // namespace stdualx
