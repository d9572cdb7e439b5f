// What `doctor` says about a host, for made-up facts; and the facts of this one, as far as they hold everywhere.
#include "cluster/host_checks.h"

#include "cluster/words.h"
#include "findings.h"

#include <gtest/gtest.h>

#include <signal.h>

#include <cerrno>

namespace stdualx {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

Finished said(const std::string& output, int exit_status = 0) { return {exit_status << 8, output, "", false}; }

MpiFacts good_mpi() {
  MpiFacts facts;
  facts.program = "/usr/bin/mpiexec";
  facts.library = "Open MPI v4.1.4, package: Debian OpenMPI, ident: 4.1.4, repo rev: v4.1.4, May 26, 2022";
  facts.version = said("mpiexec (OpenRTE) 4.1.4\n\nReport bugs to http://www.open-mpi.org/community/help/\n");
  facts.knows_slurm = true;
  facts.two_true = said("");
  return facts;
}

TEST(MpiCheck, AllRight) { EXPECT_THAT(judge_mpi(good_mpi(), true), AllRight()); }

TEST(MpiCheck, NoMpirun) {
  MpiFacts facts = good_mpi();
  facts.version.reset();
  EXPECT_THAT(judge_mpi(facts, false), ElementsAre(IsWithNext("is not there", "openmpi-bin")));
}

TEST(MpiCheck, AnotherMpiThanTheOneLinked) {
  MpiFacts facts = good_mpi();
  facts.version = said("mpirun (Open MPI) 5.0.11\n");
  EXPECT_THAT(judge_mpi(facts, false),
              Contains(IsWithNext("is Open MPI 5.0.11, and this program has loaded Open MPI v4.1.4", "LD_LIBRARY_PATH")));
  facts = good_mpi();
  facts.version = said("HYDRA build details:\n    Version: 4.0.2\n");
  EXPECT_THAT(judge_mpi(facts, false), ElementsAre(IsWithNext("is not Open MPI's (HYDRA build details:)", "MPI_HOME")));
  facts = good_mpi();
  facts.in_path = "/opt/mpi/bin/mpirun";
  EXPECT_THAT(judge_mpi(facts, false), Contains(Is(Verdict::note, "/opt/mpi/bin/mpirun comes first in PATH")));
}

TEST(MpiCheck, WithoutSlurmSupportOnlySlurmSuffers) {
  MpiFacts facts = good_mpi();
  facts.knows_slurm = false;
  EXPECT_THAT(judge_mpi(facts, false), Contains(Is(Verdict::note, "no launcher for Slurm")));
  EXPECT_THAT(judge_mpi(facts, true), Contains(IsWithNext("no launcher for Slurm", "--with-slurm")));
}

TEST(MpiCheck, ProcessesThatDoNotStart) {
  MpiFacts facts = good_mpi();
  facts.two_true = said("----------\nA system call failed during shared memory initialization\nmore\n", 1);
  EXPECT_THAT(judge_mpi(facts, false), Contains(IsWithNext("A system call failed", "TMPDIR")));
  facts.two_true->timed_out = true;
  EXPECT_THAT(judge_mpi(facts, false), Contains(IsWithNext("within a minute", "TMPDIR")));
}

TrainerFacts trainer(bool cuda, int major = 0) { return {"/opt/stdualx-trainer", "", said("usage"), cuda, major}; }
GpuFacts gpus(const std::string& driver, std::vector<Gpu> list = {}) { return {driver, said(""), std::move(list)}; }
const Gpu h100{0, "GPU-1a", "NVIDIA H100 80GB HBM3", "9.0", "Default"};

TEST(TrainerCheck, CoresOnlyIsRight) {
  EXPECT_THAT(judge_trainer(trainer(false)), AllRight());
  EXPECT_THAT(judge_gpus(trainer(false), {}), AllRight());
}

TEST(TrainerCheck, MissingOrNotStarting) {
  TrainerFacts facts;
  facts.missing = "/opt/stdualx-trainer: the trainer is not there";
  EXPECT_THAT(judge_trainer(facts), ElementsAre(IsWithNext("is not there", "build or install")));
  facts = trainer(false);
  facts.help = said("stdualx-trainer: error while loading shared libraries: libtorch_cpu.so: cannot open shared object file\n", 127);
  EXPECT_THAT(judge_trainer(facts), Contains(IsWithNext("libtorch_cpu.so", "cmake --install")));
  EXPECT_THAT(judge_trainer({}), ElementsAre(Is(Verdict::note, "STDUALX_TRAINER=none")));
  facts = trainer(false);
  facts.layers = "fused avx2";
  EXPECT_THAT(judge_trainer(facts), AllRight());
  facts.layers = "plain";
  EXPECT_THAT(judge_trainer(facts), Contains(Is(Verdict::note, "less than half as fast")));
}

TEST(TrainerCheck, ABuildWithCudaBesideTheDriver) {
  EXPECT_THAT(judge_gpus(trainer(true, 13), gpus("580.65.06", {h100})), AllRight());
  EXPECT_THAT(judge_gpus(trainer(true, 13), gpus("575.57.08", {h100})), Contains(IsWithNext("needs 580 or newer", "brought up to date")));
  EXPECT_THAT(judge_gpus(trainer(true, 12), gpus("575.57.08", {h100})), AllRight());
  EXPECT_THAT(judge_gpus(trainer(true, 0), gpus("575.57.08", {h100})), Contains(Is(Verdict::note, "not known")));
  EXPECT_THAT(judge_gpus(trainer(true, 13), {}), Contains(Is(Verdict::note, "no NVIDIA driver is loaded here")));
  EXPECT_THAT(judge_gpus(trainer(false), gpus("580.65.06", {h100})), Contains(IsWithNext("GPUs stay unused", "STDUALX_CUDA=ON")));
}

TEST(TrainerCheck, GpusThatCannotBeUsed) {
  const auto judge = [](GpuFacts facts) { return judge_gpus(trainer(true, 13), facts); };
  EXPECT_THAT(judge(gpus("580.65.06", {{1, "GPU-2b", "Tesla V100", "7.0", "Default"}})),
              Contains(IsWithNext("compute capability 7.0", "A100")));
  EXPECT_THAT(judge(gpus("580.65.06", {{1, "GPU-2b", "NVIDIA A100", "8.0", "Prohibited"}})),
              Contains(IsWithNext("Prohibited", "nvidia-smi -c 0")));
  EXPECT_THAT(judge(gpus("580.65.06")), Contains(IsWithNext("lists no GPU", "--gpus-per-node")));
  GpuFacts facts = gpus("580.65.06");
  facts.nvidia_smi = said("Failed to initialize NVML: Driver/library version mismatch\n", 18);
  EXPECT_THAT(judge(facts), Contains(IsWithNext("Driver/library version mismatch", "restart")));
  facts.nvidia_smi.reset();
  EXPECT_THAT(judge(facts), Contains(Is(Verdict::note, "not in PATH")));
}

TEST(GpuFacts, DriverAndListAreReadAsTheyAreWritten) {
  EXPECT_EQ(
      driver_version("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build  (dvs-builder@U22)  Tue Sep 23\n"
                     "GCC version:  gcc version 12.3.0\n"),
      "580.95.05");
  EXPECT_EQ(driver_version("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\n"), "535.104.05");
  EXPECT_EQ(driver_version(""), "");
  const auto list =
      parse_nvidia_smi("0, GPU-8932f937-d72c-4106-c12f-20bd9faed9f6, NVIDIA H100 80GB HBM3, 9.0, Default\nNo devices were found\n");
  ASSERT_EQ(list.size(), 1);
  EXPECT_EQ(list[0].uuid, "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6");
  EXPECT_EQ(list[0].name, "NVIDIA H100 80GB HBM3");
  EXPECT_EQ(list[0].capability, "9.0");
}

TEST(CoreCheck, FewerThanTheJobHasIsWrong) {
  EXPECT_THAT(judge_cores({8, 8, "0-7", std::nullopt}, {}), Is(Verdict::right, "8 of the machine's 8"));
  EXPECT_THAT(judge_cores({2, 64, "0-1", std::nullopt}, {}), Is(Verdict::note, "2 of the machine's 64"));
  EXPECT_THAT(
      judge_cores({16, 64, "0-15", std::nullopt}, {{"SLURM_JOB_ID", "7"}, {"SLURM_CPUS_ON_NODE", "16"}, {"SLURM_CPUS_PER_TASK", "8"}}),
      Is(Verdict::right, "16 of the machine's 64"));
  EXPECT_THAT(judge_cores({1, 64, "3", std::nullopt}, {{"SLURM_JOB_ID", "7"}, {"SLURM_CPUS_PER_TASK", "8"}}),
              IsWithNext("the job has 8 here", "--cpu-bind=none"));
  EXPECT_THAT(judge_cores({8, 8, "0-7", 2.5}, {}),
              AllOf(Is(Verdict::note, "the time of 2.5"), testing::Field(&Finding::next, "run --workers 2")));
}

TEST(CoreFacts, QuotasOfControlGroups) {
  EXPECT_EQ(cores_of_quota("max 100000\n"), std::nullopt);
  EXPECT_EQ(cores_of_quota("150000 100000\n"), 1.5);
  EXPECT_EQ(cores_of_quota(""), std::nullopt);
}

TEST(LimitCheck, OpenFilesCoresAndAddresses) {
  EXPECT_THAT(judge_limits({1024, 4096, 0, false, no_limit}, 8), AllRight());
  EXPECT_THAT(judge_limits({no_limit, no_limit, 0, false, no_limit}, 8), AllRight());
  EXPECT_THAT(judge_limits({200, 4096, 0, false, no_limit}, 8), Contains(IsWithNext("at most 200", "ulimit -n 256")));
  EXPECT_THAT(judge_limits({200, 200, 0, false, no_limit}, 8), Contains(IsWithNext("at most 200", "hard limit of 200")));
  EXPECT_THAT(judge_limits({1024, 4096, no_limit, false, no_limit}, 8), Contains(Is(Verdict::note, "crashes")));
  EXPECT_THAT(judge_limits({1024, 4096, no_limit, true, no_limit}, 8), AllRight());
  EXPECT_THAT(judge_limits({1024, 4096, 0, false, 8'000'000'000}, 8), Contains(IsWithNext("at most 8.0 GB", "ulimit -v unlimited")));
}

TEST(SignalCheck, IgnoredAndBlockedOnesAreNamed) {
  EXPECT_THAT(judge_signals({}), Is(Verdict::right, "none"));
  EXPECT_THAT(judge_signals({{SIGPIPE, SIGCHLD}, {}}), Is(Verdict::right, "none"));
  EXPECT_THAT(judge_signals({{SIGUSR1, SIGTERM}, {}}), Is(Verdict::note, "ignores SIGUSR1, SIGTERM"));
  EXPECT_THAT(judge_signals({{}, {SIGTERM}}), Is(Verdict::note, "blocks SIGTERM"));
  EXPECT_THAT(judge_signals({{SIGHUP}, {}}), Is(Verdict::note, "nohup"));
  EXPECT_THAT(signals_of_mask("0000000000000200"), ElementsAre(SIGUSR1));
  EXPECT_THAT(signals_of_mask("0000000000004001"), ElementsAre(SIGHUP, SIGTERM));
  EXPECT_THAT(signals_of_mask("0000000000000000"), IsEmpty());
}

TEST(SharedMemoryCheck, RoomAndReading) {
  EXPECT_THAT(judge_shared_memory({1'000'000'000, 900'000'000, 0}, 8), AllRight());
  EXPECT_THAT(judge_shared_memory({67'000'000, 20'000'000, 0}, 8), Contains(IsWithNext("20.0 MB free of 67.0 MB", "--shm-size")));
  EXPECT_THAT(judge_shared_memory({std::nullopt, std::nullopt, 0}, 8), Contains(IsWithNext("is not there", "tmpfs")));
  EXPECT_THAT(judge_shared_memory({1'000'000'000, 900'000'000, EPERM}, 8), Contains(Is(Verdict::note, "Operation not permitted")));
}

TEST(Words, OfProgramsAndBytes) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(999), "999 B");
  EXPECT_EQ(bytes_text(12'345), "12.3 kB");
  EXPECT_EQ(bytes_text(678'000'000), "678 MB");
  EXPECT_EQ(words_of(said("", 3)), "exit status 3");
  EXPECT_EQ(words_of({3 << 8, "out", "--------\n  the cause\nwhat to report\n", false}), "the cause");
}

TEST(Facts, OfThisHostHoldTogether) {
  const CoreFacts cores = look_at_cores();
  EXPECT_GE(cores.allowed, 1);
  EXPECT_GE(cores.online, cores.allowed);
  EXPECT_FALSE(cores.allowed_list.empty());
  EXPECT_GE(look_at_limits().open_files, no_limit);
  EXPECT_THAT(network_interfaces(), Contains("lo"));
  look_at_shared_memory(); // its children are gone when it returns
  EXPECT_FALSE(in_control_group_of("no such job"));
}

TEST(Facts, IgnoredSignalsAreSeen) {
  const auto before = ::signal(SIGUSR2, SIG_IGN);
  EXPECT_THAT(look_at_signals().ignored, Contains(SIGUSR2));
  ::signal(SIGUSR2, before);
  EXPECT_THAT(look_at_signals().ignored, Not(Contains(SIGUSR2)));
}

} // namespace
} // namespace stdualx
