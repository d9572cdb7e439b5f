// Small sweeps for the tests, and the message of the error that a call throws.
#pragma once

#include "experiments/plan.h"
#include "experiments/sweep.h"

#include <numeric>
#include <string>
#include <vector>

namespace stdualx::sweep_tests {

/// A sweep of one run a fold and seed; `more` (", \"seeds\": [1, 2]") is put before the closing bracket.
inline std::string small_sweep(const std::string& more = "") {
  return R"({"name": "small", "dataset": "watch", "protocols": [{"kind": "leave_persons_out", "folds": 3}])" + more + "}";
}

template <class Call> std::string message_of(const Call& call) {
  try {
    call();
  } catch (const InputError& error) {
    return error.what();
  }
  return "no InputError";
}

inline std::string error_of(const std::string& text, const std::vector<std::string>& overrides = {}) {
  return message_of([&] { load_sweep_text(text, "s.json", overrides); });
}

/// Facts of a made-up data set of 30 people, nine of them the test people of its publisher.
inline DatasetFacts facts_of(const std::string& dataset, const WindowSpec& asked) {
  DatasetFacts facts;
  facts.name = dataset;
  facts.source = dataset;
  facts.dataset_hash = "0123456789abcdef";
  facts.windows = asked;
  if (facts.windows.steps == 0) facts.windows.steps = 128;
  if (facts.windows.stride == 0) facts.windows.stride = 64;
  if (facts.windows.label_threshold == 0) facts.windows.label_threshold = 0.5;
  facts.people.resize(30);
  std::iota(facts.people.begin(), facts.people.end(), 1);
  facts.official_test_people = {2, 4, 9, 10, 12, 13, 18, 20, 24};
  facts.challenge = dataset == "challenged" || dataset.starts_with("opportunity");
  if (dataset == "usual") facts.official_validation_people = {5, 7};
  return facts;
}

inline Plan plan_of(const std::string& text, const std::vector<std::string>& overrides = {}) {
  return make_plan(load_sweep_text(text, "s.json", overrides), facts_of);
}

} // namespace stdualx::sweep_tests
