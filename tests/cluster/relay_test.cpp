// What a child writes is taken whatever becomes of the place where it is to go.
#include "cluster/relay.h"

#include "cluster/suspend.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
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

} // namespace

} // namespace stdualx
