// Handing on a turn. See the header.
#include "worker/training/turns.h"

#include <algorithm>
#include <memory>

namespace stdualx {

/// Gives the turn to the first who can go on. There is always somebody: whoever calls has queued, or leaves others behind.
void Turns::pass_on() {
  while (!waiters_.empty()) {
    const auto can_go_on = [this](Waiter* waiter) {
      if (over_ && !waiter->in_any_case) return true;
      try {
        return waiter->ready();
      } catch (...) {
        over_ = std::current_exception();
        return true;
      }
    };
    if (const auto next = std::ranges::find_if(waiters_, can_go_on); next != waiters_.end()) {
      Waiter* const chosen = *next;
      waiters_.erase(next);
      const std::lock_guard lock(mutex_);
      chosen->has_turn = true;
      chosen->go_on.notify_one(); // under the lock: it must not be gone before it was told
      return;
    }
    try {
      idle_();
    } catch (...) {
      over_ = std::current_exception();
    }
  }
}

void Turns::sleep(Waiter& waiter) {
  std::unique_lock lock(mutex_);
  waiter.go_on.wait(lock, [&] { return waiter.has_turn; });
}

void Turns::wait(const std::function<bool()>& ready) {
  Waiter self{.ready = ready};
  waiters_.push_back(&self);
  pass_on();
  sleep(self);
  if (over_) std::rethrow_exception(over_);
}

void Turns::start(std::function<void()> body) {
  std::erase_if(threads_, [](const Started& started) { return started.ended; });
  // It queues before its thread runs: else nobody would know of it who looks for somebody to go on.
  static const std::function<bool()> at_once = [] { return true; };
  const std::shared_ptr<Waiter> first(new Waiter{.ready = at_once});
  waiters_.push_back(first.get());
  Started& started = threads_.emplace_back();
  started.thread = std::jthread([this, first, &started, body = std::move(body)] {
    sleep(*first);
    body();
    started.ended = true;
    pass_on();
  });
}

void Turns::let_all_end() {
  const std::function<bool()> all_ended = [this] { return std::ranges::all_of(threads_, &Started::ended); };
  Waiter self{.ready = all_ended, .in_any_case = true};
  waiters_.push_back(&self);
  pass_on();
  sleep(self);
  threads_.clear();
}

} // namespace stdualx
