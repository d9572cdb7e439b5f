// Augmentation of training windows, in physical units, before standardising.
//
// In order: time warp, rotation (one for all sensors, or one each), a gain a sensor, jitter; after standardising, what is lost. Every draw
// is keyed by (seed, its purpose) and counted by (epoch, step, index in the global batch, element): how a batch is split over ranks changes
// nothing.
#pragma once

#include "experiments/spec/model_config.h"
#include "experiments/spec/random.h"
#include "experiments/spec/training_config.h"

#include <array>
#include <span>
#include <vector>

namespace stdualx {

/// Where a sample stands: the counter of its draws.
struct SamplePlace {
  std::uint32_t epoch = 0;
  std::uint32_t step = 0;
  std::uint32_t sample = 0; // in the global batch
};

/// The draws of one window that act on all of it. Standard normals, before any strength is applied.
struct WindowDraws {
  struct Turn {
    std::array<double, 3> axis{}; // direction, not normalised
    double angle = 0;
  };
  std::vector<Turn> turns;  // one for all sensors, or [sensors]
  std::vector<double> gain; // [sensors]
  double speed = 0;
  std::array<double, 6> knots{};
};

class Augmentation {
public:
  /// `triples`: for each sensor, the first channel of each group of three that one rotation turns (x, y, z).
  /// `deviation`: [sensors, channels], training standard deviations in physical units, the unit of jitter.
  Augmentation(const AugmentationConfig& config, std::int64_t seed, InputShape shape, std::vector<std::vector<std::int64_t>> triples,
               std::vector<float> deviation);

  /// One window, [sensors, steps, channels] each; `input` and `output` must not overlap. Channels beyond a sensor's own are 0.
  void apply(std::span<const float> input, std::span<float> output, SamplePlace place) const;

  /// What a sensor loses of one standardised window, [sensors, steps, channels], becomes 0, its training mean.
  void lose(std::span<float> standardised, SamplePlace place) const;
  /// Which steps each sensor loses, [sensors]: those from `first` on, `count` of them.
  struct Lost {
    std::int64_t first = 0, count = 0;
    bool operator==(const Lost&) const = default;
  };
  std::vector<Lost> lost(SamplePlace place) const;

  WindowDraws draw(SamplePlace place) const;
  /// Standard normals of jitter number 4 * element to 4 * element + 3; numbers count over [sensors, steps, channels].
  std::array<float, 4> jitter_normals(SamplePlace place, std::uint32_t element) const;
  /// All of a window's, by number, and what fills the last vector. By the vector loops where fused layers are in use (model/kernels.h):
  /// equal to jitter_normals but for rounding.
  std::vector<float> jitter_of(SamplePlace place) const;

private:
  void warp(std::span<const float> input, std::span<float> output, const WindowDraws& draws) const;
  void rotate(std::span<float> window, const WindowDraws& draws) const;
  void add_jitter(std::span<float> window, SamplePlace place) const;
  std::int64_t own_channels(std::int64_t sensor) const;

  AugmentationConfig config_;
  InputShape shape_;
  std::vector<std::vector<std::int64_t>> triples_;
  std::vector<float> deviation_;
  RandomStream rotation_, gain_, time_warp_, jitter_, sensor_dropout_, block_dropout_;
};

/// Where each step of the warped window is read from, [steps], in steps of the original. About the window's middle time
/// runs at 1 + strength * speed; on top of it six evenly spaced knots are displaced by strength * knot times their spacing,
/// linear in between. Positions outside the window are reflected at its ends.
std::vector<double> warp_positions(std::int64_t steps, double strength, double speed, const std::array<double, 6>& knots);

} // namespace stdualx
