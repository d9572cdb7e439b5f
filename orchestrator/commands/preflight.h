// What a submitted job looks at before anything else: whether this compute node is as the login node was, as far as a sweep depends on it.
#pragma once

#include "experiments/catalog.h"
#include "orchestrator/submission.h"

#include <filesystem>

namespace stdualx {

/// Of the host that submits.
HostNote note_of_this_host(const std::filesystem::path& store, const DataPaths& paths);

/// Says what was found, one sentence each, on standard output: libraries, MPI, driver (where the job has GPUs), store and data with their
/// file systems, a file in STORE.d that is written, synced, locked and removed. Throws RefusedError with what is wrong and what to do.
void check_compute_node(const HostNote& login, const std::filesystem::path& store, const DataPaths& paths);

} // namespace stdualx
