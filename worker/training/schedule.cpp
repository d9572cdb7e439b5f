// One-cycle in closed form: a step's point depends on nothing but its number.
#include "worker/training/schedule.h"

#include <cmath>

namespace stdualx {

namespace {
constexpr double start_divisor = 25;  // peak / this: the first step's learning rate
constexpr double final_divisor = 1e4; // that / this: the last step's
constexpr double pi = 3.14159265358979323846;

double cosine(double from, double to, double share) { return to + (from - to) / 2 * (1 + std::cos(pi * share)); }
} // namespace

SchedulePoint one_cycle(const TrainingConfig& config, std::int64_t step, std::int64_t total_steps) {
  const double start = config.learning_rate / start_divisor;
  const double peak_step = config.warmup * static_cast<double>(total_steps) - 1; // may lie between steps, or before the first
  const double last_step = static_cast<double>(total_steps - 1);
  const double here = static_cast<double>(step);
  if (here <= peak_step) {
    const double share = peak_step > 0 ? here / peak_step : 1; // a warm-up of exactly one step is the peak itself
    return {cosine(start, config.learning_rate, share), cosine(config.momentum_high, config.momentum_low, share)};
  }
  const double share = (here - peak_step) / (last_step - peak_step);
  return {cosine(config.learning_rate, start / final_divisor, share), cosine(config.momentum_low, config.momentum_high, share)};
}

} // namespace stdualx
