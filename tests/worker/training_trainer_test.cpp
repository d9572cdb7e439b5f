// The trainer's protocol with its agent, message by message, and its stand-alone form.
#include "training_agent.h"
#include "training_fixture.h"
#include "worker/trainer/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace stdualx {
namespace {

using test::SyntheticWindows;
using test::TestAgent;

/// A trainer on a thread, on synthetic data.
class Trainer : public ::testing::Test {
protected:
  Trainer() : link(agent.trainer_end()), thread([this] { serve(*link, at::kCPU, open); }) {}
  ~Trainer() override {
    try {
      agent.socket.send({"exit"});
    } catch (const PeerGone&) {
    }
  }

  void assign(const Assignment& assignment) { agent.socket.send(Message::of("assign", assignment)); }
  /// Takes the epochs up to `last`, acknowledging each.
  void take_epochs(const Assignment& assignment, std::int64_t last) {
    for (std::int64_t epoch = 1; epoch <= last; ++epoch) {
      EXPECT_EQ(agent.expect("epoch").as<EpochReport>().epoch, epoch);
      agent.acknowledge(assignment.run_id, assignment.attempt, epoch);
    }
  }
  AttemptEnd take_end(const Assignment& assignment) {
    const auto end = agent.expect("end").as<AttemptEnd>();
    EXPECT_EQ(end.run_id, assignment.run_id);
    agent.acknowledge(assignment.run_id, assignment.attempt, 0);
    return end;
  }

