// A trainer that was given several assignments at once, message by message.
#include "training_agent.h"
#include "training_fixture.h"
#include "worker/trainer/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

namespace stdualx {
namespace {

using test::RecordingReporter;
using test::SyntheticWindows;
using test::TestAgent;

class PackServer : public ::testing::Test {
protected:
  PackServer() : link(agent.trainer_end()), thread([this] { serve(*link, at::kCPU, open); }) { agent.expect("ready"); }
  ~PackServer() override {
    try {
      agent.socket.send({"exit"});
    } catch (const PeerGone&) {
    }
  }

  Assignment member(std::int64_t number, std::int64_t pack, const std::filesystem::path& store = {}) const {
    Assignment assignment = test::small_assignment(store);
    assignment.run.seed = number;
    assignment.run.training.epochs = 2 + number;
    assignment.run_id = run_identity(assignment.run);
    assignment.pack = pack;
    return assignment;
  }
  void assign(const Assignment& assignment) { agent.socket.send(Message::of("assign", assignment)); }
  /// Takes what comes, and acknowledges all of it, until so many have ended. Notes hashes and ends by run.
  void serve_until(std::size_t ends_wanted) {
    while (ends.size() < ends_wanted) {
      const auto message = agent.socket.receive(60000);
      ASSERT_TRUE(message) << "no message within a minute";
      if (message->type == "epoch") {
        const auto report = message->as<EpochReport>();
        hashes[report.run_id].push_back(report.state_hash_after);
        checkpoints[report.run_id] = report.checkpoint_path;
        if (on_epoch) on_epoch(report);
        agent.acknowledge(report.run_id, report.attempt, report.epoch);
      } else if (message->type == "end") {
        const auto end = message->as<AttemptEnd>();
        ends[end.run_id] = end.reason;
        agent.acknowledge(end.run_id, end.attempt, 0);
      } else {
        ASSERT_EQ(message->type, "evaluation");
        ++evaluations;
      }
    }
  }
  std::vector<std::string> hashes_alone(const Assignment& assignment) const {
    RecordingReporter reporter;
    const auto communicator = make_single_communicator();
    at::set_num_threads(1);
    Assignment own = assignment;
    own.store_directory.clear();
    run_attempt(own, data.attempt_data(), *communicator, at::kCPU, reporter);
    std::vector<std::string> all;
    for (const EpochReport& report : reporter.epochs) all.push_back(report.state_hash_after);
    return all;
  }

  SyntheticWindows data;
  static constexpr std::int64_t of_broken_data = 2; // the seed of a run whose windows are standardised to no numbers
  OpenData open = [this](const Assignment& assignment) {
    auto opened = std::make_shared<AttemptData>(data.attempt_data());
    if (assignment.run.seed == of_broken_data) opened->windows.deviation.assign(6, 1e-39f);
    return std::shared_ptr<const AttemptData>(opened);
  };
  TestAgent agent;
  std::unique_ptr<AgentLink> link;
  std::jthread thread;
  std::map<std::string, std::vector<std::string>> hashes;
  std::map<std::string, std::string> checkpoints, ends;
  std::size_t evaluations = 0;
  std::function<void(const EpochReport&)> on_epoch;
};

TEST_F(PackServer, TrainsWhatItWasGivenTogetherEachWithItsOwnMessages) {
  std::vector<Assignment> members;
  for (const std::int64_t number : {0, 1, 3, 4}) {
    members.push_back(member(number, 3));
    assign(members.back());
  }
  serve_until(4);
  EXPECT_EQ(evaluations, 8u);
  for (const Assignment& assignment : members) {
    EXPECT_EQ(ends[assignment.run_id], "complete");
    EXPECT_EQ(hashes[assignment.run_id], hashes_alone(assignment));
  }
  // And then what it is given next, by itself.
  const Assignment next = member(7, 1);
  assign(next);
  serve_until(5);
  EXPECT_EQ(hashes[next.run_id], hashes_alone(next));
}

TEST_F(PackServer, TakesAnAssignmentInTheMiddleOfOthers) {
  const Assignment first = member(4, 2), late = member(1, 2);
  on_epoch = [&](const EpochReport& report) {
    if (report.epoch == 2 && report.run_id == first.run_id) assign(late);
  };
  assign(first);
  serve_until(2);
  EXPECT_EQ(hashes[first.run_id], hashes_alone(first));
  EXPECT_EQ(hashes[late.run_id], hashes_alone(late));
}

TEST_F(PackServer, DrainsAllOfThemAfterTheirRunningEpochs) {
  const test::TemporaryFolder store;
  const std::vector<Assignment> members = {member(20, 2, store.path), member(21, 2, store.path)};
  bool told = false;
  on_epoch = [&](const EpochReport&) {
    if (!std::exchange(told, true)) agent.socket.send({"drain"});
  };
  for (const Assignment& assignment : members) assign(assignment);
  serve_until(2);
  for (const Assignment& assignment : members) {
    EXPECT_EQ(ends[assignment.run_id], "drained");
    EXPECT_LE(hashes[assignment.run_id].size(), 3u);
    EXPECT_TRUE(std::filesystem::exists(store.path / checkpoints[assignment.run_id]));
  }
}

TEST_F(PackServer, EndsARunWhoseLossIsNoNumberAndGoesOnWithTheOthers) {
  const Assignment bad = member(of_broken_data, 2);
  const Assignment good = member(3, 2);
  assign(bad);
  assign(good);
  serve_until(2);
  EXPECT_EQ(ends[bad.run_id], "not_finite");
  EXPECT_EQ(ends[good.run_id], "complete");
  EXPECT_EQ(hashes[good.run_id], hashes_alone(good));
}

TEST_F(PackServer, LeavesInTheMiddleOfAllWhenTheAgentSaysExit) {
  assign(member(30, 2));
  assign(member(31, 2));
  agent.expect("epoch");
  agent.socket.send({"exit"});
  thread.join(); // hangs where one of them waits for the others
  EXPECT_GT(agent.steps(), 0u);
}

} // namespace
} // namespace stdualx
