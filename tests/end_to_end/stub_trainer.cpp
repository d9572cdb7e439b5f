// A trainer without a network, for tests of the processes: epochs of milliseconds, checkpoints of one line, a state hash that
// depends on run and epoch alone, and the misbehaviour that a test asks for in the environment variable STDUALX_STUB, JSON:
//   {"epoch_ms": 5, "marks": DIR, "kill_at": N, "hang_at": N, "fail": VARIANT, "fail_reason": "error",
//    "crash": VARIANT, "start": "exit"|"garbage"|"hang", "good_starts": N, "evaluation": "damaged", "spawn": PROGRAM, "sums": [COUNT, ...]}
// kill_at and hang_at happen once a run and member: a file in `marks` remembers. The first `good_starts` starts go well.
// A run of the variant to `crash` kills its agent, in each attempt. `spawn` is started in each epoch and waited for.
// Groups take a sum of so many values, for each of `sums`, in each epoch; one whose bits are not those of a sum in rank order ends the
// trainer.
#include "experiments/spec/disk_errors.h"
#include "experiments/spec/durable_file.h"
#include "worker/messages/agent_link.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <sstream>

namespace {

using namespace stdualx;

class GroupGone : public std::exception {};

class StubTrainer {
public:
  explicit StubTrainer(Json wishes) : wishes_(std::move(wishes)), link_(trainer_socket_descriptor, trainer_memory_descriptor) {}

  void serve() {
    link_.send(Message::of("ready", Placement{"", ::getpid(), device(), "stub", 1}));
    while (true) {
      const auto assignment = link_.wait_for("assign").as<Assignment>();
      AttemptEnd end{assignment.run_id, assignment.attempt, "complete", "", ""};
      try {
        end = train(assignment);
      } catch (const GroupGone&) {
        end.reason = "group_broken";
      } catch (const PermissionError& error) { // as the real one says it
        end.reason = "storage";
        end.detail = not_permitted + std::string(error.what());
      } catch (const StorageError& error) {
        end.reason = "storage";
        end.detail = error.what();
      }
      link_.send(Message::of("end", end));
      while (link_.wait_for("acknowledge").as<Acknowledge>().epoch != 0) continue;
    }
  }

private:
  /// As CUDA would choose it, of the made-up list STDUALX_DEVICES: the first that CUDA_VISIBLE_DEVICES names.
  static std::string device() {
    const char* list = std::getenv("STDUALX_DEVICES");
    const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
    if (list == nullptr || (visible != nullptr && *visible == '\0')) return "cpu";
    const std::string named = visible == nullptr ? "0" : visible;
    if (named.find_first_not_of("0123456789") != std::string::npos) return "stub " + named;
    std::istringstream devices(list);
    std::string uuid;
    for (int i = 0; i <= std::stoi(named); ++i)
      if (!std::getline(devices, uuid, ',')) return "cpu"; // CUDA, too, then finds none
    return "stub " + uuid;
  }

