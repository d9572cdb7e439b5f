// Threads of which one goes on at a time: the runs of a pack. Each is written as if it were alone, and waits here for what the others do;
// all that they share is seen by the one whose turn it is, so that nothing of it needs a lock.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <list>
#include <mutex>
#include <thread>

namespace stdualx {

class Turns {
public:
  /// `idle`: waits for something from outside, when nobody can go on. What it throws ends everyone's wait. The thread that makes this has
  /// the turn.
  explicit Turns(std::function<void()> idle) : idle_(std::move(idle)) {}
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;

  /// Returns once `ready` says true, asked by whoever has the turn; those that waited longer go first. Throws what `idle` or somebody's
  /// `ready` threw, to each who waits then or later. Called by the thread whose turn it is.
  void wait(const std::function<bool()>& ready);
  /// Lets those go on that can.
  void yield() {
    wait([] { return true; });
  }

  /// Starts a thread that takes part: `body` begins when its turn comes. `body` throws nothing.
  void start(std::function<void()> body);
  /// Waits until the body of every thread has returned. Throws nothing: whoever leaves by an exception calls this first.
  void let_all_end();

private:
  struct Waiter {
    const std::function<bool()>& ready;
    bool in_any_case = false; // waits for `ready` also when nothing is left to wait for
    std::condition_variable go_on = {};
    bool has_turn = false;
  };
  void pass_on();
  void sleep(Waiter& waiter);

  std::function<void()> idle_;
  std::mutex mutex_;           // of every has_turn; all else belongs to whoever has the turn
  std::list<Waiter*> waiters_; // in the order in which they came
  std::exception_ptr over_;
  struct Started {
    bool ended = false;
    std::jthread thread = {};
  };
  std::list<Started> threads_;
};

} // namespace stdualx
