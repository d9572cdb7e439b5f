// Assignments in, reports out.
#include "worker/trainer/trainer.h"

#include "experiments/spec/fault.h"
#include "worker/training/communicator_shared.h"
#include "worker/trainer/pack_server.h"
#include "worker/trainer/platform.h"
#ifdef STDUALX_WITH_CUDA
#include "worker/training/communicator_nccl.h"
#endif

#include <ATen/Parallel.h>

#include <ostream>

namespace stdualx {

namespace {
class AgentReporter final : public Reporter {
public:
  AgentReporter(AgentLink& link, const Assignment& assignment) : link_(link), assignment_(assignment) {}

  void step() override {
    link_.memory.count_step();
    fault_point(FaultPoint::trainer_step);
    link_.draining(); // looks at the socket: an exit, or an agent gone, ends the training here
  }
  void epoch(const EpochReport& report) override {
    settle();
    link_.send(Message::of("epoch", report));
    told_ = report.epoch;
  }
  void evaluation(const EvaluationReport& report) override { link_.send(Message::of("evaluation", report)); }
  void settle() override {
    while (acknowledged_ < told_) {
      const auto acknowledge = link_.wait_for("acknowledge").as<Acknowledge>();
      // One of an earlier attempt may still be on its way.
      if (acknowledge.run_id == assignment_.run_id && acknowledge.attempt == assignment_.attempt) acknowledged_ = acknowledge.epoch;
    }
  }
  std::int64_t acknowledged() const override { return acknowledged_; }
  bool draining() override { return link_.draining(); }

private:
  AgentLink& link_;
  const Assignment& assignment_;
  std::int64_t told_ = 0, acknowledged_ = 0;
};

class PrintingReporter final : public Reporter {
public:
  explicit PrintingReporter(std::ostream& out) : out_(out) {}

  template <HasFields Report> void print(const char* type, const Report& report) {
    Json line = to_json_all(report);
    line["type"] = type;
    out_ << line.dump() << std::endl;
  }
  void step() override {}
  void epoch(const EpochReport& report) override {
    print("epoch", report);
    acknowledged_ = report.epoch;
  }
  void evaluation(const EvaluationReport& report) override { print("evaluation", report); }
  void settle() override {}
  std::int64_t acknowledged() const override { return acknowledged_; }
  bool draining() override { return false; }

private:
  std::ostream& out_;
  std::int64_t acknowledged_ = 0;
};

std::unique_ptr<Communicator> make_communicator(AgentLink& link, const Assignment& assignment, [[maybe_unused]] at::Device device) {
  const auto size = static_cast<std::int64_t>(assignment.ranks.size());
  if (size <= 1) return make_single_communicator();
  auto shared = make_shared_communicator(link, assignment.group_id, assignment.index, size);
#ifdef STDUALX_WITH_CUDA
  if (device.is_cuda()) {
    // While NCCL runs, the agents tell a broken group on the control socket.
    const auto look = [&link, group_id = assignment.group_id] {
      while (const auto message = link.take("collective_done"))
        if (const auto done = message->as<CollectiveDone>(); done.group_id == group_id && done.broken)
          throw GroupBroken("a member of group " + std::to_string(group_id) + " died or left");
    };
    return make_nccl_communicator(*shared, make_cuda_queue(device), {look});
  }
#endif
  return shared;
}

void check_group(const Assignment& assignment) {
  const auto members = static_cast<std::int64_t>(assignment.ranks.size());
  // The evaluation of finished weights is the same on any number of ranks.
  if (!assignment.evaluate_only && std::max<std::int64_t>(members, 1) != assignment.run.world_size)
    throw InputError("run " + assignment.run_id + " is defined for " + std::to_string(assignment.run.world_size) +
                     " ranks, but its assignment names " + std::to_string(members));
}

AttemptResult train(const Assignment& assignment, Communicator& communicator, at::Device device, const OpenData& open_data,
                    Reporter& reporter, Pack* pack = nullptr) {
  check_group(assignment);
  at::set_num_threads(static_cast<int>(assignment.run.threads));
  const auto data = open_data(assignment);
  return run_attempt(assignment, *data, communicator, device, reporter, pack);
}
} // namespace

void serve(AgentLink& link, at::Device device, const OpenData& open_data, const BuildId& build) {
  try {
    fault_point(FaultPoint::trainer_starts);
    Placement here = this_placement(device);
    here.build = build;
    link.send(Message::of("ready", here));
    while (true) {
      const auto assignment = link.wait_for("assign").as<Assignment>();
      if (assignment.pack > 1) {
        serve_pack(link, assignment, [&](const Assignment& each, Reporter& reporter, Pack* pack) {
          const auto communicator = make_communicator(link, each, device);
          return train(each, *communicator, device, open_data, reporter, pack);
        });
        continue;
      }
      AgentReporter reporter(link, assignment);
      const AttemptEnd end = end_of_attempt(assignment, [&] {
        const auto communicator = make_communicator(link, assignment, device);
        return train(assignment, *communicator, device, open_data, reporter);
      });
      link.send(Message::of("end", end));
      for (bool free = false; !free;) {
        const auto acknowledge = link.wait_for("acknowledge").as<Acknowledge>();
        free = acknowledge.run_id == assignment.run_id && acknowledge.attempt == assignment.attempt && acknowledge.epoch == 0;
      }
      if (end.reason == "complete") remove_all_checkpoints(assignment);
    }
  } catch (const ExitRequested&) {
  } catch (const PeerGone&) { // the agent is gone: so is everyone who could read a report
  }
}

AttemptEnd run_alone(Assignment assignment, std::int64_t threads, at::Device device, const OpenData& open_data, std::ostream& out) {
  if (threads > 0) assignment.run.threads = threads;
  PrintingReporter reporter(out);
  const AttemptEnd end = end_of_attempt(assignment, [&] {
    const auto communicator = make_single_communicator();
    return train(assignment, *communicator, device, open_data, reporter);
  });
  reporter.print("end", end);
  if (end.reason == "complete") remove_all_checkpoints(assignment);
  return end;
}

} // namespace stdualx