  AttemptEnd train(const Assignment& assignment) {
    AttemptEnd end{assignment.run_id, assignment.attempt, "complete", "", ""};
    if (wishes_.contains("say")) std::fprintf(stderr, "%s\n", wishes_.at("say").get<std::string>().c_str());
    if (!assignment.resume_path.empty()) {
      const std::string text = read(std::filesystem::path(assignment.store_directory) / assignment.resume_path);
      if (sha256_hex(text) != assignment.resume_sha256) {
        end.reason = "error";
        end.detail = "checkpoint damaged: " + assignment.resume_path + " has another hash";
        return end;
      }
    }
    sequence_ = 0;
    std::int64_t told = assignment.resume_epoch, acknowledged = assignment.resume_epoch;
    for (std::int64_t epoch = assignment.resume_epoch + 1; epoch <= assignment.run.training.epochs; ++epoch) {
      for (int step = 0; step < 4; ++step) {
        ::usleep(static_cast<useconds_t>(wishes_.value("epoch_ms", 5) * 250));
        link_.memory.count_step();
        sum_with_group(assignment);
        if (wishes_.value("crash", "") == assignment.run.variant) ::kill(::getppid(), SIGKILL);
        if (once(assignment, "kill_at", epoch)) ::raise(SIGKILL);
        if (once(assignment, "hang_at", epoch)) ::pause();
        link_.draining();
      }
      check_sums(assignment);
      if (wishes_.contains("spawn") && !runs_well(wishes_.at("spawn"))) {
        end.reason = "error";
        end.detail = "the program to spawn could not be started, or failed";
        return end;
      }
      if (wishes_.value("fail", "") == assignment.run.variant) {
        std::fprintf(stderr, "stub trainer: asked to fail\n");
        end.reason = wishes_.value("fail_reason", "error");
        end.detail = "asked to fail in epoch " + std::to_string(epoch);
        return end;
      }
      if (assignment.index == 0) {
        while (acknowledged < told) acknowledged = acknowledge(assignment);
        link_.send(Message::of("epoch", report(assignment, epoch)));
        told = epoch;
      }
      if (epoch < assignment.run.training.epochs && group_drains(assignment)) {
        while (acknowledged < told) acknowledged = acknowledge(assignment);
        end.reason = "drained";
        return end;
      }
    }
    if (assignment.index == 0) {
      EvaluationReport evaluation;
      evaluation.run_id = assignment.run_id;
      evaluation.attempt = assignment.attempt;
      evaluation.weights_epoch = assignment.run.training.epochs;
      evaluation.metrics = {{"accuracy", 0.5}};
      evaluation.classes = 2;
      evaluation.confusion = {1, 1, 0, 0};
      evaluation.windows = {0, 1};
      evaluation.people = {1, 2};
      evaluation.labels = {0, 0};
      evaluation.predicted = {0, 1};
      Message message = Message::of("evaluation", evaluation);
      if (wishes_.value("evaluation", "") == "damaged") message.body["windows"] = "two";
      link_.send(message);
    }
    return end;
  }

  static bool runs_well(std::string program) {
    char* arguments[] = {program.data(), nullptr};
    pid_t child = 0;
    int status = 0;
    return ::posix_spawn(&child, program.c_str(), nullptr, nullptr, arguments, environ) == 0 && ::waitpid(child, &status, 0) == child &&
           status == 0;
  }

  EpochReport report(const Assignment& assignment, std::int64_t epoch) {
    EpochReport report;
    report.run_id = assignment.run_id;
    report.attempt = assignment.attempt;
    report.epoch = epoch;
    report.train_loss = 1.0 / static_cast<double>(epoch);
    report.validation_accuracy = 0.5;
    report.windows = 64;
    report.wall_seconds = 0.01;
    report.best_epoch = epoch;
    report.state_hash_before = sha256_hex(assignment.run_id + std::to_string(epoch - 1)).substr(0, 32);
    report.state_hash_after = sha256_hex(assignment.run_id + std::to_string(epoch)).substr(0, 32);
    report.checkpoint_path = assignment.run_id + "/" + std::to_string(assignment.attempt) + "/epoch-" + std::to_string(epoch);
    const auto path = std::filesystem::path(assignment.store_directory) / report.checkpoint_path;
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    if (error) throw_write_error(path, error.message(), error.value());
    const std::string text = assignment.run_id + " after epoch " + std::to_string(epoch) + "\n";
    if (!(std::ofstream(path) << text << std::flush)) throw_write_error(path, std::strerror(errno), errno);
    report.checkpoint_sha256 = sha256_hex(text);
    report.checkpoint_bytes = static_cast<std::int64_t>(text.size());
    return report;
  }

  std::int64_t acknowledge(const Assignment& assignment) {
    while (true) {
      const auto heard = link_.wait_for("acknowledge").as<Acknowledge>();
      if (heard.run_id == assignment.run_id && heard.attempt == assignment.attempt) return heard.epoch;
    }
  }

  /// The sum of `value` over the group; 1 each counts the members.
  float sum_with_group(const Assignment& assignment, float value = 1) {
    if (assignment.ranks.size() < 2) return value;
    std::byte* shared = link_.memory.values(sizeof value);
    std::memcpy(shared, &value, sizeof value);
    if (!link_.sum({assignment.group_id, sequence_, 1, "float32"})) throw GroupGone();
    ++sequence_;
    std::memcpy(&value, shared, sizeof value);
    return value;
  }

