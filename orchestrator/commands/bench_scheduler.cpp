// `stdualx bench scheduler`: the schedule at a scale that no machine here has, on a simulated cluster (simulator.h).
#include "cluster/host.h"
#include "orchestrator/commands/command.h"
#include "orchestrator/simulator.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>
#include <iostream>

namespace stdualx {

namespace {

constexpr std::pair<const char*, SchedulePolicy> policies[] = {
    {"widest, then longest first; backfill (what jobs use)", SchedulePolicy::backfill},
    {"widest, then longest first", SchedulePolicy::widest_longest},
    {"widest first", SchedulePolicy::widest}};

double share_option(const options::variables_map& values, const std::string& name) {
  const double share = values[name].as<double>();
  if (!(share >= 0 && share < 1)) throw InputError(fmt::format("--{}: expected a share from 0 to less than 1, found {}", name, share));
  return share;
}

} // namespace

int bench_scheduler(const Command& command, const std::vector<std::string>& arguments) {
  options::options_description described("options");
  add_format_option(described);
  described.add_options()("scheduler", options::value<std::string>(), "this word")(
      "workers", options::value<int>()->default_value(10'000)->value_name("N"), "of the simulated cluster")(
      "runs", options::value<std::int64_t>()->default_value(1'000'000)->value_name("N"), "in groups of 1 to 8 ranks")(
      "failures", options::value<double>()->default_value(0)->value_name("SHARE"), "of attempts in which a trainer dies midway")(
      "stragglers", options::value<double>()->default_value(0)->value_name("SHARE"), "of runs that take ten times as long")(
      "bad-runs", options::value<double>()->default_value(0)->value_name("SHARE"),
      "of runs that fail at their start wherever they are tried")("bad-hosts", options::value<int>()->default_value(0)->value_name("N"),
                                                                  "on which every run fails at its start")(
      "workers-per-host", options::value<int>()->default_value(8)->value_name("N"),
      "of the simulated cluster")("seed", options::value<std::uint64_t>()->default_value(1)->value_name("N"), "of all that is drawn")(
      "all", "all policies that were compared, one after the other; else only the one that jobs use");
  options::variables_map values;
  if (!parse_options(command, arguments, described, {"scheduler"}, values)) return 0;
  Simulation simulation;
  simulation.workers = values["workers"].as<int>();
  simulation.runs = values["runs"].as<std::int64_t>();
  simulation.failures = share_option(values, "failures");
  simulation.stragglers = share_option(values, "stragglers");
  simulation.bad_runs = share_option(values, "bad-runs");
  simulation.bad_hosts = values["bad-hosts"].as<int>();
  simulation.workers_per_host = values["workers-per-host"].as<int>();
  simulation.seed = values["seed"].as<std::uint64_t>();
  TitledTable titled{fmt::format("{} runs on {} simulated workers", simulation.runs, simulation.workers),
                     {{"policy", "makespan", "above the bound", "idle", "longest wait", "longest run", "attempts", "complete",
                       "quarantined", "lost", "twice", "events a second", "took"},
                      {}},
                     {"bound: the longer of the longest run and all work over all workers. longest wait: of a group for its ranks, while "
                      "it was the widest left."}};
  const bool has_bad = simulation.bad_runs > 0 || simulation.bad_hosts > 0;
  TitledTable blame{
      "whose fault failures at the start are",
      {{"policy", "bad runs", "good runs lost", "bad hosts", "good places blamed", "found after", "failures there"}, {}},
      {"Of good runs, on that bad host where most failed. found after: so many failures it gets no more runs but one at a time, to "
       "be tried. failures there: with those at work meanwhile, and those that it was tried with."}};
  bool faulty = false;
  for (const auto& [name, policy] : policies) {
    simulation.policy = policy;
    const auto began = std::chrono::steady_clock::now();
    const Simulated done = simulate(simulation);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    faulty = faulty || done.lost != 0 || done.twice != 0 || (simulation.failures == 0 && done.wrongly_lost != 0);
    titled.table.rows.push_back({std::string(name), Duration{done.makespan}, Percent{done.makespan / done.bound - 1},
                                 Percent{done.idle_share}, Duration{done.longest_wait}, Duration{done.longest}, done.attempts,
                                 done.complete, done.quarantined, done.lost, done.twice,
                                 static_cast<std::int64_t>(static_cast<double>(done.events) / seconds), Duration{seconds}});
    if (has_bad)
      blame.table.rows.push_back({std::string(name), done.bad_runs, done.wrongly_lost, static_cast<std::int64_t>(simulation.bad_hosts),
                                  done.wrongly_blamed, done.failures_until_found, done.failures_on_bad_host});
    if (values.count("all") == 0) break;
  }
  titled.notes.push_back(fmt::format("peak memory of this process: {:.0f} MiB", peak_resident_bytes() / 1048576));
  std::vector<TitledTable> tables{titled};
  if (has_bad) tables.push_back(blame);
  std::cout << format_tables(tables, output_format(values));
  if (faulty) std::cerr << "stdualx: a run was lost or done twice\n";
  return static_cast<int>(faulty ? ExitStatus::runs_failed : ExitStatus::done);
}

} // namespace stdualx
