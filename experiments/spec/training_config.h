// How a run is trained: optimiser, schedule, loss, augmentation.
#pragma once

#include "experiments/spec/fields.h"

namespace stdualx {

/// Augmentation of training windows, in physical units before standardising. Every strength is absent at 0.
struct AugmentationConfig {
  double rotation_degrees = 10;    // one rotation for all sensors: random axis, angle ~ N(0, this)
  double gain = 0.1;               // a sensor's gain ~ 1 + N(0, this)
  double time_warp = 0.1;          // speed ~ 1 + N(0, this), and six knots of displacement; reflected at the ends
  double jitter = 0.05;            // noise in training standard deviations of the channel
  bool rotation_by_sensor = false; // a rotation of its own for each sensor, which are worn on different limbs
  double sensor_dropout = 0;       // probability that a sensor is lost to a whole window; one stays
  double block_dropout = 0;        // largest share of a window's steps that a sensor loses in one block
  double shift = 0;                // a window begins up to this share of its steps earlier or later, within its recording

  static const auto& fields() {
    using A = AugmentationConfig;
    static const auto all = std::make_tuple(
        number("rotation_degrees", &A::rotation_degrees, 0.0, 0, 180, "standard deviation of a random rotation of all axes, degrees"),
        number("gain", &A::gain, 0.0, 0, 1, "standard deviation of a sensor's random gain"),
        number("time_warp", &A::time_warp, 0.0, 0, 0.5, "strength of random time warping"),
        number("jitter", &A::jitter, 0.0, 0, 10, "standard deviation of added noise, in channel standard deviations"),
        field("rotation_by_sensor", &A::rotation_by_sensor, false, "true: each sensor is rotated by a draw of its own"),
        number("sensor_dropout", &A::sensor_dropout, 0.0, 0, 1,
               "probability that a sensor is lost to a whole window (it reads its training mean); one sensor always stays"),
        number("block_dropout", &A::block_dropout, 0.0, 0, 1,
               "largest share of a window's steps that a sensor loses in one block (it reads its training mean there)"),
        number("shift", &A::shift, 0.0, 0, 1,
               "largest random shift of a training window's start, as a share of its steps; its label stays"));
    return all;
  }
  bool operator==(const AugmentationConfig&) const = default;
};

struct TrainingConfig {
  std::int64_t epochs = 10;
  std::int64_t batch_size = 64; // windows of the whole group, not of one rank
  double learning_rate = 2e-3;  // the peak of the one-cycle schedule
  double warmup = 0.2;          // share of the steps before the peak
  double momentum_low = 0.85;   // AdamW's beta1 at the peak
  double momentum_high = 0.95;  // and at both ends
  double beta2 = 0.999;
  double adam_epsilon = 1e-8;
  double weight_decay = 0.01; // on weights, not on biases, norms or positions
  double clip_norm = 1.0;
  double ema_decay = 0.99; // averaged weights are evaluated; decay min(this, (1 + t) / (10 + t))
  double label_smoothing = 0.05;
  double triplet_weight = 0.5;
  double triplet_margin = 0.3;
  std::string triplet_positives = "any"; // other_people: two windows of one person are no pair to pull together
  std::string batch_order = "windows";   // people: every person gives an epoch as many windows
  std::string precision = "float32";
  AugmentationConfig augmentation;

  static const auto& fields() {
    using T = TrainingConfig;
    static const auto all =
        std::make_tuple(number("epochs", &T::epochs, 0, 1, 100000, "passes over the training windows"),
                        number("batch_size", &T::batch_size, 0, 1, 1 << 20, "windows of a step over the whole group"),
                        number("learning_rate", &T::learning_rate, 0.0, 0, 100, "peak of the one-cycle schedule"),
                        number("warmup", &T::warmup, 0.0, 0, 1, "share of the steps before the peak"),
                        number("momentum_low", &T::momentum_low, 0.0, 0, 0.9999, "beta1 at the peak"),
                        number("momentum_high", &T::momentum_high, 0.0, 0, 0.9999, "beta1 at both ends"),
                        number("beta2", &T::beta2, 0.0, 0, 0.999999, "AdamW's second decay"),
                        number("adam_epsilon", &T::adam_epsilon, 0.0, 0, 1, "AdamW's epsilon"),
                        number("weight_decay", &T::weight_decay, 0.0, 0, 10, "decoupled decay of weights"),
                        number("clip_norm", &T::clip_norm, 0.0, 0, 1e9, "largest norm of the whole gradient; 0: not clipped"),
                        number("ema_decay", &T::ema_decay, 0.0, 0, 0.999999, "decay of the averaged weights; 0: none"),
                        number("label_smoothing", &T::label_smoothing, 0.0, 0, 0.99, "epsilon of the cross-entropy"),
                        number("triplet_weight", &T::triplet_weight, 0.0, 0, 1000, "lambda of the contrastive loss; 0: without it"),
                        number("triplet_margin", &T::triplet_margin, 0.0, 0, 10, "margin of the batch-hard triplet loss"),
                        choice("triplet_positives", &T::triplet_positives, "any", {"any", "other_people"},
                               "whose windows of an activity the triplet loss pulls together: anybody's, or other people's alone"),
                        choice("batch_order", &T::batch_order, "windows", {"windows", "people"},
                               "windows: an epoch is each training window once, shuffled; people: each training person gives it as many "
                               "windows, some twice or not at all"),
                        choice("precision", &T::precision, "float32", {"float32", "float64"}, "of weights and arithmetic"),
                        field("augmentation", &T::augmentation, {}, "of training windows"));
    return all;
  }
  bool operator==(const TrainingConfig&) const = default;
};

} // namespace stdualx
