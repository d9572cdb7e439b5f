// `stdualx serve`: the live page of a store, until Ctrl-C.
#include "orchestrator/commands/command.h"
#include "orchestrator/commands/html.h"
#include "orchestrator/server.h"

#include <fmt/format.h>

#include <pthread.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <iostream>

namespace stdualx {

namespace {

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : "HOST";
}

} // namespace

int serve_command(const Command& command, const std::vector<std::string>& arguments) {
  options::options_description described("options");
  add_store_option(described);
  described.add_options()("port", options::value<std::int64_t>()->default_value(8080)->value_name("N"),
                          "where it listens; 0: any that is free")(
      "address", options::value<std::string>()->default_value("127.0.0.1")->value_name("A"),
      "of this machine; one that others reach needs --token")("token", options::value<std::string>()->default_value("")->value_name("T"),
                                                              "what a browser must show, once, as /?token=T");
  options::variables_map values;
  if (!parse_options(command, arguments, described, {}, values)) return 0;
  const std::string address = values["address"].as<std::string>(), token = values["token"].as<std::string>();
  const std::int64_t port = values["port"].as<std::int64_t>();
  check_serve_options(address, port, token);
  const std::filesystem::path store = store_path(values);
  { const Reader reader(store); } // says now what is wrong with it
  // Before any thread is there, so that none of them takes these.
  sigset_t ends;
  sigemptyset(&ends);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&ends, number);
  ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  std::signal(SIGPIPE, SIG_IGN); // a page that was closed
  ServedAnswers answers(
      store, [store] { return moment_now(store); }, vega_bundle);
  const Server server({address, static_cast<int>(port), token}, answers, store_directory(store));
  const std::string shown = address.find(':') == std::string::npos ? address : "[" + address + "]";
  std::cout << fmt::format("serving {} at http://{}:{}/{} (Ctrl-C ends it)\n", store.string(), shown, server.port(),
                           token.empty() ? "" : "?token=" + token);
  if (is_loopback(address))
    std::cout << fmt::format("from another machine: ssh -N -L {0}:127.0.0.1:{0} {1}, then open http://127.0.0.1:{0}/ there\n",
                             server.port(), host_name());
  if (!std::cout.flush()) return 0; // nobody hears where it listens; main makes 1 of it
  int number = 0;
  sigwait(&ends, &number);
  return 0;
}

} // namespace stdualx
