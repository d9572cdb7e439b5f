// The trainer's line to its agent, and the group over shared memory, with a tiny agent at the other end.
#include "training_agent.h"
#include "training_fixture.h"
#include "worker/training/communicator_shared.h"

#include <gtest/gtest.h>

namespace stdualx {
namespace {

using test::TestAgent;

TEST(AgentLinkTest, KeepsWhatArrivesOutOfTurnInOrder) {
  TestAgent agent;
  const auto link = agent.trainer_end();
  agent.acknowledge("run", 1, 1);
  agent.acknowledge("run", 1, 2);
  agent.socket.send({"drain"});
  agent.socket.send(Message::of("collective_done", CollectiveDone{4, 5, false}));
  EXPECT_EQ(link->wait_for("collective_done").as<CollectiveDone>().sequence, 5);
  EXPECT_TRUE(link->draining());
  EXPECT_EQ(link->wait_for("acknowledge").as<Acknowledge>().epoch, 1);
  EXPECT_EQ(link->take("acknowledge")->as<Acknowledge>().epoch, 2);
  EXPECT_FALSE(link->take("acknowledge"));
  agent.socket.send({"assign"});
  EXPECT_FALSE(link->draining()) << "a new assignment is not drained by what came before it";
  agent.socket.send({"assign"});
  agent.socket.send({"drain"});
  link->wait_for("assign");
  link->wait_for("assign");
  EXPECT_TRUE(link->draining()) << "a drain right behind the assignment is not lost";
}

TEST(AgentLinkTest, LeavesOnExitAndWhenTheAgentIsGone) {
  {
    TestAgent agent;
    const auto link = agent.trainer_end();
    agent.socket.send({"exit"});
    EXPECT_THROW(link->draining(), ExitRequested);
  }
  std::unique_ptr<AgentLink> link;
  {
    TestAgent agent;
    link = agent.trainer_end();
  }
  EXPECT_THROW(link->wait_for("assign"), PeerGone);
}

TEST(AgentLinkTest, CountsStepsWhereTheAgentSeesThem) {
  TestAgent agent;
  const auto link = agent.trainer_end();
  for (int i = 0; i < 5; ++i) link->memory.count_step();
  link->memory.values(1 << 20); // growing moves the mapping, not the counter
  link->memory.count_step();
  EXPECT_EQ(agent.steps(), 6u);
}

TEST(SharedCommunicatorTest, SumsBothTypesAndGrowsItsMemory) {
  std::vector<TestAgent> agents(2);
  std::vector<std::unique_ptr<AgentLink>> links;
  for (auto& agent : agents) links.push_back(agent.trainer_end());
  std::jthread serving([&] {
    for (int i = 0; i < 3; ++i)
      test::serve_collective({&agents[0], &agents[1]}, {agents[0].expect("collective"), agents[1].expect("collective")});
  });
  std::vector<std::jthread> trainers;
  for (std::size_t rank = 0; rank < 2; ++rank)
    trainers.emplace_back([&, rank] {
      const auto communicator = make_shared_communicator(*links[rank], 9, static_cast<std::int64_t>(rank), 2);
      const auto mine = static_cast<double>(rank + 1);
      at::Tensor floats = at::full({3}, mine, at::kFloat), many = at::full({300000}, mine, at::kDouble), none = at::empty({0});
      communicator->all_reduce_sum(floats);
      communicator->all_reduce_sum(none); // asks for nothing
      communicator->all_reduce_sum(many);
      at::Tensor column = at::zeros({4, 2}).select(1, 0); // a strided view is written back too
      column.fill_(mine);
      communicator->all_reduce_sum(column);
      EXPECT_TRUE(at::equal(floats, at::full({3}, 3.0f)));
      EXPECT_TRUE(at::equal(many, at::full({300000}, 3.0, at::kDouble)));
      EXPECT_TRUE(at::equal(column, at::full({4}, 3.0f)));
      EXPECT_GT(communicator->take_seconds(), 0);
      EXPECT_EQ(communicator->take_seconds(), 0);
    });
}

TEST(SharedCommunicatorTest, BreaksWhenTheAgentsSaySoAndSkipsAnswersOfAnEarlierGroup) {
  TestAgent agent;
  const auto link = agent.trainer_end();
  agent.socket.send(Message::of("collective_done", CollectiveDone{8, 0, false})); // left over from group 8
  agent.socket.send(Message::of("collective_done", CollectiveDone{9, 0, true}));
  const auto communicator = make_shared_communicator(*link, 9, 0, 2);
  at::Tensor values = at::ones({3});
  EXPECT_THROW(communicator->all_reduce_sum(values), GroupBroken);
  EXPECT_TRUE(at::equal(values, at::ones({3}))) << "nothing is written when the group breaks";
}

TEST(SharedCommunicatorTest, TwoTrainersTakeTheStepsOfTwoThreads) {
  const test::SyntheticWindows data;
  std::vector<std::int64_t> rows(15);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::int64_t>(i);
  const auto train = [&](Communicator& communicator) {
    at::set_num_threads(1);
    RunSpec run = test::small_run();
    run.training.epochs = 1;
    Training training(run, data.windows(), rows, communicator, at::kCPU);
    const double loss = training.train_epoch([] {}).train_loss;
    return std::pair(loss, training.gradient().clone());
  };
  std::pair<double, at::Tensor> in_threads, in_trainers;
  test::ThreadGroup group(2);
  test::run_ranks(group, [&](std::int64_t rank) {
    test::ThreadCommunicator communicator(group, rank);
    const auto result = train(communicator);
    if (rank == 0) in_threads = result;
  });

  std::vector<TestAgent> agents(2);
  std::vector<std::unique_ptr<AgentLink>> links;
  for (auto& agent : agents) links.push_back(agent.trainer_end());
  std::jthread serving([&] {
    while (true) { // until both trainers say they are done
      const auto first = agents[0].socket.receive(60000), second = agents[1].socket.receive(60000);
      if (!first || !second || first->type != "collective" || second->type != "collective") return;
      test::serve_collective({&agents[0], &agents[1]}, {*first, *second});
    }
  });
  {
    std::vector<std::jthread> trainers;
    for (std::size_t rank = 0; rank < 2; ++rank)
      trainers.emplace_back([&, rank] {
        const auto communicator = make_shared_communicator(*links[rank], 1, static_cast<std::int64_t>(rank), 2);
        const auto result = train(*communicator);
        if (rank == 0) in_trainers = result;
        links[rank]->send({"end"});
      });
  }
  EXPECT_EQ(in_trainers.first, in_threads.first) << "both add in rank order, so to the bit";
  EXPECT_TRUE(at::equal(in_trainers.second, in_threads.second));
}

} // namespace
} // namespace stdualx
