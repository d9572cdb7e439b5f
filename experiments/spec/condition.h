// Under which condition the test part is evaluated: undisturbed, or disturbed in one of the ways that worn sensors are.
#pragma once

#include "experiments/spec/fields.h"

namespace stdualx {

/// A disturbance is a function of the condition and of the place in the recording alone: every network sees the same one.
struct Condition {
  std::string kind = "clean";
  double amount = 0;     // what it counts depends on the kind; see `fields`
  std::string fill = ""; // of what is missing; "" where nothing is
  std::int64_t seed = 0; // which draw; 0 where nothing is drawn

  static const auto& fields() {
    using C = Condition;
    static const auto all = std::make_tuple(
        choice(
            "kind", &C::kind, "",
            {"clean", "missing_samples", "missing_blocks", "missing_sensor", "noise", "gain", "rotation", "clock_jitter"},
            "clean: undisturbed; missing_samples: amount is the share of a sensor's samples that are lost, each by itself; missing_blocks: "
            "the "
            "share of its seconds; missing_sensor: the number of the sensor that is lost, from 0; noise: signal-to-noise ratio in dB; "
            "gain: "
            "standard deviation of a sensor's gain around 1; rotation: degrees by which each sensor is turned around an axis of its own; "
            "clock_jitter: standard deviation of the sampling moments, in sample periods"),
        number("amount", &C::amount, 0.0, -100, 1e6, "how much of it"),
        choice(
            "fill", &C::fill, "", {"", "last", "zero", "linear"},
            "what stands for missing samples: last: the sensor's last valid ones; zero: the training mean; linear: between its neighbours"),
        number("seed", &C::seed, 0, 0, 1000000, "which draw of it"));
    return all;
  }
  bool operator==(const Condition&) const = default;
};

/// "clean", "missing_samples/0.1/last/1", "missing_sensor/2/zero", "noise/10/1": the name under which the store keeps it.
std::string condition_name(const Condition& condition);

/// The condition of a name. InputError "expected ...": no such kind, an amount out of its range, a fill or seed that is missing or
/// that the kind does not have, or another spelling than condition_name's.
Condition condition_of(const std::string& name);

} // namespace stdualx