  SyntheticWindows data;
  OpenData open = [this](const Assignment&) { return std::make_shared<const AttemptData>(data.attempt_data()); };
  TestAgent agent;
  std::unique_ptr<AgentLink> link;
  std::jthread thread;
};

TEST_F(Trainer, SaysReadyTrainsReportsAndTakesTheNext) {
  const auto placement = agent.expect("ready").as<Placement>();
  EXPECT_EQ(placement.device, "cpu");
  EXPECT_EQ(placement.pid, ::getpid());
  for (std::int64_t attempt = 1; attempt <= 2; ++attempt) {
    Assignment assignment = test::small_assignment();
    assignment.attempt = attempt;
    assign(assignment);
    take_epochs(assignment, 3);
    EXPECT_EQ(agent.expect("evaluation").as<EvaluationReport>().part, "validation");
    EXPECT_EQ(agent.expect("evaluation").as<EvaluationReport>().part, "test");
    EXPECT_EQ(take_end(assignment).reason, "complete");
  }
  EXPECT_EQ(agent.steps(), 2 * (3 * (4 + 1) + 2 + 1)) << "each step and evaluation batch is counted";
}

TEST_F(Trainer, IsAtMostOneEpochAhead) {
  agent.expect("ready");
  const Assignment assignment = test::small_assignment();
  assign(assignment);
  agent.expect("epoch");
  // Epoch 2 is trained but not told. Its last evaluation batch is counted before the trainer waits.
  while (agent.steps() < 2 * (4 + 1)) std::this_thread::yield();
  EXPECT_FALSE(agent.socket.receive(100)) << "an epoch was told while the one before it is not acknowledged";
  agent.acknowledge(assignment.run_id, assignment.attempt + 7, 1);
  EXPECT_FALSE(agent.socket.receive(100)) << "the acknowledgement was another attempt's";
  agent.acknowledge(assignment.run_id, assignment.attempt, 1);
  EXPECT_EQ(agent.expect("epoch").as<EpochReport>().epoch, 2);
}

TEST_F(Trainer, DrainsAndWaitsForTheAcknowledgement) {
  agent.expect("ready");
  const test::TemporaryFolder store;
  const Assignment assignment = test::small_assignment(store.path);
  assign(assignment);
  agent.socket.send({"drain"});
  const auto report = agent.expect("epoch").as<EpochReport>();
  EXPECT_FALSE(agent.socket.receive(100)) << "the end was told before the epoch was acknowledged";
  agent.acknowledge(assignment.run_id, assignment.attempt, report.epoch);
  EXPECT_EQ(take_end(assignment).reason, "drained");
  EXPECT_TRUE(std::filesystem::exists(store.path / report.checkpoint_path));
}

TEST_F(Trainer, RemovesCheckpointsOnlyAfterTheEndIsAcknowledged) {
  agent.expect("ready");
  const test::TemporaryFolder store;
  Assignment assignment = test::small_assignment(store.path);
  assign(assignment);
  take_epochs(assignment, 3);
  agent.expect("evaluation");
  agent.expect("evaluation");
  agent.expect("end");
  const auto folder = store.path / assignment.run_id / "1";
  EXPECT_TRUE(std::filesystem::exists(folder / "epoch-000003.safetensors"));
  agent.acknowledge(assignment.run_id, assignment.attempt, 0);
  Assignment next = test::small_assignment();
  assign(next);
  agent.expect("epoch"); // so the tidying is over
  EXPECT_FALSE(std::filesystem::exists(folder / "epoch-000003.safetensors"));
  EXPECT_TRUE(std::filesystem::exists(folder / "best.safetensors"));
}

TEST_F(Trainer, SurvivesARunThatFails) {
  agent.expect("ready");
  open = [](const Assignment&) -> std::shared_ptr<const AttemptData> { throw InputError("no such data set; did you mean 'uci_har'?"); };
  const Assignment assignment = test::small_assignment();
  assign(assignment);
  const AttemptEnd end = take_end(assignment);
  EXPECT_EQ(end.reason, "error");
  EXPECT_EQ(end.detail, "no such data set; did you mean 'uci_har'?");
  assign(assignment);
  EXPECT_EQ(take_end(assignment).reason, "error") << "it takes the next assignment";
}

TEST_F(Trainer, RefusesAGroupOfAnotherSizeThanTheRunIsDefinedFor) {
  agent.expect("ready");
  Assignment assignment = test::small_assignment();
  assignment.run.world_size = 2;
  assign(assignment);
  const AttemptEnd end = take_end(assignment);
  EXPECT_EQ(end.reason, "error");
  EXPECT_THAT(end.detail, ::testing::HasSubstr("2 ranks"));
}

TEST_F(Trainer, AbandonsABrokenGroupAndIsReadyForTheNext) {
  agent.expect("ready");
  Assignment assignment = test::small_assignment();
  assignment.run.world_size = 2;
  assignment.ranks = {1, 2};
  assignment.group_id = 6;
  assign(assignment);
  const auto request = agent.expect("collective").as<Collective>();
  EXPECT_EQ(request.group_id, 6);
  agent.socket.send(Message::of("collective_done", CollectiveDone{6, request.sequence, true}));
  EXPECT_EQ(take_end(assignment).reason, "group_broken");
  const Assignment next = test::small_assignment();
  assign(next);
  take_epochs(next, 1);
}

TEST_F(Trainer, LeavesInTheMiddleOfTrainingWhenToldTo) {
  agent.expect("ready");
  Assignment assignment = test::small_assignment();
  assignment.run.training.epochs = 100000;
  assign(assignment);
  agent.expect("epoch");
  agent.socket.send({"exit"});
  thread.join();
}

TEST(TrainerAlone, PrintsItsReportsAsLinesOfJson) {
  const SyntheticWindows data;
  std::ostringstream out;
  const auto open = [&](const Assignment&) { return std::make_shared<const AttemptData>(data.attempt_data()); };
  EXPECT_EQ(run_alone(test::small_assignment(), 1, at::kCPU, open, out).reason, "complete");
  std::vector<std::string> types;
  std::istringstream lines(out.str());
  for (std::string line; std::getline(lines, line);) types.push_back(Json::parse(line)["type"]);
  EXPECT_EQ(types, (std::vector<std::string>{"epoch", "epoch", "epoch", "evaluation", "evaluation", "end"}));
}

} // namespace
} // namespace stdualx
