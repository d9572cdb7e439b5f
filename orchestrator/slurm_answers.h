// What Slurm said of a store's jobs, kept for a while beside the store, STORE.d/slurm-jobs.json: a hundred people who watch a sweep are one
// question to the controller. Nothing depends on the file: where it is missing, damaged, old, of the future or cannot be written, Slurm is
// asked.
#pragma once

#include "cluster/slurm.h"

#include <filesystem>
#include <string>
#include <vector>

namespace stdualx {

/// So long an answer holds; STDUALX_SQUEUE_SECONDS names another time, 0 to ask always.
double seconds_an_answer_holds();

/// As ask_jobs, and by it, but at most once in that time for one store, by whichever process; a job that was not asked about since is.
std::vector<SlurmJob> ask_jobs_seldom(const std::filesystem::path& store_directory, const std::vector<std::string>& ids);

} // namespace stdualx
