// See preflight.h.
#include "orchestrator/commands/preflight.h"

#include "cluster/devices.h"
#include "cluster/host_checks.h"
#include "cluster/mpi.h"
#include "cluster/place.h"
#include "cluster/process.h"
#include "orchestrator/commands/command.h"
#include "results/fence.h"

#include <fmt/format.h>

#include <cstdlib>
#include <iostream>

namespace stdualx {

namespace {

std::string file_system_of(const std::filesystem::path& path) { return file_system_name(nearest_folder(path)); }

/// "MPI: Open MPI 4.1.4, as where it was submitted".
Finding compared(const std::string& check, const std::string& here, const std::string& there) {
  if (here == there) return right(check, here + ", as where it was submitted");
  return note(check, here + "; where it was submitted: " + there);
}

} // namespace

HostNote note_of_this_host(const std::filesystem::path& store, const DataPaths& paths) {
  return {mpi_library(), file_system_of(store.parent_path()), file_system_of(paths.data_directory)};
}

void check_compute_node(const HostNote& login, const std::filesystem::path& store, const DataPaths& paths) {
  const std::filesystem::path folder = store_directory(store);
  const HostNote here = note_of_this_host(store, paths);
  std::vector<Finding> findings;
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  const auto add = [&](std::vector<Finding> more) {
    for (Finding& finding : more) findings.push_back(std::move(finding));
  };
  if (std::getenv("STDUALX_TRAINER") == nullptr) { // else a test's
    const TrainerFacts trainer = look_at_trainer(trainer_beside().string());
    add(judge_trainer(trainer));
    if (trainer.missing.empty() && (visible == nullptr || *visible != '\0'))
      add(judge_gpus(trainer, look_at_gpus())); // the script hides them where none was asked for
  }
  const auto named = visible_devices(visible);
  if (named && !named->empty() && gpus_of_host() == 0 && std::getenv("STDUALX_TRAINER") == nullptr)
    findings.push_back(
        wrong("GPUs", fmt::format("Slurm gave this job GPUs (CUDA_VISIBLE_DEVICES={}), but there is none on {}", visible, host_name()),
              "its driver is not loaded: tell the site, and submit with --sbatch=--exclude=" + host_name()));
  findings.push_back(compared("MPI", here.mpi, login.mpi));
  findings.push_back(
      compared("store", store.string() + " is on " + here.store_file_system, store.string() + " is on " + login.store_file_system));
  if (std::filesystem::is_directory(paths.data_directory))
    findings.push_back(compared("data", paths.data_directory.string() + " is on " + here.data_file_system,
                                paths.data_directory.string() + " is on " + login.data_file_system));
  else
    findings.push_back(note("data", paths.data_directory.string() + " is not there; recordings are looked for by their manifests alone"));
  add(judge_probe(probe(folder), folder));
  std::string faults;
  for (const Finding& finding : findings) {
    std::cout << "   " << finding.check << ": " << finding.found << "\n";
    if (finding.verdict == Verdict::wrong) faults += (faults.empty() ? "" : "; ") + finding.found + " (" + finding.next + ")";
  }
  if (!faults.empty()) throw RefusedError("this node cannot do what the job asks: " + faults);
}

} // namespace stdualx
