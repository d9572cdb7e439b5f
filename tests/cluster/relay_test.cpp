// What a child writes is taken whatever becomes of the place where it is to go.
#include "cluster/relay.h"

#include "cluster/suspend.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <string>
#include <vector>

namespace stdualx {

namespace {

/// Writes `text` as a child would, moving the relay on as often as it says that there is something to do.
void say(Relay& relay, const Descriptor& child, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t count = ::write(child.get(), text.data() + done, std::min<std::size_t>(text.size() - done, 1000));
    ASSERT_GT(count, 0);
    done += static_cast<std::size_t>(count);
    for (int i = 0; i < 4; ++i) {
      pollfd watched = relay.to_watch();
      if (::poll(&watched, 1, 0) > 0) relay.move_on();
    }
  }
}

std::string read_all(int descriptor) {
  std::string text;
  char chunk[4096];
  for (ssize_t count; (count = ::read(descriptor, chunk, sizeof chunk)) > 0;) text.append(chunk, static_cast<std::size_t>(count));
  return text;
}

TEST(Relay, PassesOnAllInOrderOverSeveralChildren) {
  auto [reader, target] = make_pipe();
  Relay relay(target.get());
  std::string said;
  for (const char letter : {'a', 'b'}) {
    const std::string text(5000, letter);
    Descriptor child = relay.open();
    say(relay, child, text);
    child.reset();
    relay.finish();
    said += text;
  }
  target.reset();
  EXPECT_EQ(read_all(reader.get()), said);
  EXPECT_EQ(relay.error(), 0);
}

TEST(Relay, PassesOnAtTheEndHoweverMuchItHasInHand) {
  auto [reader, target] = make_pipe();
  Relay relay(target.get());
  Descriptor child = relay.open();
  const std::string text(4000, 'x');
  ASSERT_EQ(::write(child.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  relay.move_on(); // takes all of it
  child.reset();
  relay.finish();
  target.reset();
  EXPECT_EQ(read_all(reader.get()), text);
}

TEST(Relay, KeepsWhatATargetThatDoesNotBlockIsTooFullForUntilTheNextChildEnds) {
  auto [reader, target] = make_pipe();
  ::fcntl(target.get(), F_SETFL, O_NONBLOCK); // as another program may have left a terminal
  const std::string before(1 << 16, '.');     // all that a pipe holds
  ASSERT_EQ(::write(target.get(), before.data(), before.size()), static_cast<ssize_t>(before.size()));
  Relay relay(target.get());
  Descriptor child = relay.open();
  ASSERT_EQ(::write(child.get(), "first\n", 6), 6);
  child.reset();
  relay.finish();
  std::string read(before.size(), '\0');
  ASSERT_EQ(::read(reader.get(), read.data(), read.size()), static_cast<ssize_t>(read.size()));
  child = relay.open();
  ASSERT_EQ(::write(child.get(), "second\n", 7), 7);
  child.reset();
  relay.finish();
  target.reset();
  EXPECT_EQ(read_all(reader.get()), "first\nsecond\n");
  EXPECT_EQ(relay.error(), 0);
}

TEST(Relay, TakesOnWhenTheReaderIsGone) {
  ::signal(SIGPIPE, SIG_IGN);
  auto [reader, target] = make_pipe();
  Relay relay(target.get());
  Descriptor child = relay.open();
  say(relay, child, "heard\n");
  reader.reset();
  say(relay, child, std::string(300'000, 'x')); // more than a pipe holds
  child.reset();
  relay.finish();
  EXPECT_EQ(relay.error(), EPIPE);
}

TEST(Relay, NamesTheFullDiskAndGoesOn) {
  const Descriptor full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  Relay relay(full.get());
  Descriptor child = relay.open();
  say(relay, child, std::string(300'000, 'x'));
  child.reset();
  relay.finish();
  EXPECT_EQ(relay.error(), ENOSPC);
}

TEST(Relay, DoesNotWaitForAReaderThatSleeps) {
  auto [reader, target] = make_pipe();
  Relay relay(target.get());
  Descriptor child = relay.open();
  ::fcntl(child.get(), F_SETFL, O_NONBLOCK);
  const std::string text(1000, 'x');
  int taken = 0;
  while (::write(child.get(), text.data(), text.size()) > 0) { // until both pipes are full; move_on() that blocks would hang here
    ++taken;
    for (int i = 0; i < 4; ++i) {
      pollfd watched = relay.to_watch();
      if (::poll(&watched, 1, 0) > 0) relay.move_on();
    }
  }
  EXPECT_GT(taken, 65); // more than one pipe of 64 KiB
  child.reset();
}

TEST(Descendants, AreFoundThroughTheirParentsAndKnownByTheirLastWord) {
  SpawnOptions options;
  options.arguments = {"/bin/sh", "-c", "sleep 60 & wait", "sh", "the last word"};
  ChildProcess shell = ChildProcess::spawn(options);
  std::vector<pid_t> below;
  while (count_with_last_word(below = descendants(shell.pid()), "60") != 1) // until it has started its own
    ::usleep(1000);
  EXPECT_EQ(below.size(), 1u);
  const std::vector<pid_t> ours = descendants(::getpid());
  EXPECT_EQ(ours.front(), shell.pid());
  EXPECT_EQ(count_with_last_word(ours, "the last word"), 1);
  EXPECT_EQ(count_with_last_word(ours, "word"), 0);
  for (const pid_t process : below) ::kill(process, SIGKILL);
}

/// "R", "S", "T" and so on, as proc(5) has them.
std::string state_of(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string text;
  std::getline(file, text);
  return text.substr(text.rfind(')') + 2, 1);
}

TEST(Suspend, StopsAllThatIsBelowAndThenContinuesEachOfIt) {
  const pid_t launcher = ::fork();
  if (launcher == 0) {
    SpawnOptions options;
    options.arguments = {"/bin/sh", "-c", "sleep 60 & wait"};
    const ChildProcess shell = ChildProcess::spawn(options);
    while (descendants(shell.pid()).empty()) ::usleep(1000);
    suspend_with(shell.pid());
    while (true) ::pause();
  }
  int status = 0;
  ASSERT_EQ(::waitpid(launcher, &status, WUNTRACED), launcher);
  ASSERT_TRUE(WIFSTOPPED(status));
  const std::vector<pid_t> below = descendants(launcher);
  EXPECT_EQ(below.size(), 2u);
  const auto is_stopped = [](pid_t process) { return state_of(process) == "T"; };
  // A signal takes effect when its process next runs.
  for (int i = 0; i < 1000 && !std::all_of(below.begin(), below.end(), is_stopped); ++i) ::usleep(10'000);
  EXPECT_TRUE(std::all_of(below.begin(), below.end(), is_stopped));
  ::kill(launcher, SIGCONT);
  for (int i = 0; i < 1000 && std::any_of(below.begin(), below.end(), is_stopped); ++i) ::usleep(10'000);
  EXPECT_TRUE(std::none_of(below.begin(), below.end(), is_stopped));
  ::kill(launcher, SIGKILL);
  for (const pid_t process : below) ::kill(process, SIGKILL);
  ::waitpid(launcher, nullptr, 0);
}

} // namespace

} // namespace stdualx
