// See served_answers.h.
#include "orchestrator/served_answers.h"

#include "experiments/spec/errors.h"
#include "results/figures/page.h"
#include "results/format.h"
#include "results/query_limit.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace stdualx {

namespace {

constexpr std::chrono::seconds tables_are_kept{3}, report_is_kept{30};
constexpr std::size_t fewest_token_letters = 16;

std::string rows_as_json(const Table& table) { return format_table(table, Format::json); }

} // namespace

bool is_loopback(std::string_view address) {
  if (address == "localhost" || address == "::1") return true;
  // Digits and points alone: "127.evil.org" is a name.
  return address.starts_with("127.") &&
         std::all_of(address.begin(), address.end(), [](unsigned char letter) { return std::isdigit(letter) != 0 || letter == '.'; });
}

void check_serve_options(const std::string& address, std::int64_t port, const std::string& token) {
  if (port < 0 || port > 65535) throw InputError("--port: expected 0 (any that is free) to 65535, found " + std::to_string(port));
  if (address.empty()) throw InputError("--address: expected an address of this machine, such as 127.0.0.1");
  if (token.empty() && !is_loopback(address))
    throw InputError("--address " + address +
                     ": others reach that address, so it needs --token. Better: leave --address out, and on your own machine type "
                     "ssh -N -L 8080:127.0.0.1:8080 HOST, which also encrypts");
  if (!token.empty() && token.size() < fewest_token_letters)
    throw InputError("--token: expected at least 16 letters, found " + std::to_string(token.size()) +
                     "; `openssl rand -hex 16` makes a good one");
  if (std::any_of(token.begin(), token.end(),
                  [](unsigned char letter) { return std::isalnum(letter) == 0 && letter != '-' && letter != '_'; }))
    throw InputError("--token: expected letters, digits, '-' and '_' alone, since it stands in a link");
}

bool is_same_token(std::string_view given, std::string_view expected) {
  if (given.size() != expected.size()) return false;
  unsigned different = 0;
  for (std::size_t i = 0; i < given.size(); ++i)
    different |= static_cast<unsigned char>(given[i]) ^ static_cast<unsigned char>(expected[i]);
  return different == 0;
}

bool is_host_of_loopback(std::string_view host) {
  if (host.starts_with("[::1]")) return host.size() == 5 || host[5] == ':';
  return is_loopback(host.substr(0, host.find(':')));
}

std::string ServedAnswers::kept(const std::string& name, std::chrono::seconds how_long, const std::function<std::string(Reader&)>& make) {
  const std::lock_guard lock(one_at_a_time_);
  Kept& kept = kept_[name];
  if (!kept.text.empty() && std::chrono::steady_clock::now() < kept.until) return kept.text;
  Reader reader(store_);
  kept.text = make(reader);
  kept.until = std::chrono::steady_clock::now() + how_long;
  return kept.text;
}

std::string ServedAnswers::sweeps() {
  return kept("sweeps", tables_are_kept, [&](Reader& reader) { return rows_as_json(status_tables(reader, moment_()).at(0).table); });
}

std::string ServedAnswers::runs() {
  return kept("runs", tables_are_kept, [&](Reader& reader) { return rows_as_json(runs_table(reader, moment_()).table); });
}

std::string ServedAnswers::events() {
  return kept("events", tables_are_kept, [](Reader& reader) {
    return rows_as_json(
        reader.query("SELECT at_ms, kind, substr(run_id, 1, 10) AS run, text FROM events ORDER BY event_id DESC LIMIT 200"));
  });
}

std::string ServedAnswers::run(const std::string& run_id) {
  const std::lock_guard lock(one_at_a_time_);
  Reader reader(store_);
  const std::string whole = resolve_run(reader, run_id);
  const Reader::Snapshot snapshot(reader);
  const auto rows = [&](const char* sql) { return rows_as_json(reader.query(sql, {whole})); };
  return "{\"epochs\": " +
         rows("SELECT epoch, train_loss, validation_loss, validation_accuracy FROM epochs WHERE run_id = ?1 ORDER BY epoch") +
         ", \"attempts\": " + rows("SELECT attempt, host, end_reason, end_detail FROM attempts WHERE run_id = ?1 ORDER BY attempt") +
         ", \"events\": " + rows("SELECT at_ms, kind, text FROM events WHERE run_id = ?1 ORDER BY event_id DESC LIMIT 100") + "}";
}

std::string ServedAnswers::query(const std::string& sql) {
  const std::lock_guard lock(one_at_a_time_);
  Reader reader(store_);
  const QueryLimit limit({});
  const std::string rows = rows_as_json(reader.query(sql));
  return "{\"cut\": " + std::string(limit.cut() ? "true" : "false") + ", \"rows\": " + rows + "}";
}

std::string ServedAnswers::report() {
  return kept("report", report_is_kept, [&](Reader& reader) { return html_report(reader, {}, bundle_()); });
}

} // namespace stdualx
