// Messages over a real socket pair: whole, in order, at any size; damage and death are seen.
#include "worker/messages/messages.h"

#include <gtest/gtest.h>

#include <sys/socket.h>
#include <unistd.h>

#include <cmath>
#include <limits>
#include <thread>

namespace stdualx {
namespace {

std::pair<MessageSocket, MessageSocket> sockets() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) throw std::runtime_error("socketpair");
  return {MessageSocket(ends[0]), MessageSocket(ends[1])};
}

TEST(Messages, AReportSurvivesWithItsNaN) {
  EpochReport report;
  report.run_id = "a";
  report.validation_loss = std::numeric_limits<double>::quiet_NaN();
  report.train_loss = 0.1;
  const EpochReport back = decode(encode(Message::of("epoch", report))).as<EpochReport>();
  EXPECT_TRUE(std::isnan(back.validation_loss));
  EXPECT_EQ(back.train_loss, 0.1);
}

TEST(Messages, AnAssignmentSaysWhatDiffersFromTheOneBefore) {
  AssignmentLine coordinator, agent;
  Assignment assignment;
  assignment.run_id = "a";
  assignment.run.variant = "without_csa";
  assignment.run.training.learning_rate = 0.125;
  assignment.run.model.stdat = false;
  assignment.store_directory = "/store.d";
  assignment.ranks = {1, 2};
  assignment.evaluations = {{"clean"}, {"noise/10/1"}};
  const auto crosses = [&] {
    const Bytes bytes = encode(coordinator.pack(assignment));
    EXPECT_EQ(to_json_all(agent.unpack(decode(bytes))), to_json_all(assignment));
    return bytes.size();
  };
  crosses();
  assignment.run_id = "b";
  assignment.run.seed = 7;
  EXPECT_LT(crosses(), 60) << "an identity and a seed";
  assignment.run.model.stdat = true; // back at the defaults, which must be said now
  assignment.run.training.learning_rate = TrainingConfig().learning_rate;
  assignment.ranks = {2};
  assignment.evaluations = {};
  assignment.resume_path = "b/1/checkpoint";
  crosses();
  assignment.resume_path = "";
  crosses();
}

TEST(Messages, ComeWholeAndInOrderAtAnySize) {
  auto [one, two] = sockets();
  std::jthread sender([&one = one] {
    for (std::size_t size : {std::size_t{0}, std::size_t{10}, std::size_t{1000000}, std::size_t{3}})
      one.send({"text", {{"value", std::string(size, 'x')}}});
  });
  for (std::size_t size : {std::size_t{0}, std::size_t{10}, std::size_t{1000000}, std::size_t{3}}) {
    std::optional<Message> message;
    while (!message) message = two.receive(1000);
    EXPECT_EQ(message->body["value"].get<std::string>().size(), size);
  }
}

TEST(Messages, AClosedPeerIsSeen) {
  auto [one, two] = sockets();
  { const MessageSocket gone = std::move(one); }
  EXPECT_THROW(two.receive(1000), PeerGone);
}

TEST(Messages, DamagedBytesAreRefused) {
  EXPECT_THROW(decode(Bytes{0xff, 0x00, 0x13}), ProtocolError);
  EXPECT_THROW(decode(Json::to_cbor(Json::array({1, 2}))), ProtocolError);
  // An array of 2^63 + 1 entries: found by tests/fuzz; the library throws of it even where it is told not to.
  EXPECT_THROW(decode(Bytes{0x9b, 0x80, 0, 0, 0, 0, 0, 0, 1, 0x01}), ProtocolError);
  EXPECT_THROW(decode(Bytes(1'000'000, 0x81)), ProtocolError) << "a million arrays inside one another";
  auto [one, two] = sockets();
  const std::uint8_t frame[4] = {0xff, 0xff, 0xff, 0xff};
  ASSERT_EQ(::write(one.descriptor(), frame, 4), 4);
  EXPECT_THROW(two.receive(1000), ProtocolError);
}

} // namespace
} // namespace stdualx