  /// A value of which the sum depends on the order: large ones cancel out, small ones are lost beside them.
  template <class Value> static Value made_up(std::int64_t place, std::int64_t member) {
    const auto large = static_cast<Value>((place * 7 + member * 5) % 3 - 1);
    return large * static_cast<Value>(1e18) + static_cast<Value>(place % 1000) + static_cast<Value>(member) / 3;
  }

  template <class Value> void check_sum(const Assignment& assignment, std::int64_t count, const char* type) {
    const auto members = static_cast<std::int64_t>(assignment.ranks.size());
    const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(Value);
    std::vector<Value> values(static_cast<std::size_t>(count)), right(values.size());
    for (std::int64_t i = 0; i < count; ++i) {
      values[static_cast<std::size_t>(i)] = made_up<Value>(i, assignment.index);
      Value sum = made_up<Value>(i, 0);
      for (std::int64_t member = 1; member < members; ++member) sum += made_up<Value>(i, member);
      right[static_cast<std::size_t>(i)] = sum;
    }
    std::byte* const shared = link_.memory.values(bytes);
    std::memcpy(shared, values.data(), bytes);
    if (!link_.sum({assignment.group_id, sequence_, count, type})) throw GroupGone();
    ++sequence_;
    if (std::memcmp(shared, right.data(), bytes) != 0) throw std::runtime_error("a sum of " + std::to_string(count) + " values is wrong");
  }

  void check_sums(const Assignment& assignment) {
    if (assignment.ranks.size() < 2 || !wishes_.contains("sums")) return;
    for (const std::int64_t count : wishes_.at("sums")) {
      check_sum<float>(assignment, count, "float32");
      check_sum<double>(assignment, count, "float64");
    }
  }

  bool group_drains(const Assignment& assignment) { return sum_with_group(assignment, link_.draining() ? 1 : 0) > 0; }

  bool once(const Assignment& assignment, const char* what, std::int64_t epoch) {
    if (wishes_.value(what, 0) != epoch || assignment.index + 1 != static_cast<std::int64_t>(assignment.ranks.size())) return false;
    const std::filesystem::path mark = std::filesystem::path(wishes_.at("marks").get<std::string>()) / (assignment.run_id + what);
    if (std::filesystem::exists(mark)) return false;
    std::ofstream(mark) << "done\n";
    return true;
  }

  static std::string read(const std::filesystem::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  Json wishes_;
  AgentLink link_;
  std::int64_t sequence_ = 0;
};

/// Whether this start is one of the first `good_starts`; the directory entry that it makes counts it.
bool starts_well(const Json& wishes) {
  const std::filesystem::path marks = wishes.value("marks", ".");
  for (int start = 1; start <= wishes.value("good_starts", 0); ++start)
    if (std::filesystem::create_directory(marks / ("start-" + std::to_string(start)))) return true;
  return false;
}

} // namespace

int main() {
  const char* given = std::getenv("STDUALX_STUB");
  const stdualx::Json wishes = given == nullptr ? stdualx::Json::object() : stdualx::Json::parse(given);
  const std::string start = !wishes.contains("start") || starts_well(wishes) ? "" : wishes.at("start").get<std::string>();
  if (start == "hang") ::pause();
  if (start == "exit") {
    std::fprintf(stderr, "stub trainer: libexample.so.1: cannot be loaded\n");
    return 1;
  }
  if (start == "garbage") {
    const char garbage[] = "\x04\0\0\0????";
    if (::write(stdualx::trainer_socket_descriptor, garbage, 8) != 8) return 1;
    ::pause();
  }
  for (const int signal : {SIGINT, SIGUSR1, SIGUSR2, SIGHUP}) std::signal(signal, SIG_IGN);
  try {
    StubTrainer(wishes).serve();
  } catch (const stdualx::ExitRequested&) {
  } catch (const stdualx::PeerGone&) {
  }
  return 0;
}
