// Order, shares and gathering.
#include "worker/training/batches.h"

#include "experiments/spec/errors.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace stdualx {

Share share_of(std::int64_t count, std::int64_t rank, std::int64_t size) {
  const std::int64_t each = count / size, more = count % size;
  return {rank * each + std::min(rank, more), each + (rank < more ? 1 : 0)};
}

std::vector<Share> batches_of(std::int64_t windows, std::int64_t batch_size) {
  const std::int64_t full = (windows + batch_size - 1) / batch_size, least = std::min<std::int64_t>(batch_size, 3);
  const std::int64_t count = std::min(full, std::max<std::int64_t>(windows / least, 1));
  std::vector<Share> batches;
  for (std::int64_t batch = 0; batch < count; ++batch) batches.push_back(share_of(windows, batch, count));
  return batches;
}

namespace {
std::vector<std::int64_t> shuffled(std::vector<std::int64_t> order, const RandomStream& stream, std::uint32_t epoch, std::uint32_t round) {
  for (std::size_t last = order.size(); last > 1; --last) {
    const PhiloxCounter words = stream.words(epoch, round, 0, static_cast<std::uint32_t>(last));
    // A 32-bit draw scaled to [0, last): its bias is last / 2^32, far below anything a shuffle could show.
    const std::uint64_t chosen = (std::uint64_t{words[0]} * last) >> 32;
    std::swap(order[last - 1], order[chosen]);
  }
  return order;
}
} // namespace

std::vector<std::int64_t> epoch_order(std::span<const std::int64_t> windows, std::int64_t seed, std::uint32_t epoch) {
  return shuffled({windows.begin(), windows.end()}, RandomStream(seed, "order"), epoch, 0);
}

std::vector<std::int64_t> balanced_epoch_order(std::span<const std::int64_t> windows, std::span<const std::int32_t> people,
                                               std::int64_t seed, std::uint32_t epoch) {
  std::map<std::int64_t, std::vector<std::int64_t>> by_person;
  for (const std::int64_t window : windows) by_person[people[static_cast<std::size_t>(window)]].push_back(window);
  std::vector<std::int64_t> order;
  order.reserve(windows.size());
  std::int64_t place = 0;
  for (const auto& [person, own] : by_person) {
    const RandomStream stream(seed, "order", "person " + std::to_string(person));
    auto wanted = static_cast<std::size_t>(
        share_of(static_cast<std::int64_t>(windows.size()), place++, static_cast<std::int64_t>(by_person.size())).count);
    for (std::uint32_t round = 0; wanted > 0; ++round) {
      const std::vector<std::int64_t> all = shuffled(own, stream, epoch, round);
      const std::size_t taken = std::min(wanted, all.size());
      order.insert(order.end(), all.begin(), all.begin() + static_cast<std::ptrdiff_t>(taken));
      wanted -= taken;
    }
  }
  return epoch_order(order, seed, epoch);
}

std::int64_t largest_shift(const AugmentationConfig& augmentation, std::int64_t steps) {
  return std::llround(augmentation.shift * static_cast<double>(steps));
}

BatchReader::BatchReader(TrainingWindows windows, const AugmentationConfig& augmentation, std::int64_t seed, at::ScalarType type,
                         at::Device device)
    : windows_(std::move(windows)), augmentation_(augmentation, seed, windows_.shape, windows_.triples, windows_.deviation),
      shift_(seed, "augmentation", "shift"), largest_shift_(largest_shift(augmentation, windows_.shape.steps)), type_(type),
      device_(device), mean_(windows_.mean.size(), 0.0f), scale_(windows_.deviation.size(), 0.0f) {
  const InputShape& shape = windows_.shape;
  for (std::int64_t sensor = 0; sensor < shape.sensors; ++sensor) {
    const std::int64_t own = shape.sensor_channels.empty() ? shape.channels : shape.sensor_channels[static_cast<std::size_t>(sensor)];
    for (std::int64_t channel = 0; channel < own; ++channel) {
      const auto i = static_cast<std::size_t>(sensor * shape.channels + channel);
      if (!(windows_.deviation[i] > 0) || !std::isfinite(windows_.deviation[i]) || !std::isfinite(windows_.mean[i]))
        throw InputError("channel " + std::to_string(channel) + " of sensor " + std::to_string(sensor) + " cannot be standardised: mean " +
                         std::to_string(windows_.mean[i]) + ", standard deviation " + std::to_string(windows_.deviation[i]) +
                         " over the training windows; expected finite values and a deviation above 0");
      mean_[i] = windows_.mean[i];
      scale_[i] = 1 / windows_.deviation[i];
    }
  }
}

std::int64_t BatchReader::shift_of(std::int64_t row, SamplePlace place) const {
  if (largest_shift_ == 0) return 0;
  // As for the order of an epoch: a 32-bit draw scaled to [0, 2 * largest_shift].
  const PhiloxCounter words = shift_.words(place.epoch, place.step, place.sample, 0);
  const auto drawn = static_cast<std::int64_t>((std::uint64_t{words[0]} * static_cast<std::uint64_t>(2 * largest_shift_ + 1)) >> 32);
  return windows_.source.clipped_shift(row, drawn - largest_shift_);
}

void BatchReader::standardise(std::span<float> window) const {
  const auto channels = static_cast<std::size_t>(windows_.shape.channels), steps = static_cast<std::size_t>(windows_.shape.steps);
  for (std::size_t row = 0; row * channels < window.size(); ++row) {
    const std::size_t sensor = row / steps;
    for (std::size_t channel = 0; channel < channels; ++channel) {
      const std::size_t i = sensor * channels + channel;
      float& value = window[row * channels + channel];
      value = (value - mean_[i]) * scale_[i];
    }
  }
}

namespace {
at::Tensor plain_tensor(const InputShape& shape, std::size_t rows) {
  return at::empty({1, static_cast<std::int64_t>(rows), shape.sensors, shape.steps, shape.channels}, at::kFloat);
}
} // namespace

at::Tensor BatchReader::finish(const at::Tensor& plain) const { return plain.to(at::TensorOptions().dtype(type_).device(device_)); }

at::Tensor BatchReader::read(std::span<const std::int64_t> rows) const {
  at::Tensor plain = plain_tensor(windows_.shape, rows.size());
  const std::size_t size = windows_.source.window_floats();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::span target(plain.mutable_data_ptr<float>() + i * size, size);
    windows_.source.read(rows[i], 0, target);
    standardise(target);
  }
  return finish(plain);
}

at::Tensor BatchReader::read_augmented(std::span<const std::int64_t> rows, SamplePlace place) const {
  at::Tensor plain = plain_tensor(windows_.shape, rows.size());
  const std::size_t size = windows_.source.window_floats();
  std::vector<float> window(size);
  for (std::size_t i = 0; i < rows.size(); ++i, ++place.sample) {
    const std::span target(plain.mutable_data_ptr<float>() + i * size, size);
    windows_.source.read(rows[i], shift_of(rows[i], place), window);
    augmentation_.apply(window, target, place);
    standardise(target);
    augmentation_.lose(target, place);
  }
  return finish(plain);
}

at::Tensor BatchReader::numbers(std::span<const std::int32_t> of, std::span<const std::int64_t> rows) const {
  at::Tensor numbers = at::empty({1, static_cast<std::int64_t>(rows.size())}, at::kLong);
  for (std::size_t i = 0; i < rows.size(); ++i) numbers.mutable_data_ptr<std::int64_t>()[i] = of[static_cast<std::size_t>(rows[i])];
  return numbers.to(device_);
}

} // namespace stdualx
