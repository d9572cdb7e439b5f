// A whole job in one process: the coordinator's state machine and its bookkeeper, a real store, real checkpoint files. An agent and its
// trainer are a few lines each, in which everything is as in worker/trainer/attempt.cpp but the training: the state is a hash that an epoch
// hashes on. So a sweep takes milliseconds, and can be killed in every way at every point.
#pragma once

#include "orchestrator/bookkeeper.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace stdualx {

/// The state after `epoch` epochs of a run, whoever computes it and however often.
std::string state_after(const std::string& run_id, std::int64_t epoch);

struct OneProcessOptions {
  int workers = 2;
  StoreOptions store;                // of the claim
  std::int64_t drain_after = -1;     // messages taken in by the coordinator, then drain; -1: never
  std::int64_t most_turns = 1000000; // of the loop; a job that needs more hangs: std::runtime_error
};

/// Runs `job` to its end in this process. The exit status of `stdualx run`; `message` is what the person would read.
int run_in_one_process(const Job& job, const OneProcessOptions& options, std::string& message);

/// Three runs of one rank and one of two, `epochs` each; store and checkpoints in `folder`.
Job small_job(const std::filesystem::path& folder, std::int64_t epochs = 3);

/// All that must be equal however a sweep was disturbed, as text: runs, epochs with their hashes, evaluations, predictions, and the
/// files that COMPLETE runs keep.
std::string what_must_be_equal(const Job& job);

} // namespace stdualx
