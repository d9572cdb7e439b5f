// See server.h.
#include "orchestrator/server.h"

#include "experiments/spec/errors.h"

#ifdef STDUALX_WITH_HTTP
#include "experiments/spec/fields.h"
#include "orchestrator/live.h"
#include "orchestrator/page_files.h"

#include <httplib.h>

#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#endif

namespace stdualx {

#ifndef STDUALX_WITH_HTTP

bool has_server() { return false; }
struct Server::Impl {};
Server::Server(const ServerPlace&, ServedAnswers&, std::filesystem::path) {
  throw InputError("stdualx serve: this build lacks cpp-httplib (package libcpp-httplib-dev); install it and build again. "
                   "`stdualx report --html FILE` needs no server");
}
Server::~Server() = default;
int Server::port() const { return 0; }

#else

bool has_server() { return true; }

namespace {

using namespace std::chrono_literals;

constexpr std::size_t threads = 64; // a page's stream keeps one
constexpr int most_streams = 48;
constexpr auto between_looks = 1s;
constexpr auto longest_silence = 15s; // then a stream says that it lives, and so notices a page that is gone
// No script but ours, nothing from elsewhere, no form, no frame: what a store holds stays text.
constexpr const char* policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

/// The value of a cookie; "": there is none.
std::string cookie_of(const httplib::Request& request, const std::string& name) {
  const std::string all = "; " + request.get_header_value("Cookie"), wanted = "; " + name + "=";
  const std::size_t at = all.find(wanted);
  if (at == std::string::npos) return "";
  const std::size_t begin = at + wanted.size();
  return all.substr(begin, all.find(';', begin) - begin);
}

std::string as_error(const std::string& what) { return Json{{"error", what}}.dump(-1, ' ', false, Json::error_handler_t::replace); }

} // namespace

struct Server::Impl {
  Impl(const ServerPlace& place, ServedAnswers& answers, std::filesystem::path store_directory)
      : place_(place), answers_(answers), store_directory_(std::move(store_directory)) {
    http_.new_task_queue = [] { return new httplib::ThreadPool(threads); };
    http_.set_payload_max_length(0); // nobody has anything to bring
    http_.set_read_timeout(5s);
    http_.set_keep_alive_timeout(1); // seconds; the end waits for connections that are idle
    // A second server on one port would share its pages.
    http_.set_socket_options([](socket_t socket) {
      const int yes = 1;
      ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    http_.set_pre_routing_handler(
        [this](const httplib::Request& request, httplib::Response& response) { return admit(request, response); });
    add_pages();
    port_ = place.port == 0 ? http_.bind_to_any_port(place.address) : http_.bind_to_port(place.address, place.port) ? place.port : -1;
    if (port_ <= 0)
      throw InputError("cannot listen at " + place.address + " port " + std::to_string(place.port) +
                       ": another program has it, or the address is none of this machine's; --port 0 takes any port that is free");
    look();
    watcher_ = std::thread([this] { watch(); });
    listener_ = std::thread([this] { http_.listen_after_bind(); });
    while (!http_.is_running()) std::this_thread::sleep_for(1ms); // a stop before that would be lost
  }

  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    changed_.notify_all();
    http_.stop();
    listener_.join();
    watcher_.join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  int port() const { return port_; }

private:
  httplib::Server::HandlerResponse admit(const httplib::Request& request, httplib::Response& response) {
    using Result = httplib::Server::HandlerResponse;
    response.set_header("X-Content-Type-Options", "nosniff");
    response.set_header("Referrer-Policy", "no-referrer");
    response.set_header("Cache-Control", "no-store");
    response.set_header("Cross-Origin-Resource-Policy", "same-origin");
    if (request.path != "/report") response.set_header("Content-Security-Policy", policy); // that page brings its own
    const auto refuse = [&](int status, const std::string& why) {
      response.status = status;
      response.set_content(why + "\n", "text/plain; charset=utf-8");
      return Result::Handled;
    };
    if (request.method != "GET") return refuse(405, "only GET: nothing can be written here");
    if (place_.token.empty()) {
      if (!is_host_of_loopback(request.get_header_value("Host")))
        return refuse(403, "open this page as localhost or 127.0.0.1, also through a tunnel");
      return Result::Unhandled;
    }
    if (request.path == "/" && request.has_param("token")) { // kept in a cookie, so that links that are shared do not hold it
      if (!is_same_token(request.get_param_value("token"), place_.token)) return refuse(401, "this is not the token of --token");
      response.set_header("Set-Cookie", "stdualx_token=" + place_.token + "; Path=/; HttpOnly; SameSite=Strict");
      response.set_redirect("/", 303);
      return Result::Handled;
    }
    if (is_same_token(cookie_of(request, "stdualx_token"), place_.token) ||
        is_same_token(request.get_header_value("Authorization"), "Bearer " + place_.token))
      return Result::Unhandled;
    return refuse(401, "a token is wanted: open /?token=TOKEN once, with the one of --token");
  }

  void add_pages() {
    const auto file = [this](const char* path, std::string_view text, const char* type) {
      http_.Get(path, [text, type](const httplib::Request&, httplib::Response& response) {
        response.set_content(text.data(), text.size(), type);
      });
    };
    file("/", live_page_html(), "text/html; charset=utf-8");
    file("/live.js", live_page_script(), "text/javascript; charset=utf-8");
    file("/live.css", live_page_style(), "text/css; charset=utf-8");
    answer("/sweeps", "application/json", [this](const httplib::Request&) { return answers_.sweeps(); });
    answer("/runs", "application/json", [this](const httplib::Request&) { return answers_.runs(); });
    answer("/events", "application/json", [this](const httplib::Request&) { return answers_.events(); });
    answer("/run", "application/json", [this](const httplib::Request& request) { return answers_.run(request.get_param_value("id")); });
    answer("/query", "application/json",
           [this](const httplib::Request& request) { return answers_.query(request.get_param_value("sql")); });
    answer("/report", "text/html; charset=utf-8", [this](const httplib::Request&) { return answers_.report(); });
    http_.Get("/live", [this](const httplib::Request&, httplib::Response& response) { stream(response); });
  }

  template <class Make> void answer(const char* path, const char* type, Make make) {
    http_.Get(path, [make, type](const httplib::Request& request, httplib::Response& response) {
      try {
        response.set_content(make(request), type);
      } catch (const InputError& error) {
        response.status = 400;
        response.set_content(as_error(error.what()), "application/json");
      } catch (const std::exception& error) { // the store is not there yet, locked or damaged
        response.status = 503;
        response.set_content(as_error(error.what()), "application/json");
      }
    });
  }

  /// Server-sent events: what live.json says, each time that it changes.
  void stream(httplib::Response& response) {
    if (streams_.fetch_add(1) >= most_streams) {
      streams_.fetch_sub(1);
      response.status = 503;
      response.set_content(as_error("too many pages are open here; close one"), "application/json");
      return;
    }
    response.set_chunked_content_provider(
        "text/event-stream",
        [this, told = std::uint64_t{0}](std::size_t, httplib::DataSink& sink) mutable {
          std::string text;
          {
            std::unique_lock lock(mutex_);
            changed_.wait_for(lock, longest_silence, [&] { return over_ || version_ != told; });
            if (over_) {
              sink.done();
              return true;
            }
            text = version_ == told ? ": still here\n\n" : "data: " + state_ + "\n\n";
            told = version_;
          }
          return sink.write(text.data(), text.size());
        },
        [this](bool) { streams_.fetch_sub(1); });
  }

  void look() {
    const std::optional<Live> live = read_live(store_directory_, wall_ms(), this_process());
    std::string state = live ? to_json_all(*live).dump(-1, ' ', false, Json::error_handler_t::replace) : "null";
    const std::lock_guard lock(mutex_);
    if (state == state_) return;
    state_ = std::move(state);
    ++version_;
    changed_.notify_all();
  }

  /// One thread reads the file for all pages.
  void watch() {
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, between_looks, [this] { return over_; })) {
      lock.unlock();
      look();
      lock.lock();
    }
  }

  ServerPlace place_;
  ServedAnswers& answers_;
  std::filesystem::path store_directory_;
  httplib::Server http_;
  int port_ = 0;
  std::atomic<int> streams_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::uint64_t version_ = 0;
  std::string state_;
  std::thread watcher_, listener_;
};

Server::Server(const ServerPlace& place, ServedAnswers& answers, std::filesystem::path store_directory)
    : impl_(std::make_unique<Impl>(place, answers, std::move(store_directory))) {}
Server::~Server() = default;
int Server::port() const { return impl_->port(); }

#endif

} // namespace stdualx
