// `stdualx bench`: what trained networks cost to use, on this machine, into the store and beside the paper's numbers.
#include "cluster/host.h"
#include "experiments/spec/assignment.h"
#include "orchestrator/commands/command.h"
#include "results/rows.h"
#include "results/store.h"
#include "results/tables.h"
#include "worker/messages/run_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <iostream>
#include <mutex>
#include <optional>
#include <random>
#include <thread>

#ifdef STDUALX_WITH_FUSED
#include "model/fused/vector_loops.h"
#include "orchestrator/commands/trained.h"
#endif

namespace stdualx {

namespace {

struct Measured {
  std::string run_id;
  RunSpec run;
  Artifact weights;
};

/// The run that was named, or one of each network and data set: the first fold and seed that kept its weights.
std::vector<Measured> runs_to_measure(Reader& reader, const std::string& prefix, const std::filesystem::path& store_directory) {
  const std::string only = prefix.empty() ? "" : resolve_run(reader, prefix);
  std::vector<Measured> runs;
  std::string gone;
  std::vector<std::pair<std::string, ModelConfig>> known;
  const Table rows = reader.query(
      "SELECT r.run_id, c.config FROM runs r JOIN v_configs c USING (run_id) WHERE r.status = 'COMPLETE' AND (?1 = '' OR r.run_id = ?1) "
      "AND EXISTS (SELECT 1 FROM artifacts a WHERE a.run_id = r.run_id AND a.kind = 'weights') "
      "ORDER BY r.dataset, r.variant <> 'stdual_x', r.variant, r.fold, r.seed",
      {only});
  for (const auto& row : rows.rows) {
    const std::string run_id = text_of(row[0]);
    RunSpec run = from_json<RunSpec>(Json::parse(text_of(row[1])));
    const std::pair<std::string, ModelConfig> network{run.dataset_hash, run.model};
    if (std::find(known.begin(), known.end(), network) != known.end()) continue;
    const Artifact weights = reader.run_states({{run_id}}).front().weights.value();
    if (is_gone(store_directory, weights.path)) {
      if (gone.empty()) gone = (store_directory / weights.path).string();
      continue;
    }
    known.push_back(network);
    runs.push_back({run_id, std::move(run), weights});
  }
  if (runs.empty() && !gone.empty())
    throw InputError("the weights are gone (" + gone +
                     "): put them back, or name a condition more in the sweep and `stdualx run` it, which trains such runs again");
  if (runs.empty())
    throw InputError(only.empty() ? "no COMPLETE run of the store has kept its weights; `stdualx run SPEC` trains some"
                                  : "run " + only + " is not COMPLETE or has not kept its weights; `stdualx explain` says more");
  return runs;
}

EfficiencyReport measure(const Measured& measured, const std::filesystem::path& store_directory, int threads) {
  Assignment assignment;
  assignment.run_id = measured.run_id;
  assignment.run = measured.run;
  assignment.run.threads = threads;
  assignment.store_directory = store_directory.string();
  assignment.evaluate_only = true;
  assignment.resume_path = measured.weights.path;
  assignment.resume_sha256 = measured.weights.sha256;
  return from_json<EfficiencyReport>(ask_trainer("--measure", to_json_all(assignment), "measuring run " + short_id(measured.run_id)));
}

#ifdef STDUALX_WITH_FUSED
/// The same network without libtorch, in this process (model/inference), as its trainer measures it (worker/trainer/inference_cost.h);
/// nothing where that form lacks the network.
std::optional<EfficiencyReport> measure_without_torch(const Measured& measured, const std::filesystem::path& store_directory,
                                                      const EfficiencyReport& with_torch) {
  const Trained trained = read_trained(store_directory / measured.weights.path);
  if (!lacks_inference(trained.run.model, trained.shape).empty()) return std::nullopt;
  Inference network(trained.run.model, trained.shape, trained.weights);
  const auto values = static_cast<std::size_t>(trained.shape.sensors * trained.shape.steps * trained.shape.channels);
  std::mt19937 engine(1);
  std::normal_distribution<float> noise;
  std::vector<float> windows, logits;
  const auto seconds_of = [&](std::size_t batch) {
    while (windows.size() < batch * values) windows.push_back(noise(engine));
    logits.resize(batch * static_cast<std::size_t>(trained.shape.classes));
    const auto start = std::chrono::steady_clock::now();
    network(windows.data(), batch, logits.data());
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  const auto sorted_seconds = [&](std::size_t batch, int times) {
    for (int i = 0; i < times / 10 + 1; ++i) seconds_of(batch);
    std::vector<double> seconds;
    for (int i = 0; i < times; ++i) seconds.push_back(seconds_of(batch));
    std::sort(seconds.begin(), seconds.end());
    return seconds;
  };
  EfficiencyReport report{measured.run_id, with_torch.host, "cpu without libtorch", "", 1, {}};
  report.platform = "float32, loops for " + std::string(vector_instruction_sets().back());
  const std::vector<double> one = sorted_seconds(1, 300);
  report.metrics = {
      {"latency_median", one[one.size() / 2]}, {"latency_p99", one[one.size() * 99 / 100]}, {"process_peak_bytes", peak_resident_bytes()}};
  for (const std::size_t batch : {8U, 64U, 256U}) {
    const std::vector<double> many = sorted_seconds(batch, 10);
    report.metrics.push_back({"windows_per_second_" + std::to_string(batch), static_cast<double>(batch) / many[many.size() / 2]});
  }
  return report;
}
#endif

/// Does `work` while a thread counts the store's heartbeat on, so that no other host takes it for abandoned. Only that thread may use the
/// store meanwhile. What the heartbeat throws (the fence is lost) is thrown after the work.
template <class Work> void beside_a_heartbeat(Store& store, Work&& work) {
  constexpr auto between = std::chrono::seconds(5); // a lease is at least four of them
  std::exception_ptr failure;
  {
    std::jthread heart([&](const std::stop_token& stop) {
      std::mutex mutex;
      std::condition_variable_any never;
      std::unique_lock lock(mutex);
      try {
        while (!never.wait_for(lock, stop, between, [&] { return stop.stop_requested(); })) store.heartbeat();
      } catch (const std::exception&) {
        failure = std::current_exception();
      }
    });
    work();
  }
  if (failure) std::rethrow_exception(failure);
}

} // namespace

int bench_command(const Command& command, const std::vector<std::string>& arguments) {
  if (!arguments.empty() && arguments.front() == "scheduler") return bench_scheduler(command, arguments);
  options::options_description described("options");
  add_store_option(described);
  add_format_option(described);
  described.add_options()("RUN", options::value<std::string>()->default_value(""),
                          "the run, or the start of its identity (default: one of each network in the store)")(
      "threads", options::value<int>()->default_value(1)->value_name("N"), "threads that the network may use");
  options::variables_map values;
  if (!parse_options(command, arguments, described, {"[RUN]"}, values)) return 0;
  const Output format = output_format(values);
  const int threads = values["threads"].as<int>();
  if (threads < 1 || threads > 1024) throw InputError(fmt::format("--threads: expected a number from 1 to 1024, found {}", threads));
  const std::filesystem::path path = store_path(values);
  { Reader there(path); } // or says what to do
  // Claimed first, and recorded run by run: an hour of measuring is not thrown away because a sweep holds the store.
  Store store = Store::open_for_writing(path, waiting_for_readers(path));
  std::vector<Measured> runs;
  {
    Reader reader(path);
    runs = runs_to_measure(reader, values["RUN"].as<std::string>(), store_directory(path));
  }
  for (const Measured& run : runs) {
    std::cerr << fmt::format("stdualx: measuring {} on {} (run {})\n", run.run.variant, run.run.dataset, short_id(run.run_id));
    EfficiencyReport measured;
    beside_a_heartbeat(store, [&] { measured = measure(run, store_directory(path), threads); });
    store.record_efficiency(measured);
#ifdef STDUALX_WITH_FUSED
    std::optional<EfficiencyReport> alone;
    beside_a_heartbeat(store, [&] { alone = measure_without_torch(run, store_directory(path), measured); });
    if (alone) store.record_efficiency(*alone);
#endif
  }
  store.release();
  Reader reader(path);
  std::cout << format_tables(report(reader, {{"efficiency"}, {}}), format);
  return 0;
}

} // namespace stdualx
