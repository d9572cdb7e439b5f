// stdualx-trainer: started by an agent with its socket at descriptor 3 and shared memory at 4, or by hand on a file.
#include "cluster/build.h"
#include "experiments/spec/errors.h"
#include "experiments/spec/shown_text.h"
#include "model/kernels.h"
#include "worker/trainer/inference_cost.h"
#include "worker/trainer/network_size.h"
#include "worker/trainer/platform.h"
#include "worker/trainer/run_data.h"
#include "worker/trainer/trainer.h"
#include "worker/training/step_graph.h"

#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

namespace {

constexpr const char* usage =
    "usage: stdualx-trainer --assignment FILE [--threads N] | --measure FILE [--threads N] | --sizes FILE\n"
    "  Trains the run that FILE (JSON of an Assignment) names and prints its reports as lines of JSON; or measures what\n"
    "  the network with the weights at its `resume_path` costs to use, and prints an EfficiencyReport; or tells how large the\n"
    "  files of the networks are that FILE (JSON, a list of NetworkAsked) names.\n"
    "  Without arguments it serves the agent that started it. Example:\n"
    "  stdualx-trainer --assignment run.json --threads 1 | tail -n 1\n";

struct Options {
  std::string what; // "--assignment", "--measure" or "--sizes"; empty: serve an agent
  std::string file;
  std::int64_t threads = 0;
};

Options parse(const std::vector<std::string>& arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const bool known =
        arguments[i] == "--assignment" || arguments[i] == "--measure" || arguments[i] == "--sizes" || arguments[i] == "--threads";
    if (!known || i + 1 == arguments.size())
      throw stdualx::InputError((known ? "no value after '" : "unknown argument '") + arguments[i] + "'\n" + usage);
    const std::string& value = arguments[++i];
    if (arguments[i - 1] != "--threads") {
      options.what = arguments[i - 1];
      options.file = value;
    } else {
      if (value.empty() || value.find_first_not_of("0123456789") != std::string::npos || value.size() > 4 || std::stoi(value) < 1)
        throw stdualx::InputError("--threads: expected a number from 1 to 9999, found '" + value + "'");
      options.threads = std::stoi(value);
    }
  }
  if (options.file.empty() && options.threads > 0)
    throw stdualx::InputError(std::string("--threads goes with --assignment or --measure\n") + usage);
  return options;
}

template <class Value> Value read_value(const std::string& path) {
  std::ifstream stream(path);
  if (!stream) throw stdualx::InputError("cannot read " + path);
  try {
    return stdualx::value_from_json<Value>(stdualx::Json::parse(stream), "");
  } catch (const std::exception& failure) {
    throw stdualx::InputError(path + ": " + failure.what());
  }
}

stdualx::Assignment read_assignment(const std::string& path) { return read_value<stdualx::Assignment>(path); }

void print_sizes(const std::string& path) {
  std::vector<stdualx::NetworkSize> sizes;
  for (const auto& asked : read_value<std::vector<stdualx::NetworkAsked>>(path)) sizes.push_back(stdualx::network_size(asked));
  std::cout << stdualx::value_to_json(sizes).dump() << std::endl;
}

} // namespace

int main(int count, char** values) {
  using stdualx::ExitStatus;
  const std::vector<std::string> arguments(values + 1, values + count);
  try {
    if (arguments.size() == 1 && (arguments[0] == "--help" || arguments[0] == "-h")) {
      std::printf("%s  Layers for float32 on this host's cores: %s (STDUALX_KERNELS=plain|fused).\n", usage,
                  stdualx::kernels_in_use().c_str());
      return 0;
    }
    const Options options = parse(arguments);
    stdualx::limit_instruction_set();
    stdualx::keep_freed_memory();
    if (options.what == "--sizes") {
      print_sizes(options.file);
      return 0;
    }
    const at::Device device = stdualx::training_device();
    stdualx::make_deterministic(device);
    stdualx::graphs_wanted(); // a wrong word is told before anything is trained
    if (options.what == "--measure") {
      stdualx::Assignment assignment = read_assignment(options.file);
      if (options.threads > 0) assignment.run.threads = options.threads;
      std::cout << stdualx::to_json_all(stdualx::inference_cost(assignment, device)).dump() << std::endl;
      return 0;
    }
    if (options.what == "--assignment") {
      const auto end = stdualx::run_alone(read_assignment(options.file), options.threads, device, stdualx::open_run_data, std::cout);
      return static_cast<int>(end.reason == "complete" ? ExitStatus::done : ExitStatus::runs_failed);
    }
    // The launcher takes the signals and tells the agents what to do; a terminal or Slurm sends them to every process.
    for (const int signal : {SIGINT, SIGUSR1, SIGUSR2, SIGHUP}) std::signal(signal, SIG_IGN);
    stdualx::AgentLink link(stdualx::trainer_socket_descriptor, stdualx::trainer_memory_descriptor);
    stdualx::serve(link, device, stdualx::open_run_data, stdualx::this_build());
    return 0;
  } catch (const stdualx::InputError& failure) {
    std::fprintf(stderr, "stdualx-trainer: %s\n", stdualx::shown(failure.what()).c_str());
    return static_cast<int>(ExitStatus::bad_input);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "stdualx-trainer: %s\n", stdualx::shown(failure.what()).c_str());
    return static_cast<int>(ExitStatus::runs_failed);
  }
}
