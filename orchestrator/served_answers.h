// What `stdualx serve` answers with, without HTTP: who may ask, and the store's tables as JSON. server.h speaks HTTP around it.
#pragma once

#include "results/tables.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace stdualx {

/// "localhost", 127.x.y.z, "::1": nobody on another machine gets there.
bool is_loopback(std::string_view address);
/// InputError: an address that others reach without a token (says how to tunnel through ssh instead), a port that is none, a token that
/// is too short to be safe or has letters that a link cannot carry.
void check_serve_options(const std::string& address, std::int64_t port, const std::string& token);
/// In a time that does not depend on where they differ.
bool is_same_token(std::string_view given, std::string_view expected);
/// Whether a request's `Host` names this machine's loopback. Another name was made to point here by a page of somebody else's, which
/// would read what it gets.
bool is_host_of_loopback(std::string_view host);

/// Each answer is JSON and throws as Reader does; any thread may ask. What every open page wants is kept for some seconds, so that many
/// pages ask the store no more than one does.
class ServedAnswers {
public:
  /// `moment` tells who may be asked for a coordinator, `bundle` the JavaScript of the report's figures. Both may throw.
  ServedAnswers(std::filesystem::path store, std::function<Moment()> moment, std::function<std::string()> bundle)
      : store_(std::move(store)), moment_(std::move(moment)), bundle_(std::move(bundle)) {}

  /// Array of tables (status_tables).
  std::string sweeps();
  /// Array of objects, a run each (runs_table).
  std::string runs();
  /// The last 200 events, the newest first.
  std::string events();
  /// {"epochs": [...], "events": [...], "attempts": [...]} of the run with this identity, or the one whose identity begins so.
  std::string run(const std::string& run_id);
  /// {"rows": [...], "cut": whether there were more}. At most 1000 rows, 2 s, one question at a time. InputError: not a statement that
  /// reads.
  std::string query(const std::string& sql);
  /// The page of `report --html` as of now.
  std::string report();

private:
  std::string kept(const std::string& name, std::chrono::seconds how_long, const std::function<std::string(Reader&)>& make);

  struct Kept {
    std::chrono::steady_clock::time_point until;
    std::string text;
  };
  std::filesystem::path store_;
  std::function<Moment()> moment_;
  std::function<std::string()> bundle_;
  std::mutex one_at_a_time_;
  std::map<std::string, Kept> kept_;
};

} // namespace stdualx
