// The training step in two halves, readable from top to bottom: prepare() and compute(). Then the epoch, prediction, and the state.
#include "worker/training/training.h"

#include "experiments/spec/pack.h"
#include "model/kernels.h"
#include "worker/training/schedule.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <stdexcept>

namespace stdualx {

namespace {
using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

constexpr std::int64_t evaluation_batch = 256;    // windows; small enough for a laptop's cache, large enough for a GPU
constexpr std::int64_t steps_between_checks = 50; // of the losses: reading one waits for the GPU

at::ScalarType scalar_type(const TrainingConfig& config) { return config.precision == "float64" ? at::kDouble : at::kFloat; }

std::vector<std::int64_t> checked_rows(const RunSpec& run, std::vector<std::int64_t> rows) {
  if (rows.size() < 2)
    throw InputError("run of " + run.dataset + ", fold " + std::to_string(run.fold) + ": " + std::to_string(rows.size()) +
                     " training windows; expected at least 2: check the protocol's people and the window length");
  return rows;
}
} // namespace

class Training::Group final : public BatchGroup {
public:
  explicit Group(Communicator& communicator) : communicator_(communicator) {}
  std::int64_t rank() const override { return communicator_.rank(); }
  std::int64_t size() const override { return communicator_.size(); }
  void all_reduce_sum(at::Tensor& tensor) override { communicator_.all_reduce_sum(tensor); }

private:
  Communicator& communicator_;
};

Training::Training(const RunSpec& run, TrainingWindows windows, std::vector<std::int64_t> train_rows, Communicator& communicator,
                   at::Device device)
    : run_(run), communicator_(communicator), group_(std::make_unique<Group>(communicator)), device_(device),
      type_(scalar_type(run.training)), train_rows_(checked_rows(run, std::move(train_rows))),
      reader_(std::move(windows), run.training.augmentation, run.seed, type_, device),
      batches_(batches_of(static_cast<std::int64_t>(train_rows_.size()), run.training.batch_size)),
      // Not the largest of these batches: all runs of one batch size compute in one shape, and a run's bits are those of any company.
      batch_rows_(std::max(batches_.front().count, std::min(run.training.batch_size, static_cast<std::int64_t>(train_rows_.size())))),
      own_(share_of(batch_rows_, communicator.rank(), communicator.size())),
      model_(make_network(run.model, reader_.windows().shape, {run.seed}, type_, device)), parameters_(model_->parameters(), type_, device),
      buffers_(model_->buffers(), type_, device), summed_(parameters_.bind_gradients(1)),
      gradient_(summed_.narrow(0, 0, parameters_.values().numel())), optimizer_(parameters_.values()),
      averages_(parameters_.values(), buffers_.values()), best_(averages_.parameters, averages_.buffers),
      // A group waits for its other ranks within a step: that is nothing to be replayed.
      graph_(communicator.size() == 1 ? make_graph_device(device) : nullptr) {
  const InputShape& shape = reader_.windows().shape;
  const at::TensorOptions values = at::TensorOptions().dtype(type_).device(device_), whole = values.dtype(at::kLong);
  inputs_ = {.windows = at::zeros({1, own_.count, shape.sensors, shape.steps, shape.channels}, values),
             .labels = at::zeros({1, own_.count}, whole),
             .people = {},
             .counters = at::zeros({1, 2}, whole),
             .real = at::zeros({1, batch_rows_}, values),
             .rates = at::zeros({1, update_rates_count}, values),
             .losses = loss_rates(run_.training).to(device_)};
  const bool pairs = pairs_by_people(run_.training);
  if ((pairs || run_.training.batch_order == "people") && reader_.windows().people.empty())
    throw std::invalid_argument("training by people was asked for, and nobody said whose the windows are");
  if (pairs) inputs_.people = at::zeros({1, own_.count}, whole);
}

Training::~Training() = default;

bool Training::join(Pack& pack) {
  const std::string key = pack_key(run_);
  if (key.empty() || communicator_.size() > 1) return false;
  leave();
  place_ = pack.enter({key, reader_.windows().shape, batch_rows_}, run_,
                      {inputs_, parameters_.values().unsqueeze(0), buffers_.values().unsqueeze(0), gradient_.unsqueeze(0)}, parameters_,
                      buffers_);
  const StepTensors& rows = place_->tensors();
  inputs_ = rows.inputs;
  parameters_.move_to(rows.parameters[0]);
  buffers_.move_to(rows.buffers[0]);
  gradient_ = rows.gradient[0];
  return true;
}

void Training::leave() {
  if (!place_) return;
  const auto copy = [](const at::Tensor& row) { return row.clone(); };
  inputs_ = inputs_.changed(copy);
  parameters_.move_to(at::empty_like(parameters_.values()));
  buffers_.move_to(at::empty_like(buffers_.values()));
  summed_ = parameters_.bind_gradients(1);
  gradient_ = summed_.narrow(0, 0, parameters_.values().numel());
  graph_.forget();
  place_.reset();
}

StepOutcome Training::train_step(std::uint32_t epoch, std::uint32_t step, std::span<const std::int64_t> global_batch) {
  prepare(epoch, step, global_batch);
  return compute();
}

void Training::prepare(std::uint32_t epoch, std::uint32_t step, std::span<const std::int64_t> global_batch) {
  const auto start = Clock::now();
  const auto rows = static_cast<std::int64_t>(global_batch.size());
  if (rows < 1 || rows > batch_rows_)
    throw std::invalid_argument("a batch of " + std::to_string(rows) + " rows; expected 1 to " + std::to_string(batch_rows_));
  // This rank's rows of the global batch: gathered, augmented in physical units, standardised.
  const std::int64_t real = std::clamp<std::int64_t>(rows - own_.first, 0, own_.count), padding = own_.count - real;
  const auto own = real > 0 ? global_batch.subspan(static_cast<std::size_t>(own_.first), static_cast<std::size_t>(real))
                            : std::span<const std::int64_t>();
  inputs_.windows.narrow(1, 0, real).copy_(reader_.read_augmented(own, {epoch, step, static_cast<std::uint32_t>(own_.first)}));
  inputs_.windows.narrow(1, real, padding).zero_();
  inputs_.labels.narrow(1, 0, real).copy_(reader_.labels(own));
  inputs_.labels.narrow(1, real, padding).zero_();
  if (inputs_.people.defined()) inputs_.people.narrow(1, 0, real).copy_(reader_.people(own));
  inputs_.counters.copy_(step_counters(epoch, step));
  inputs_.real.narrow(1, 0, rows).fill_(1);
  inputs_.real.narrow(1, rows, batch_rows_ - rows).zero_();
  const SchedulePoint point = one_cycle(run_.training, optimizer_.steps, steps_per_epoch() * run_.training.epochs);
  inputs_.rates[0].copy_(update_rates(run_.training, ++optimizer_.steps, point.learning_rate, point.momentum));
  progress_.steps = optimizer_.steps;
  data_seconds_ += seconds_since(start);
}

StepLosses Training::forward_and_backward() {
  // Forward and backward. Losses and statistics are over the global batch; this rank's gradients are its rows' part.
  StepContext context;
  context.training = true;
  context.counters = inputs_.counters;
  context.real = inputs_.real;
  context.first_sample = own_.first;
  context.global_samples = batch_rows_;
  context.group = communicator_.size() > 1 ? group_.get() : nullptr;
  gradient_.zero_();
  const ModelOutput output = model_->forward(inputs_.windows, context);
  const LossTerms terms = loss(output, inputs_.labels, run_.training, context, inputs_.people);
  terms.total.backward(); // adds into gradient_, whose views the parameters' gradients are
  return {terms.cross_entropy, terms.triplet, output.logits.detach()};
}

StepOutcome Training::compute() {
  if (place_) return update(place_->step());
  graph_.run([this] { outcome_ = update(forward_and_backward()); });
  return outcome_;
}

StepOutcome Training::update(const StepLosses& losses) {
  const TrainingConfig& config = run_.training;
  // From here on every rank computes the same: one gradient, clipped, one step of AdamW, the averages.
  const at::NoGradGuard no_gradients;
  at::Tensor cross_entropy = losses.cross_entropy;
  if (communicator_.size() > 1) {
    cross_entropy = summed_.narrow(0, gradient_.numel(), 1).copy_(losses.cross_entropy);
    communicator_.all_reduce_sum(summed_);
  }
  const at::Tensor rates = inputs_.rates[0], share = rates[average_share];
  at::Tensor norm; // of the gradient before clipping
  StepContext alone;
  alone.training = true;
  alone.group = communicator_.size() > 1 ? group_.get() : nullptr;
  if (fused_kernels_fit(gradient_, alone)) {
    norm = optimizer_.update_fused(parameters_.values(), gradient_, parameters_.decayed(), config, rates, averages_.parameters);
    averages_.buffers.lerp_(buffers_.values(), share);
  } else {
    norm = clip_by_norm(gradient_, config.clip_norm);
    optimizer_.update(parameters_.values(), gradient_, parameters_.decayed(), config, rates);
    averages_.update(parameters_.values(), buffers_.values(), share);
  }
  return {(cross_entropy + config.triplet_weight * losses.triplet).sum(), losses.logits, norm};
}

TrainedEpoch Training::train_epoch(const StepObserver& observer) {
  const auto start = Clock::now();
  const auto epoch = static_cast<std::uint32_t>(progress_.epoch + 1);
  data_seconds_ = 0;
  communicator_.take_seconds();
  const std::vector<std::int64_t> order = run_.training.batch_order == "people"
                                              ? balanced_epoch_order(train_rows_, reader_.windows().people, run_.seed, epoch)
                                              : epoch_order(train_rows_, run_.seed, epoch);

  // Row 0: losses; row 1: norms of the gradient, each in the step's column, which is looked up on the device. Reading waits for a GPU.
  at::Tensor looked_at = at::empty({2, steps_per_epoch()}, at::TensorOptions().dtype(type_).device(device_));
  TrainedEpoch outcome;
  double loss_sum = 0;
  std::int64_t checked = 0;
  for (std::int64_t step = 0; step < steps_per_epoch(); ++step) {
    const Share batch = batches_[static_cast<std::size_t>(step)];
    const auto rows = std::span(order).subspan(static_cast<std::size_t>(batch.first), static_cast<std::size_t>(batch.count));
    const StepOutcome taken = train_step(epoch, static_cast<std::uint32_t>(step + 1), rows);
    looked_at.index_copy_(1, inputs_.counters[0].narrow(0, 1, 1) - 1, at::stack({taken.loss, taken.gradient_norm}).unsqueeze(1));
    if (step + 1 - checked == steps_between_checks || step + 1 == steps_per_epoch()) {
      const at::Tensor some = looked_at.narrow(1, checked, step + 1 - checked).to(at::kCPU, at::kDouble).contiguous();
      const auto refuse = [&](const char* what, double value) {
        if (!std::isfinite(value))
          throw NotFinite(std::string(what) + " of epoch " + std::to_string(epoch) + ", step " + std::to_string(checked + 1) + " of " +
                          std::to_string(steps_per_epoch()) + " is " + std::to_string(value));
      };
      for (std::int64_t i = 0; i < some.size(1); ++i, ++checked) {
        const double value = some.const_data_ptr<double>()[i];
        refuse("the loss", value);
        refuse("the norm of the gradient", some.const_data_ptr<double>()[some.size(1) + i]);
        loss_sum += value * static_cast<double>(batches_[static_cast<std::size_t>(checked)].count);
      }
    }
    observer();
  }
  progress_.epoch = epoch;
  outcome.windows = static_cast<std::int64_t>(train_rows_.size());
  outcome.train_loss = loss_sum / static_cast<double>(outcome.windows);
  outcome.learning_rate = one_cycle(run_.training, optimizer_.steps - 1, steps_per_epoch() * run_.training.epochs).learning_rate;
  outcome.data_seconds = data_seconds_;
  outcome.communication_seconds = communicator_.take_seconds();
  outcome.compute_seconds = seconds_since(start) - outcome.data_seconds - outcome.communication_seconds;
  return outcome;
}

BatchReader Training::reader_of(WindowedSamples source) const {
  TrainingWindows others = reader_.windows();
  others.source = std::move(source);
  others.labels = {};
  return {std::move(others), run_.training.augmentation, run_.seed, type_, device_};
}

Prediction Training::predict(const BatchReader& windows, std::span<const std::int64_t> rows, Weights weights, bool details,
                             const StepObserver& observer) {
  const at::NoGradGuard no_gradients;
  // The model computes with what lies in its flat tensors: the averages are lent to it, and its own values put back.
  struct Lent {
    Lent(Training& owner, const Averages& values)
        : training(owner), parameters(owner.parameters_.values().clone()), buffers(owner.buffers_.values().clone()) {
      training.parameters_.values().copy_(values.parameters);
      training.buffers_.values().copy_(values.buffers);
    }
    ~Lent() {
      training.parameters_.values().copy_(parameters);
      training.buffers_.values().copy_(buffers);
    }
    Training& training;
    at::Tensor parameters, buffers;
  };
  const Lent lent(*this, weights == Weights::best ? best_ : averages_);

  const auto count = static_cast<std::int64_t>(rows.size());
  const Share share = share_of(count, communicator_.rank(), communicator_.size());
  Prediction prediction;
  // Rows outside a rank's own stay 0 here, so that the group's sum gathers them.
  const auto put = [count](at::Tensor& all, const at::Tensor& some, std::int64_t first) {
    std::vector<std::int64_t> sizes = some.sizes().vec();
    sizes[0] = count;
    if (!all.defined()) all = at::zeros(sizes, at::kDouble);
    all.narrow(0, first, some.size(0)).copy_(some);
  };
  StepContext context;
  context.want_attention = details;
  std::int64_t done = 0;
  do { // at least once: a rank without a row of its own learns what there is to gather
    const std::int64_t first = share.first + done, size = std::min(evaluation_batch, share.count - done);
    const at::Tensor batch = windows.read(rows.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(size)));
    const ModelOutput output = model_->forward(batch, context);
    put(prediction.logits, output.logits[0], first);
    if (details) put(prediction.embedding, output.embedding[0], first);
    if (details && output.attention.defined()) {
      const at::Tensor attention = output.attention[0].to(at::kDouble); // [rows, heads, sensors, sensors]
      put(prediction.attention, attention.mean(1), first);
      const std::int64_t keys = attention.size(-1) - (run_.model.attend_self ? 0 : 1);
      const at::Tensor entropy = -at::xlogy(attention, attention).sum(-1).mean({1, 2}) / std::log(static_cast<double>(keys));
      if (keys > 1) put(prediction.attention_entropy, entropy, first);
    }
    done += size;
    observer();
  } while (done < share.count);
  if (communicator_.size() > 1)
    for (at::Tensor* part : {&prediction.logits, &prediction.embedding, &prediction.attention, &prediction.attention_entropy})
      if (part->defined()) communicator_.all_reduce_sum(*part);
  return prediction;
}

