// A trainer that does nothing but collectives: each member of a group sums the values in its shared memory, again and again, and
// appends a line of JSON to the file that STDUALX_ALL_REDUCE (JSON: file, floats, rounds) names: of one collective the median time, and the
// mean time on processors of this trainer and of its agent, in milliseconds.
#include "experiments/spec/fields.h"
#include "worker/messages/agent_link.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <vector>

namespace {

using namespace stdualx;

double milliseconds_of(clockid_t clock) {
  timespec time{};
  if (::clock_gettime(clock, &time) != 0) throw std::runtime_error("a clock of processor time cannot be read");
  return 1e3 * static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_nsec);
}

/// Processor time of this process and of its parent, the agent.
double processor_milliseconds() {
  clockid_t agent{};
  if (::clock_getcpuclockid(::getppid(), &agent) != 0) throw std::runtime_error("the agent has no clock");
  return milliseconds_of(CLOCK_PROCESS_CPUTIME_ID) + milliseconds_of(agent);
}

Json measure(AgentLink& link, const Assignment& assignment, std::int64_t floats, std::int64_t rounds) {
  const std::vector<float> gradient(static_cast<std::size_t>(floats), 1.0f);
  const std::size_t bytes = gradient.size() * sizeof(float);
  const std::int64_t warm_up = rounds / 10;
  std::vector<double> times;
  double processor = 0;
  for (std::int64_t sequence = 0; sequence < warm_up + rounds; ++sequence) {
    if (sequence == warm_up) processor = processor_milliseconds();
    std::byte* const shared = link.memory.values(bytes);
    std::memcpy(shared, gradient.data(), bytes);
    const auto begin = std::chrono::steady_clock::now();
    if (!link.sum({assignment.group_id, sequence, floats, "float32"})) throw std::runtime_error("a member is gone");
    if (sequence >= warm_up) times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
    for (const std::size_t at : {std::size_t{0}, bytes / 2, bytes - sizeof(float)}) {
      float sum = 0;
      std::memcpy(&sum, shared + at / sizeof sum * sizeof sum, sizeof sum);
      if (sum != static_cast<float>(assignment.ranks.size())) throw std::runtime_error("a sum is wrong");
    }
    link.memory.count_step();
  }
  processor = processor_milliseconds() - processor;
  std::nth_element(times.begin(), times.begin() + rounds / 2, times.end());
  return {{"wall", times[static_cast<std::size_t>(rounds / 2)]}, {"processor", processor / static_cast<double>(rounds)}};
}

} // namespace

int main() {
  const char* given = std::getenv("STDUALX_ALL_REDUCE");
  if (given == nullptr) throw std::runtime_error("STDUALX_ALL_REDUCE is not set");
  const Json wishes = Json::parse(given);
  AgentLink link(trainer_socket_descriptor, trainer_memory_descriptor);
  link.send(Message::of("ready", Placement{"", ::getpid(), "cpu", "collectives only", 1}));
  try {
    while (true) {
      const auto assignment = link.wait_for("assign").as<Assignment>();
      const Json measured = measure(link, assignment, wishes.at("floats"), wishes.at("rounds"));
      std::ofstream(wishes.at("file").get<std::string>(), std::ios::app) << measured.dump() + "\n";
      if (assignment.index == 0) {
        EvaluationReport evaluation;
        evaluation.run_id = assignment.run_id;
        evaluation.attempt = assignment.attempt;
        evaluation.metrics = {{"accuracy", 0}};
        link.send(Message::of("evaluation", evaluation));
      }
      link.send(Message::of("end", AttemptEnd{assignment.run_id, assignment.attempt, "complete", "", ""}));
      while (link.wait_for("acknowledge").as<Acknowledge>().epoch != 0) continue;
    }
  } catch (const ExitRequested&) {
  }
  return 0;
}
