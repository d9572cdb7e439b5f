// Rows of members into the tensors of a network of replicas, a step, and back.
#include "worker/training/pack.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace stdualx {

/// The network of some members, in the order of their rows, and how its tensors and theirs lie to each other. Made anew when a member comes
/// or leaves: its dropout draws by their seeds.
class Pack::Program {
public:
  Program(const Pack& pack, std::vector<std::int64_t> rows, const std::vector<std::int64_t>& seeds);
  /// Computes with the pack's rows; losses and logits of each of its replicas, [R] and [R, rows, classes], until the next step.
  const std::pair<LossTerms, at::Tensor>& step() {
    graph_.run([this] { result_ = compute(); });
    return result_;
  }

  const std::vector<std::int64_t> rows; // of the pack: of each replica

private:
  std::pair<LossTerms, at::Tensor> compute();
  /// How one kind of tensors lies: those of the network in one flat tensor, those of each member in a row.
  struct Layout {
    Layout(const FlatTensors& network, const FlatTensors& member, std::int64_t replicas, at::Device device);
    /// [R, size of a row] -> [size of the network's]; what is padding there comes from anywhere, and nobody reads it.
    at::Tensor to_network(const at::Tensor& members) const { return members.flatten().index_select(0, from_members); }
    /// [size of the network's + 1], the last of it 0 -> [R, size of a row], with zeros as padding.
    at::Tensor to_members(const at::Tensor& network) const { return network.index_select(0, from_network).view({replicas, -1}); }
    std::int64_t replicas;
    at::Tensor from_members, from_network; // int64, indices
  };
  at::Tensor chosen(const at::Tensor& all) const { return which_.defined() ? all.index_select(0, which_) : all; }
  void put(at::Tensor& all, const at::Tensor& some) const {
    if (which_.defined()) all.index_copy_(0, which_, some);
    else all.copy_(some);
  }

  const RunSpec& config_;
  StepTensors tensors_; // the pack's own
  const std::unique_ptr<Network> network_;
  FlatTensors parameters_, buffers_;
  const Layout parameter_layout_, buffer_layout_;
  at::Tensor gradient_; // [flat size + 1]
  at::Tensor which_;    // `rows` on the device; undefined: all of the pack, in order
  StepGraph graph_;
  std::pair<LossTerms, at::Tensor> result_;
};

Pack::Program::Layout::Layout(const FlatTensors& network, const FlatTensors& member, std::int64_t count, at::Device device)
    : replicas(count) {
  const std::int64_t size = member.values().numel(), whole = network.values().numel();
  const at::Tensor places = at::arange(whole, at::kLong), found = at::full({replicas, size}, whole, at::kLong);
  const auto of_network = network.named(places, "");
  for (std::int64_t r = 0; r < replicas; ++r) {
    const auto of_member = member.named(found[r], "");
    for (std::size_t i = 0; i < of_member.size(); ++i) {
      const std::int64_t leading = of_member[i].tensor.size(0);
      of_member[i].tensor.copy_(of_network[i].tensor.narrow(0, r * leading, leading));
    }
  }
  const at::Tensor back = at::zeros({whole}, at::kLong);
  const std::int64_t* const place = found.const_data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < found.numel(); ++i)
    if (place[i] < whole) back.mutable_data_ptr<std::int64_t>()[place[i]] = i;
  from_network = found.flatten().to(device);
  from_members = back.to(device);
}

Pack::Program::Program(const Pack& pack, std::vector<std::int64_t> chosen_rows, const std::vector<std::int64_t>& seeds)
    : rows(std::move(chosen_rows)), config_(*pack.config_), tensors_(pack.rows_),
      network_(make_network(config_.model, pack.shape_.input, seeds, tensors_.parameters.scalar_type(), tensors_.parameters.device())),
      parameters_(network_->parameters(), tensors_.parameters.scalar_type(), tensors_.parameters.device()),
      buffers_(network_->buffers(), tensors_.parameters.scalar_type(), tensors_.parameters.device()),
      parameter_layout_(parameters_, *pack.parameter_layout_, static_cast<std::int64_t>(rows.size()), tensors_.parameters.device()),
      buffer_layout_(buffers_, *pack.buffer_layout_, static_cast<std::int64_t>(rows.size()), tensors_.parameters.device()),
      gradient_(parameters_.bind_gradients(1)), graph_(make_graph_device(tensors_.parameters.device())) {
  if (static_cast<std::int64_t>(rows.size()) < pack.places_) which_ = at::tensor(rows, at::kLong).to(tensors_.parameters.device());
}

