// Assignments on threads, and the agent's messages to whom they are for.
#include "worker/trainer/pack_server.h"

#include "experiments/spec/fault.h"
#include "worker/training/pack.h"

#include <algorithm>
#include <deque>
#include <list>

namespace stdualx {

namespace {

class PackServer {
public:
  PackServer(AgentLink& link, std::int64_t places, const TrainAssignment& train)
      : link_(link), train_(train), turns_([this] { link_.wait(); }), pack_(places, turns_) {}

  void serve(const Assignment& first) {
    struct Ended { // before what the threads work with is gone
      ~Ended() { turns.let_all_end(); }
      Turns& turns;
    };
    const Ended ended{turns_};
    begin(first);
    while (!seats_.empty()) {
      turns_.wait([this] {
        if (failure_) std::rethrow_exception(failure_);
        look();
        return !assigned_.empty() || seats_.empty();
      });
      for (; !assigned_.empty(); assigned_.pop_front()) begin(assigned_.front());
    }
    if (failure_) std::rethrow_exception(failure_);
  }

private:
  /// An assignment at work, and what the agent said of it.
  struct Seat {
    Assignment assignment;
    std::int64_t acknowledged = 0;
    bool is_free = false; // the end is acknowledged, too
  };

  class SeatReporter final : public Reporter {
  public:
    SeatReporter(PackServer& server, const Seat& seat) : server_(server), seat_(seat) {}
    void step() override {
      server_.link_.memory.count_step();
      fault_point(FaultPoint::trainer_step);
      server_.turns_.yield();
    }
    void epoch(const EpochReport& report) override {
      settle();
      server_.link_.send(Message::of("epoch", report));
      told_ = report.epoch;
    }
    void evaluation(const EvaluationReport& report) override { server_.link_.send(Message::of("evaluation", report)); }
    void settle() override {
      server_.turns_.wait([this] { return seat_.acknowledged >= told_; });
    }
    std::int64_t acknowledged() const override { return seat_.acknowledged; }
    bool draining() override { return server_.link_.draining(); }

  private:
    PackServer& server_;
    const Seat& seat_;
    std::int64_t told_ = 0;
  };

  void begin(const Assignment& assignment) {
    Seat& seat = seats_.emplace_back(Seat{.assignment = assignment});
    turns_.start([this, &seat] {
      try {
        work(seat);
      } catch (const ExitRequested&) { // who waits for assignments hears the same
      } catch (const PeerGone&) {
      } catch (...) {
        failure_ = std::current_exception();
      }
      seats_.remove_if([&](const Seat& each) { return &each == &seat; });
    });
  }

  void work(Seat& seat) {
    SeatReporter reporter(*this, seat);
    const AttemptEnd end = end_of_attempt(seat.assignment, [&] { return train_(seat.assignment, reporter, &pack_); });
    link_.send(Message::of("end", end));
    turns_.wait([&] { return seat.is_free; });
    if (end.reason == "complete") remove_all_checkpoints(seat.assignment);
  }

  /// Takes what the agent has said meanwhile. An exit counts after the acknowledgements before it, which let checkpoints go.
  void look() {
    bool delivered = false;
    try {
      while (const auto message = link_.take("acknowledge")) {
        deliver(message->as<Acknowledge>());
        delivered = true;
      }
    } catch (const ExitRequested&) {
      if (!delivered) throw;
      return;
    }
    while (const auto message = link_.take("assign")) assigned_.push_back(message->as<Assignment>());
  }

  void deliver(const Acknowledge& acknowledge) {
    for (Seat& seat : seats_) { // one of an earlier attempt may still be on its way: it is for nobody
      if (seat.assignment.run_id != acknowledge.run_id || seat.assignment.attempt != acknowledge.attempt) continue;
      if (acknowledge.epoch == 0) seat.is_free = true;
      else seat.acknowledged = acknowledge.epoch;
    }
  }

  AgentLink& link_;
  const TrainAssignment& train_;
  Turns turns_;
  Pack pack_;
  std::list<Seat> seats_;
  std::deque<Assignment> assigned_; // and not begun
  std::exception_ptr failure_;      // of a line that failed otherwise than by its end
};

} // namespace

void serve_pack(AgentLink& link, const Assignment& first, const TrainAssignment& train) {
  PackServer(link, std::max<std::int64_t>(first.pack, 1), train).serve(first);
}

} // namespace stdualx
