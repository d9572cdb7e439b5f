// What the coordinator decided, while other processes' locks keep the store from being written: kept in order, and nobody is told too
// early.
#include "orchestrator/bookkeeper.h"

#include "experiments/spec/fault.h"
#include "results/database.h"
#include "results/reader.h"

#include <gmock/gmock.h>
#include <stdlib.h>

#include <optional>
#include <thread>

namespace stdualx {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class HeldUp : public ::testing::Test {
protected:
  std::filesystem::path folder = [] {
    std::string name = (std::filesystem::temp_directory_path() / "stdualx-bookkeeper-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    return name;
  }();
  Job job = [&] {
    Job made;
    RunSpec run;
    run.dataset = "made-up";
    run.dataset_hash = "0123456789abcdef0123456789abcdef";
    run.windows = {32, 16, 0.5};
    run.protocol.folds = 3;
    run.training.epochs = 2;
    made.plan.name = "small";
    made.plan.sweep_text = "{}";
    made.plan.sweep_id = sha256_hex("small");
    made.plan.runs.push_back({run_identity(run), run, run.dataset, {{}}});
    made.store = (folder / "results.db").string();
    made.store_directory = (folder / "results.db.d").string();
    return made;
  }();
  Store store = [&] {
    StoreOptions options;
    options.journal = JournalMode::rollback;
    return Store::open_for_writing(job.store, options);
  }();
  Coordinator coordinator = coordinator_of(store, job, 1);
  Progress progress{Progress::Mode::quiet, {80, 24}};
  std::vector<std::string> sent;
  std::optional<Bookkeeper> books;
  std::optional<Database> other; // another process's connection

  void SetUp() override {
    store.wait_for_locks(false);
    keep({});
  }
  ~HeldUp() override { std::filesystem::remove_all(folder); }
  void keep(UnwrittenLimits limits) {
    books.emplace(
        store, coordinator, progress, [this](int, const Message& message) { sent.push_back(message.type); }, limits);
  }
  void hold(const char* begin) {
    other.emplace(job.store, SQLITE_OPEN_READWRITE, 0);
    other->script(begin);
    other->integer("SELECT count(*) FROM runs");
  }
  void ready(double now) {
    coordinator.hear(1, Hello{"host"}, now);
    coordinator.hear(1, Placement{"host", 4711, "cpu", "platform", 1}, now);
    coordinator.on_tick(now);
  }
  void carry_out_and_commit() {
    books->carry_out();
    books->commit_if_due(false);
  }
  void until_written() {
    for (const auto late = std::chrono::steady_clock::now() + std::chrono::seconds(20);
         books->open() && std::chrono::steady_clock::now() < late; std::this_thread::sleep_for(std::chrono::milliseconds(1)))
      carry_out_and_commit();
  }
  std::int64_t attempts() {
    Reader reader(job.store);
    return std::get<std::int64_t>(reader.query("SELECT count(*) FROM attempts").rows.at(0).at(0));
  }
};

TEST_F(HeldUp, AMessageLeavesWhenTheReaderHasGoneAndNotBefore) {
  hold("BEGIN");
  ready(0);
  carry_out_and_commit();
  EXPECT_TRUE(books->held_up_since().has_value());
  EXPECT_TRUE(books->open());
  EXPECT_THAT(sent, IsEmpty()) << "an assignment whose attempt is not recorded";
  books->heartbeat(); // joins what waits
  other.reset();
  until_written();
  EXPECT_THAT(sent, ElementsAre("assign"));
  EXPECT_EQ(attempts(), 1);
  EXPECT_FALSE(books->held_up_since().has_value());
}

TEST_F(HeldUp, WhatCannotBeBegunForAWriterIsCarriedOutLaterInItsOrder) {
  hold("BEGIN IMMEDIATE");
  ready(0);
  carry_out_and_commit();
  books->heartbeat();
  EXPECT_FALSE(books->event("kind", "text"));
  EXPECT_TRUE(books->open());
  EXPECT_THAT(sent, IsEmpty());
  other.reset();
  until_written();
  EXPECT_THAT(sent, ElementsAre("assign"));
  EXPECT_EQ(attempts(), 1);
}

TEST_F(HeldUp, ADrainIsHeardAtOnceAndAgainAfterWhatWaitedBeforeIt) {
  hold("BEGIN");
  ready(0);
  carry_out_and_commit();
  coordinator.on_drain(1);
  carry_out_and_commit();
  EXPECT_THAT(sent, ElementsAre("drain"));
  other.reset();
  until_written();
  EXPECT_THAT(sent, ElementsAre("drain", "assign", "drain"));
}

TEST_F(HeldUp, TooMuchThatWaitsEndsTheJobAndSaysWhy) {
  for (const UnwrittenLimits limits : {UnwrittenLimits{0, 1000}, UnwrittenLimits{1 << 30, 0}}) {
    keep(limits);
    hold("BEGIN IMMEDIATE");
    ready(0);
    std::string message;
    try {
      carry_out_and_commit();
      coordinator.on_drain(1);
      carry_out_and_commit();
    } catch (const HeldUpError& error) {
      message = error.what();
    }
    EXPECT_THAT(message, HasSubstr("too much waits in memory to be written"));
    other.reset();
  }
}

TEST_F(HeldUp, TheLongerTheSeldomerItIsTried) {
  hold("BEGIN");
  ready(0);
  books->carry_out();
  set_fault(Fault{FaultPoint::store_before_commit, 1000000, FaultAction::kill}); // only counts
  for (const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(400); std::chrono::steady_clock::now() < end;)
    books->commit_if_due(false);
  const long tries = fault_count();
  set_fault(std::nullopt);
  EXPECT_GE(tries, 2);
  EXPECT_LT(tries, 20) << "1 ms between the first two, 200 at the end";
}

TEST_F(HeldUp, NobodysLeaseRunsWhileMessagesCannotLeave) {
  ready(0);
  carry_out_and_commit();
  ASSERT_THAT(sent, ElementsAre("assign"));
  sent.clear();
  const auto tick = [&](double now, bool held_up) {
    coordinator.hear(1, Heartbeat{}, now); // its agent lives
    coordinator.on_tick(now, held_up);
  };
  for (double now = 1; now < 2000; now += 0.5) tick(now, true);
  carry_out_and_commit();
  EXPECT_THAT(sent, IsEmpty());
  for (double now = 2000; now < 2400; now += 0.5) tick(now, false);
  carry_out_and_commit();
  EXPECT_THAT(sent, ElementsAre("abandon")) << "and then it runs again";
}

} // namespace
} // namespace stdualx
