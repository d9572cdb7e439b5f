// Who may ask the live page, without HTTP.
#include "orchestrator/served_answers.h"

#include "experiments/spec/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stdualx {
namespace {

using ::testing::HasSubstr;

std::string refusal(const std::string& address, std::int64_t port, const std::string& token) {
  try {
    check_serve_options(address, port, token);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(ServedAnswers, LoopbackIsServedWithoutATokenAndNothingElseIs) {
  for (const char* address : {"127.0.0.1", "127.1.2.3", "localhost", "::1"}) EXPECT_EQ(refusal(address, 8080, ""), "") << address;
  for (const char* address : {"0.0.0.0", "::", "192.168.1.2", "127.evil.org", "localhost.evil.org", "1127.0.0.1", "node7"})
    EXPECT_THAT(refusal(address, 8080, ""), HasSubstr("ssh -N -L 8080:127.0.0.1:8080")) << address;
  EXPECT_EQ(refusal("0.0.0.0", 0, "0123456789abcdef"), "");
}

TEST(ServedAnswers, ATokenThatIsShortOrDoesNotFitALinkIsRefused) {
  EXPECT_THAT(refusal("127.0.0.1", 80, "short"), HasSubstr("at least 16 letters, found 5"));
  EXPECT_THAT(refusal("127.0.0.1", 80, "0123456789abcde;"), HasSubstr("letters, digits"));
  EXPECT_THAT(refusal("127.0.0.1", 80, "0123456789abcde\r\nX: y"), HasSubstr("letters, digits"));
}

TEST(ServedAnswers, APortThatIsNoneIsRefused) {
  EXPECT_THAT(refusal("127.0.0.1", -1, ""), HasSubstr("found -1"));
  EXPECT_THAT(refusal("127.0.0.1", 65536, ""), HasSubstr("found 65536"));
}

TEST(ServedAnswers, OnlyTheWholeTokenIsTheToken) {
  EXPECT_TRUE(is_same_token("0123456789abcdef", "0123456789abcdef"));
  for (const char* other : {"", "0123456789abcde", "0123456789abcdeg", "1123456789abcdef", "0123456789abcdef0"})
    EXPECT_FALSE(is_same_token(other, "0123456789abcdef")) << other;
}

TEST(ServedAnswers, ANameThatWasMadeToPointHereIsNoLoopback) {
  for (const char* host : {"localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080", "[::1]"})
    EXPECT_TRUE(is_host_of_loopback(host)) << host;
  for (const char* host : {"", "evil.org", "evil.org:8080", "localhost.evil.org", "127.0.0.1.evil.org", "[::1].evil.org", "[::2]:80"})
    EXPECT_FALSE(is_host_of_loopback(host)) << host;
}

} // namespace
} // namespace stdualx
