// See window_stream.h.
#include "experiments/window_stream.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "experiments/gaps.h"

namespace stdualx {

namespace {
constexpr double longest_wait_seconds = 60; // for a whole sample: memory has an end
}

WindowStream::WindowStream(DatasetInfo dataset, std::int64_t steps, std::int64_t stride, Use use)
    : dataset_(std::move(dataset)), steps_(static_cast<std::size_t>(steps)), stride_(static_cast<std::size_t>(stride)), width_(0),
      padded_width_(dataset_.sensors.size() * static_cast<std::size_t>(dataset_.channels())),
      most_pending_(static_cast<std::size_t>(std::max(1.0, longest_wait_seconds * dataset_.rate))), use_(std::move(use)) {
  if (steps < 1 || stride < 1) throw std::invalid_argument("WindowStream: steps and stride are at least 1");
  for (const SensorInfo& sensor : dataset_.sensors) width_ += sensor.channels.size();
  window_.resize(steps_ * padded_width_);
}

void WindowStream::add(std::span<const float> sample) {
  if (sample.size() != width_) throw std::invalid_argument("WindowStream: a sample of another width");
  pending_.insert(pending_.end(), sample.begin(), sample.end());
  if (std::none_of(sample.begin(), sample.end(), [](float value) { return std::isnan(value); })) {
    resolve();
    last_.assign(sample.begin(), sample.end());
  } else if (pending_.size() >= most_pending_ * width_) {
    pending_.clear();
    last_.clear();
  }
}

/// What waited, as a recording of its own behind the last whole sample, which is in its stretch already.
void WindowStream::resolve() {
  if (pending_.empty()) return;
  RawRecording raw;
  raw.values = last_;
  raw.values.insert(raw.values.end(), pending_.begin(), pending_.end());
  raw.labels.assign(raw.values.size() / width_, no_label);
  pending_.clear();
  Dataset stretches;
  stretches.info = dataset_;
  add_recording(stretches, std::move(raw));
  bool goes_on = !last_.empty();
  for (const Recording& stretch : stretches.recordings) {
    if (!goes_on) begin_stretch();
    for (std::size_t step = goes_on ? 1 : 0; step < static_cast<std::size_t>(stretch.steps()); ++step)
      append(stretch.samples.data() + step * padded_width_);
    goes_on = false;
  }
}

void WindowStream::begin_stretch() {
  ++recording_;
  in_stretch_ = 0;
  held_.clear();
}

void WindowStream::append(const float* padded) {
  if (held_.size() >= 2 * steps_ * padded_width_) // seldom, so that a sample costs no copy of the others
    held_.erase(held_.begin(), held_.end() - static_cast<std::ptrdiff_t>(steps_ * padded_width_));
  held_.insert(held_.end(), padded, padded + padded_width_);
  ++in_stretch_;
  if (in_stretch_ < steps_ || (in_stretch_ - steps_) % stride_ != 0) return;
  const std::size_t sensors = dataset_.sensors.size(), channels = sensors == 0 ? 0 : padded_width_ / sensors;
  const float* samples = held_.data() + held_.size() - steps_ * padded_width_;
  for (std::size_t sensor = 0; sensor < sensors; ++sensor)
    for (std::size_t step = 0; step < steps_; ++step)
      std::copy_n(samples + step * padded_width_ + sensor * channels, channels,
                  window_.begin() + static_cast<std::ptrdiff_t>((sensor * steps_ + step) * channels));
  use_({recording_, static_cast<std::int64_t>(in_stretch_ - steps_), window_});
}

} // namespace stdualx