std::pair<LossTerms, at::Tensor> Pack::Program::compute() {
  const StepInputs inputs = tensors_.inputs.changed([&](const at::Tensor& all) { return chosen(all); });
  {
    const at::NoGradGuard no_gradients;
    parameters_.values().copy_(parameter_layout_.to_network(chosen(tensors_.parameters)));
    buffers_.values().copy_(buffer_layout_.to_network(chosen(tensors_.buffers)));
    gradient_.zero_();
  }
  StepContext context;
  context.training = true;
  context.counters = inputs.counters;
  context.real = inputs.real;
  context.global_samples = inputs.windows.size(1);
  const ModelOutput output = network_->forward(inputs.windows, context);
  const LossTerms terms = loss(output, inputs.labels, config_.training, context, inputs.people, inputs.losses);
  terms.total.backward();

  const at::NoGradGuard no_gradients;
  put(tensors_.gradient, parameter_layout_.to_members(gradient_));
  put(tensors_.buffers, buffer_layout_.to_members(at::cat({buffers_.values(), at::zeros({1}, buffers_.values().options())})));
  // Without the total, whose record of the pass would be kept until the next.
  return {{.total = {}, .cross_entropy = terms.cross_entropy, .triplet = terms.triplet}, output.logits.detach()};
}

Pack::Pack(std::int64_t places, Turns& turns) : places_(places), turns_(turns) {
  if (places < 1) throw std::invalid_argument("a pack of " + std::to_string(places) + " places; expected at least 1");
  members_.resize(static_cast<std::size_t>(places));
}

Pack::~Pack() = default;

std::unique_ptr<Pack::Place> Pack::enter(const PackShape& shape, const RunSpec& run, const StepTensors& own, const FlatTensors& parameters,
                                         const FlatTensors& buffers) {
  const auto is_empty = [this] { return std::ranges::all_of(members_, [](const Place* place) { return place == nullptr; }); };
  const auto is_free = [this] { return std::ranges::find(members_, nullptr) != members_.end(); };
  turns_.wait([&] { return is_empty() || (shape == shape_ && is_free()); });
  const auto rows_of = [this](const at::Tensor& one) {
    std::vector<std::int64_t> sizes = one.sizes().vec();
    sizes[0] = places_;
    return at::zeros(sizes, one.options().requires_grad(false));
  };
  if (is_empty()) {
    shape_ = shape;
    config_ = run;
    parameter_layout_ = parameters;
    buffer_layout_ = buffers;
    rows_ = {own.inputs.changed(rows_of), rows_of(own.parameters), rows_of(own.buffers), rows_of(own.gradient)};
  }
  const auto free = std::ranges::find(members_, nullptr);
  const std::int64_t row = free - members_.begin();
  const auto its = [row](const at::Tensor& all) { return all.narrow(0, row, 1); };
  StepTensors tensors{rows_.inputs.changed(its), its(rows_.parameters), its(rows_.buffers), its(rows_.gradient)};
  tensors.inputs.losses.copy_(own.inputs.losses);
  tensors.parameters.copy_(own.parameters);
  tensors.buffers.copy_(own.buffers);
  std::unique_ptr<Place> place(new Place(*this, row, run.seed, std::move(tensors)));
  *free = place.get();
  program_.reset();
  return place;
}

Pack::Place::~Place() {
  pack_.members_[static_cast<std::size_t>(row_)] = nullptr;
  pack_.program_.reset();
  tensors_.inputs.real.zero_(); // an empty place has no rows, and finite weights
  tensors_.parameters.zero_();
}

StepLosses Pack::Place::step() {
  losses_.reset();
  arrived_ = true;
  pack_.turns_.wait([this] { return losses_ || pack_.all_arrived(); });
  if (!losses_) pack_.compute();
  return *std::exchange(losses_, std::nullopt);
}

bool Pack::all_arrived() const {
  return std::ranges::all_of(members_, [](const Place* place) { return place == nullptr || place->arrived_; });
}

void Pack::compute() {
  if (!program_) {
    const bool only_members = rows_.parameters.is_cpu();
    std::vector<std::int64_t> rows, seeds;
    for (std::size_t row = 0; row < members_.size(); ++row) {
      if (members_[row] == nullptr && only_members) continue;
      rows.push_back(static_cast<std::int64_t>(row));
      seeds.push_back(members_[row] == nullptr ? 0 : members_[row]->seed_);
    }
    program_ = std::make_unique<Program>(*this, std::move(rows), seeds);
  }
  // Should this fail, it fails whoever called; the others, when they try without it, or with it gone.
  const auto& [terms, logits] = program_->step();
  for (std::size_t replica = 0; replica < program_->rows.size(); ++replica) {
    Place* const member = members_[static_cast<std::size_t>(program_->rows[replica])];
    if (member == nullptr) continue;
    const auto its = [replica](const at::Tensor& all) { return all.narrow(0, static_cast<std::int64_t>(replica), 1); };
    member->losses_ = {its(terms.cross_entropy), its(terms.triplet), its(logits)};
    member->arrived_ = false;
  }
}

} // namespace stdualx
