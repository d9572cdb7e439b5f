// A sweep file, planned on made-up recordings.
#include "experiments/plan.h"
#include "fuzz.h"
#include "sweep_fixture.h"

using namespace stdualx;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::with_sentences([&] {
    const Sweep sweep = load_sweep_text(fuzz::text_of(data, size), "sweep.json");
    std::size_t runs = 1; // a large plan is no finding, and takes long
    for (const SweepPart& part : sweep.parts)
      runs += part.settings.size() * part.variants.size() * part.protocols.size() * part.seeds.size() * (part.folds.size() + 40);
    if (runs > 5000) return;
    make_plan(sweep, [](const std::string& name, const WindowSpec& windows) {
      DatasetFacts facts = sweep_tests::facts_of(name, windows);
      facts.challenge = true;
      return facts;
    });
  });
  return 0;
}
