// The facts that a plan needs, from the data set itself.
#include "experiments/plan.h"
#include "experiments/windows.h"

#include <set>

namespace stdualx {

Plan make_plan(const Sweep& sweep, const DataPaths& paths) {
  return make_plan(sweep, [&](const std::string& dataset, const WindowSpec& spec) {
    const WindowSet windows = open_window_set(dataset, spec, paths);
    const std::set<std::int64_t> people(windows.people().begin(), windows.people().end());
    return DatasetFacts{.name = windows.info().name,
                        .source = dataset_source(dataset),
                        .dataset_hash = windows.dataset_hash(),
                        .windows = windows.window_spec(),
                        .people = {people.begin(), people.end()},
                        .official_test_people = windows.info().official_test_people};
  });
}

} // namespace stdualx
