// The live page of a store over HTTP (cpp-httplib): `stdualx serve`. Only GET, nothing is written; served_answers.h has what it says.
#pragma once

#include "orchestrator/served_answers.h"

#include <filesystem>
#include <memory>
#include <string>

namespace stdualx {

struct ServerPlace {
  std::string address = "127.0.0.1";
  int port = 8080;   // 0: any that is free
  std::string token; // "": nobody needs one
};

/// What this build's pages come from; false: it was built without cpp-httplib, and Server's constructor says what to install.
bool has_server();

class Server {
public:
  /// Listens at once and answers on threads of its own. `store_directory`: where live.json lies. InputError: the address cannot be had, or
  /// this build has no server.
  Server(const ServerPlace& place, ServedAnswers& answers, std::filesystem::path store_directory);
  /// Ends every open page's stream, then the threads.
  ~Server();
  int port() const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace stdualx
