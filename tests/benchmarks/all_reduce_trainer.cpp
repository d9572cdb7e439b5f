// A trainer that does nothing but collectives: each member of a group sums the values in its shared memory, again and again, and
// the first one appends the median time in milliseconds to the file STDUALX_ALL_REDUCE (JSON: file, floats, rounds) names.
#include "experiments/spec/fields.h"
#include "worker/messages/agent_link.h"

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

double median_milliseconds(AgentLink& link, const Assignment& assignment, std::int64_t floats, std::int64_t rounds) {
  const std::vector<float> gradient(static_cast<std::size_t>(floats), 1.0f);
  const std::size_t bytes = gradient.size() * sizeof(float);
  std::vector<double> times;
  for (std::int64_t sequence = 0; sequence < rounds; ++sequence) {
    std::byte* const shared = link.memory.values(bytes);
    std::memcpy(shared, gradient.data(), bytes);
    const auto begin = std::chrono::steady_clock::now();
    if (!link.sum({assignment.group_id, sequence, floats, "float32"})) throw std::runtime_error("a member is gone");
    times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
    float sum = 0;
    std::memcpy(&sum, shared + bytes - sizeof sum, sizeof sum);
    if (sum != static_cast<float>(assignment.ranks.size())) throw std::runtime_error("a sum is wrong");
    link.memory.count_step();
  }
  std::nth_element(times.begin(), times.begin() + rounds / 2, times.end());
  return times[static_cast<std::size_t>(rounds / 2)];
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
      const double median = median_milliseconds(link, assignment, wishes.at("floats"), wishes.at("rounds"));
      if (assignment.index == 0) {
        std::ofstream(wishes.at("file").get<std::string>(), std::ios::app) << median << "\n";
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
