// What `doctor` says about environment variables.
#include "cluster/environment_checks.h"

#include "findings.h"

#include <gtest/gtest.h>

namespace stdualx {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::SizeIs;

Finding visible(const std::string& value, int gpus) { return judge_visible_devices({{"CUDA_VISIBLE_DEVICES", value}}, gpus); }
std::vector<Finding> nccl(const std::string& name, const std::string& value) { return judge_nccl({{name, value}}, {"eth0", "ib0", "lo"}); }

TEST(VisibleDevicesCheck, UnsetIsRight) {
  EXPECT_THAT(judge_visible_devices({}, 0), Is(Verdict::right, "there are no GPUs"));
  EXPECT_THAT(judge_visible_devices({}, 4), Is(Verdict::right, "all 4 GPUs"));
}

TEST(VisibleDevicesCheck, EmptyIsRightWithoutGpusAndWorthKnowingWithThem) {
  EXPECT_THAT(visible("", 0), Is(Verdict::right, "no GPUs"));
  EXPECT_THAT(visible("", 4), Is(Verdict::note, "hides the 4 GPUs"));
}

TEST(VisibleDevicesCheck, ListsAreRightWhereTheDevicesAreThere) {
  EXPECT_THAT(visible("2,3", 4), Is(Verdict::right, "get these 2"));
  EXPECT_THAT(visible("GPU-1a2b", 4), Is(Verdict::right, "get these 1"));
  EXPECT_THAT(visible("2,4", 4), IsWithNext("no GPU 4 here, of 4", "nvidia-smi -L"));
  EXPECT_THAT(visible("GPU-1a2b", 0), IsWithNext("no GPUs here", "unset"));
  EXPECT_THAT(visible("all", 4), IsWithNext("'all' is no device", "unset"));
}

TEST(NcclCheck, NothingSetIsRight) {
  EXPECT_THAT(judge_nccl({{"NCCL_P2P_DISABLE", "0"}, {"NCCL_DEBUG", "WARN"}}, {}), ElementsAre(Is(Verdict::right, "no variable")));
}

TEST(NcclCheck, WhatBreaksIsWrong) {
  EXPECT_THAT(nccl("NCCL_PROXY_DUMP_SIGNAL", "10"), ElementsAre(IsWithNext("NCCL_PROXY_DUMP_SIGNAL=10", "unset NCCL_PROXY_DUMP_SIGNAL")));
  EXPECT_THAT(nccl("NCCL_COMM_ID", "10.0.0.1:5000"), ElementsAre(IsWithNext("NCCL_COMM_ID", "unset")));
}

TEST(NcclCheck, WhatSlowsOrDoesNothingIsWorthKnowing) {
  EXPECT_THAT(nccl("NCCL_P2P_DISABLE", "1"), ElementsAre(Is(Verdict::note, "slower")));
  EXPECT_THAT(nccl("NCCL_IB_DISABLE", "1"), ElementsAre(Is(Verdict::note, "slower")));
  EXPECT_THAT(nccl("NCCL_ASYNC_ERROR_HANDLING", "1"), ElementsAre(Is(Verdict::note, "does nothing here")));
  EXPECT_THAT(nccl("NCCL_ALGO", "Tree"), ElementsAre(Is(Verdict::note, "other bits")));
  EXPECT_THAT(nccl("NCCL_DEBUG", "TRACE"), ElementsAre(Is(Verdict::note, "stderr")));
}

TEST(NcclCheck, AnInterfaceThatIsNotThereIsWrong) {
  EXPECT_THAT(nccl("NCCL_SOCKET_IFNAME", "eth"), ElementsAre(Is(Verdict::right, "")));
  EXPECT_THAT(nccl("NCCL_SOCKET_IFNAME", "bond,ib"), ElementsAre(Is(Verdict::right, "")));
  EXPECT_THAT(nccl("NCCL_SOCKET_IFNAME", "=ib0"), ElementsAre(Is(Verdict::right, "")));
  EXPECT_THAT(nccl("NCCL_SOCKET_IFNAME", "^docker"), ElementsAre(Is(Verdict::right, "")));
  EXPECT_THAT(nccl("NCCL_SOCKET_IFNAME", "=eth"), ElementsAre(IsWithNext("which has eth0, ib0, lo", "unset NCCL_SOCKET_IFNAME")));
  EXPECT_THAT(nccl("NCCL_SOCKET_IFNAME", "bond0"), ElementsAre(IsWithNext("NCCL_SOCKET_IFNAME=bond0", "name one of these")));
}

TEST(NcclCheck, EachIsNamed) {
  EXPECT_THAT(judge_nccl({{"NCCL_COMM_ID", "a"}, {"NCCL_DEBUG", "INFO"}, {"NCCL_SOCKET_IFNAME", "x"}}, {"lo"}), SizeIs(3));
}

TEST(AllocationCheck, NoJobIsRightAndAJobOfOursToo) {
  EXPECT_THAT(judge_allocation({{"SLURM_CONF", "/etc/slurm.conf"}}, {}), Is(Verdict::right, "no job of Slurm"));
  EXPECT_THAT(judge_allocation({{"SLURM_JOB_ID", "7"}, {"SLURM_NTASKS", "2"}}, {true, "RUNNING", true, false}),
              Is(Verdict::right, "job 7"));
  EXPECT_THAT(judge_allocation({{"SLURM_JOB_ID", "7"}}, {false, "", false, true}), Is(Verdict::right, "job 7"));
}

TEST(AllocationCheck, VariablesOfAnotherJobAreWrong) {
  const Environment job = {{"SLURM_JOB_ID", "7"}};
  EXPECT_THAT(judge_allocation(job, {}), IsWithNext("cannot be asked here", "fresh shell"));
  EXPECT_THAT(judge_allocation(job, {true, "", false, false}), IsWithNext("knows no such job", "fresh shell"));
  EXPECT_THAT(judge_allocation(job, {true, "COMPLETED", true, false}), IsWithNext("is COMPLETED", "unset"));
  EXPECT_THAT(judge_allocation(job, {true, "RUNNING", false, false}), IsWithNext("other hosts", "unset"));
  EXPECT_THAT(judge_allocation({{"SLURM_NTASKS", "4"}}, {}), Is(Verdict::note, "SLURM_NTASKS"));
}

TEST(AllocationCheck, BeingARankOfSomethingElseIsWrong) {
  EXPECT_THAT(judge_allocation({{"PMIX_RANK", "0"}, {"SLURM_JOB_ID", "7"}}, {true, "RUNNING", true, true}),
              IsWithNext("PMIX_RANK", "batch script"));
  EXPECT_THAT(judge_allocation({{"OMPI_COMM_WORLD_RANK", "0"}}, {}), IsWithNext("OMPI_COMM_WORLD_RANK", "unset"));
}

} // namespace
} // namespace stdualx
