// A sweep file, planned on made-up recordings.
#include "experiments/plan.h"
#include "fuzz.h"

#include <numeric>

using namespace stdualx;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::with_sentences([&] {
    const Sweep sweep = load_sweep_text(fuzz::text_of(data, size), "sweep.json");
    std::size_t runs = 1; // a large plan is no finding, and takes long
    for (const SweepPart& part : sweep.parts)
      runs += part.settings.size() * part.variants.size() * part.protocols.size() * part.seeds.size() * (part.folds.size() + 40);
    if (runs > 5000) return;
    make_plan(sweep, [](const std::string& name, const WindowSpec& windows) {
      DatasetFacts facts;
      facts.name = facts.source = "set " + name;
      facts.dataset_hash = "0123456789abcdef";
      facts.windows = windows;
      if (facts.windows.steps == 0) facts.windows.steps = 128;
      if (facts.windows.stride == 0) facts.windows.stride = 64;
      if (facts.windows.label_threshold == 0) facts.windows.label_threshold = 0.5;
      facts.people.resize(30);
      std::iota(facts.people.begin(), facts.people.end(), 1);
      facts.official_test_people = {2, 4, 9};
      facts.challenge = true;
      return facts;
    });
  });
  return 0;
}
