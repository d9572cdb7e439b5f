// What `doctor --slurm` says about sites: a good one, and each thing that can be otherwise. The texts are Slurm 22.05's.
#include "cluster/slurm_checks.h"

#include "findings.h"

#include <gtest/gtest.h>

namespace stdualx {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

SlurmSite good_site() {
  SlurmSite site;
  for (const char* program : {"sbatch", "squeue", "scontrol", "srun"}) site.versions[program] = "slurm-wlm 22.05.8";
  site.configuration = parse_slurm_configuration("Configuration data as of 2026-11-26T20:20:17\n"
                                                 "AuthInfo                = socket=/run/munge,cred_expire=30\n"
                                                 "ClusterName             = lab\n"
                                                 "JobRequeue              = 1\n"
                                                 "KillWait                = 30 sec\n"
                                                 "MinJobAge               = 300 sec\n"
                                                 "MpiDefault              = none\n"
                                                 "PreemptMode             = OFF\n"
                                                 "PreemptType             = preempt/none\n"
                                                 "RequeueExit             = (null)\n"
                                                 "RequeueExitHold         = (null)\n"
                                                 "SLURM_VERSION           = 22.05.8\n"
                                                 "SlurmctldParameters     = (null)\n");
  site.partitions = parse_slurm_records(
      "PartitionName=short Default=NO DefaultTime=NONE GraceTime=0 MaxTime=00:30:00 Nodes=node1 PreemptMode=OFF State=DOWN\n"
      "PartitionName=gpu Default=YES DefaultTime=01:00:00 GraceTime=120 MaxTime=2-00:00:00 Nodes=node[1-2] PreemptMode=REQUEUE State=UP\n");
  site.nodes =
      parse_slurm_records("NodeName=node1 Arch=x86_64 Gres=gpu:a100:4(S:0-1) OS=Linux 6.1 #1 SMP State=MIXED Partitions=gpu,short\n"
                          "NodeName=node2 Gres=gpu:a100:8(S:0-1),shard:2 State=DOWN*+DRAIN Partitions=gpu\n"
                          "NodeName=node3 Gres=(null) State=IDLE Partitions=cpu\n");
  site.mpi_plugins = {"pmix", "none"};
  site.accounting = "";
  return site;
}

std::vector<Finding> judge(const SlurmSite& site, const std::string& partition = "", int gpus = 0) {
  return judge_slurm(site, partition, gpus, false);
}

TEST(SlurmCheck, AGoodSiteIsRight) {
  const std::vector<Finding> findings = judge(good_site());
  EXPECT_THAT(findings, AllRight());
  EXPECT_THAT(findings, Contains(Is(Verdict::right, "at most 2-00:00:00; without --time a job has 01:00:00")));
  EXPECT_THAT(findings, Contains(Is(Verdict::right, "1 of 2 in partition gpu take jobs; node2 is DOWN*+DRAIN")));
  EXPECT_THAT(findings, Contains(Is(Verdict::right, "one node has up to 4")));
  EXPECT_THAT(findings, Contains(Is(Verdict::right, "30 s (cred_expire)")));
}

TEST(SlurmCheck, ProgramsThatAreNotThere) {
  SlurmSite site;
  site.refusal = "there is no scontrol to ask it with";
  EXPECT_THAT(judge(site), ElementsAre(IsWithNext("none is in PATH", "module load slurm"), IsWithNext("does not answer", "scontrol ping")));
  site = good_site();
  site.versions.erase("sbatch");
  EXPECT_THAT(judge(site), Contains(IsWithNext("sbatch not in PATH", "module load slurm")));
  site = good_site();
  site.versions["srun"] = "slurm 23.11.1";
  EXPECT_THAT(judge(site), Contains(Is(Verdict::note, "several versions")));
}

TEST(SlurmCheck, AControllerThatDoesNotAnswer) {
  SlurmSite site = good_site();
  site.refusal = "slurm_load_ctl_conf error: Unable to contact slurm controller (connect failure)";
  EXPECT_THAT(judge(site), Contains(IsWithNext("Unable to contact", "munge")));
}

TEST(SlurmCheck, Partitions) {
  EXPECT_THAT(judge(good_site(), "gpux"), Contains(IsWithNext("there is no 'gpux'", "short, gpu")));
  EXPECT_THAT(judge(good_site(), "short"), Contains(IsWithNext("short is DOWN", "--partition")));
  SlurmSite site = good_site();
  site.partitions[1]["Default"] = "NO";
  EXPECT_THAT(judge(site), Contains(IsWithNext("the site has no default", "--partition")));
  EXPECT_THAT(judge(site, "gpu"), AllRight());
  site.partitions[1]["MaxTime"] = "UNLIMITED";
  site.partitions[1]["DefaultTime"] = "NONE";
  EXPECT_THAT(judge(site, "gpu"), Contains(Is(Verdict::right, "none; without --time a job has no end")));
}

TEST(SlurmCheck, NodesAndTheirGpus) {
  EXPECT_THAT(judge(good_site(), "", 4), Contains(Is(Verdict::right, "up to 4")));
  EXPECT_THAT(judge(good_site(), "", 8),
              Contains(IsWithNext("no node of partition gpu that takes jobs has 8 GPUs (most: 4)", "--gpus-per-node")));
  SlurmSite site = good_site();
  site.nodes[0]["State"] = "IDLE+DRAIN";
  EXPECT_THAT(judge(site), Contains(IsWithNext("none of the 2 of partition gpu takes jobs", "sinfo -R")));
  site.partitions.push_back({{"PartitionName", "cpu"}, {"State", "UP"}, {"MaxTime", "1:00:00"}});
  EXPECT_THAT(judge(site, "cpu"),
              Contains(AllOf(Is(Verdict::note, "none in partition cpu"), Field(&Finding::next, HasSubstr("--workers-per-node")))));
  site.partitions.push_back({{"PartitionName", "empty"}, {"State", "UP"}, {"MaxTime", "1:00:00"}});
  EXPECT_THAT(judge(site, "empty"), Contains(IsWithNext("has none", "--partition")));
}

TEST(SlurmCheck, Preemption) {
  SlurmSite site = good_site();
  EXPECT_THAT(judge(site), Contains(Is(Verdict::right, "not preempted"))); // a mode without a type never comes to pass
  site.configuration["PreemptType"] = "preempt/partition_prio";
  EXPECT_THAT(judge(site), Contains(Is(Verdict::note, "started again (REQUEUE) and goes on; before, it is not warned")));
  site.configuration["SlurmctldParameters"] = "idle_on_node_suspend,preempt_send_user_signal";
  EXPECT_THAT(judge(site), Contains(Is(Verdict::note, "warned, and has 120 s")));
  site.configuration["SlurmctldParameters"] = "";
  site.configuration["PreemptParameters"] = "send_user_signal";
  EXPECT_THAT(judge(site), Contains(Is(Verdict::note, "warned, and has 120 s")));
  site.partitions[1]["PreemptMode"] = "CANCEL";
  EXPECT_THAT(judge(site), Contains(Is(Verdict::note, "then asks to be started again")));
  site.configuration["PreemptParameters"] = "";
  EXPECT_THAT(judge(site),
              Contains(AllOf(Is(Verdict::note, "cancelled for good"), Field(&Finding::next, HasSubstr("`submit` the sweep again")))));
  site.partitions[1]["PreemptMode"] = "GANG,SUSPEND";
  EXPECT_THAT(judge(site), Contains(Is(Verdict::note, "suspended where it is")));
  site.partitions[1]["PreemptMode"] = "OFF";
  EXPECT_THAT(judge(site), Contains(Is(Verdict::right, "not preempted")));
  site.configuration["PreemptType"] = "preempt/qos";
  EXPECT_THAT(judge(site), Contains(AllOf(Is(Verdict::note, "by QOS"), Field(&Finding::next, HasSubstr("sacctmgr")))));
}

TEST(SlurmCheck, WhatMeetsAJobThatIsToGoOn) {
  SlurmSite site = good_site();
  site.configuration["JobRequeue"] = "0";
  EXPECT_THAT(judge(site), Contains(Is(Verdict::right, "--requeue")));
  site.configuration["AuthInfo"] = "(null)";
  EXPECT_THAT(judge(site), Contains(Is(Verdict::right, "120 s (cred_expire)")));
  site.configuration["KillWait"] = "2 sec";
  EXPECT_THAT(judge(site), Contains(Is(Verdict::note, "2 s between TERM and KILL")));
  site.configuration["RequeueExit"] = "1-5";
  EXPECT_THAT(judge(site), Contains(Is(Verdict::note, "RequeueExit has 2 or 3")));
  site.configuration["RequeueExit"] = "75";
  EXPECT_THAT(judge(site), Contains(Is(Verdict::right, "RequeueExit has 75")));
  site.configuration["RequeueExitHold"] = "70-80";
  EXPECT_THAT(judge(site), Contains(IsWithNext("RequeueExitHold has 75", "scontrol release")));
}

TEST(SlurmCheck, MpiAccountingAndRoot) {
  SlurmSite site = good_site();
  site.mpi_plugins = {"none", "pmi2"};
  EXPECT_THAT(judge(site), Contains(Field(&Finding::next, HasSubstr("srun alone cannot"))));
  site.accounting = "Slurm accounting storage is disabled";
  EXPECT_THAT(judge(site), Contains(Is(Verdict::note, "forgotten after 300 sec")));
  site.accounting.reset();
  EXPECT_THAT(judge(site), Contains(Is(Verdict::note, "it is not in PATH")));
  site.configuration["DisableRootJobs"] = "Yes";
  EXPECT_THAT(judge(site), Not(Contains(Is(Verdict::wrong, "root"))));
  EXPECT_THAT(judge_slurm(site, "", 0, true), Contains(IsWithNext("root's jobs are refused", "submit as a user")));
}

TEST(SlurmTexts, RecordsKeepBlanksInTheirValues) {
  const auto nodes = parse_slurm_records(
      "NodeName=vm Arch=x86_64 OS=Linux 6.18.44 #1 SMP PREEMPT_DYNAMIC @0  RealMemory=1 Gres=(null) CfgTRES=cpu=4,mem=1M\n\n");
  ASSERT_EQ(nodes.size(), 1);
  EXPECT_THAT(nodes[0], Contains(Pair("OS", "Linux 6.18.44 #1 SMP PREEMPT_DYNAMIC @0")));
  EXPECT_THAT(nodes[0], Contains(Pair("CfgTRES", "cpu=4,mem=1M")));
  EXPECT_THAT(nodes[0], Contains(Pair("RealMemory", "1")));
}

TEST(SlurmTexts, MpiPluginsInBothForms) {
  EXPECT_THAT(parse_mpi_plugins("MPI plugin types are...\n\tpmix\n\tnone\n\tpmi2\nspecific pmix plugin versions available: pmix_v4\n"),
              ElementsAre("pmix", "none", "pmi2"));
  EXPECT_THAT(parse_mpi_plugins("srun: MPI types are...\nsrun: none\nsrun: pmix_v3\n"), ElementsAre("none", "pmix_v3"));
}

TEST(SlurmTexts, GresStatesAndLists) {
  EXPECT_EQ(gpus_of_gres("(null)"), 0);
  EXPECT_EQ(gpus_of_gres("gpu:2"), 2);
  EXPECT_EQ(gpus_of_gres("gpu:a100:4(S:0-1),nic:2"), 4);
  EXPECT_EQ(gpus_of_gres("gpu"), 1);
  EXPECT_EQ(gpus_of_gres("gpu_mem:80"), 0);
  for (const char* state : {"IDLE", "MIXED", "ALLOCATED", "IDLE+CLOUD+POWERED_DOWN", "COMPLETING"})
    EXPECT_TRUE(node_serves(state)) << state;
  for (const char* state : {"DOWN", "DOWN*", "IDLE*", "DOWN*+CLOUD", "IDLE+DRAIN", "MIXED+DRAIN", "DOWN+NOT_RESPONDING", "UNKNOWN"})
    EXPECT_FALSE(node_serves(state)) << state;
  EXPECT_TRUE(list_holds("1,70-80", 75));
  EXPECT_TRUE(list_holds("75", 75));
  EXPECT_FALSE(list_holds("1,3-5", 75));
  EXPECT_FALSE(list_holds("", 75));
}

} // namespace
} // namespace stdualx