void Training::keep_if_best(bool validated, double accuracy, double loss) {
  const bool better = !validated || progress_.best_epoch == 0 || accuracy > progress_.best_accuracy ||
                      (accuracy == progress_.best_accuracy && loss < progress_.best_loss);
  if (!better) return;
  best_.parameters.copy_(averages_.parameters);
  best_.buffers.copy_(averages_.buffers);
  progress_.best_epoch = progress_.epoch;
  progress_.best_accuracy = accuracy;
  progress_.best_loss = loss;
}

void Training::set_progress(const TrainingProgress& progress) {
  progress_ = progress;
  optimizer_.steps = progress.steps;
}

std::vector<NamedTensor> Training::state() const {
  std::vector<NamedTensor> all;
  const auto add = [&all](std::vector<NamedTensor> some) { all.insert(all.end(), some.begin(), some.end()); };
  add(parameters_.named(parameters_.values(), "parameters."));
  add(parameters_.named(optimizer_.first_moment, "optimizer.first_moment."));
  add(parameters_.named(optimizer_.second_moment, "optimizer.second_moment."));
  add(parameters_.named(averages_.parameters, "averages.parameters."));
  add(parameters_.named(best_.parameters, "best.parameters."));
  add(buffers_.named(buffers_.values(), "buffers."));
  add(buffers_.named(averages_.buffers, "averages.buffers."));
  add(buffers_.named(best_.buffers, "best.buffers."));
  return all;
}

std::vector<NamedTensor> Training::best_weights() const {
  std::vector<NamedTensor> all = parameters_.named(best_.parameters, "");
  for (auto& buffer : buffers_.named(best_.buffers, "")) all.push_back(std::move(buffer));
  return all;
}

} // namespace stdualx
