// Batch scripts as text, as bash reads them, and what is said to sbatch and scontrol, which stand-ins play here. The real ones take part
// in tests/slurm.
#include "cluster/batch_script.h"
#include "cluster/process.h"
#include "cluster/slurm.h"
#include "cluster/slurm_site.h"

#include "experiments/spec/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

namespace stdualx {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;
using testing::SizeIs;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

BatchJob plain_job() {
  BatchJob job;
  job.name = "tiny";
  job.log_directory = "/shared/results.db.d/submissions/tiny-1";
  job.working_directory = "/shared";
  job.command = {"/opt/stdualx", "run", "/shared/sweep.json"};
  return job;
}

std::string refusal(const BatchJob& job) {
  try {
    sbatch_script(job);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(BatchScript, AsksForWhatWasAskedAndForNothingElse) {
  std::vector<std::string> asked;
  for (const auto& line : lines_of(sbatch_script(plain_job())))
    if (line.starts_with("#SBATCH")) asked.push_back(line.substr(8));
  EXPECT_THAT(asked, ElementsAre("--job-name=tiny", "--nodes=1", "--ntasks-per-node=1", "--cpus-per-task=1",
                                 "--output=/shared/results.db.d/submissions/tiny-1/log-%j.txt", "--open-mode=append", "--requeue",
                                 "--signal=B:USR1@300"));

  BatchJob job = plain_job();
  job.memory = "64G";
  job.qos = "long";
  job.constraint = "a100|h100";
  job.prologue = {"module load openmpi", "export A='b c'"};
  job.nodes = 4;
  job.workers_per_node = 8;
  job.gpus = true;
  job.cpus_per_worker = 6;
  job.time = "1-12:00";
  job.partition = "gpu";
  job.account = "lab 7";
  job.warning_seconds = 90;
  job.further = {"--mem=64G", "--no-requeue"};
  asked.clear();
  for (const auto& line : lines_of(sbatch_script(job)))
    if (line.starts_with("#SBATCH")) asked.push_back(line.substr(8));
  EXPECT_THAT(lines_of(sbatch_script(job)), IsSupersetOf({"module load openmpi", "export A='b c'"})) << "as they are";
  EXPECT_THAT(asked, ElementsAre("--job-name=tiny", "--nodes=4", "--ntasks-per-node=8", "--cpus-per-task=6", "--gres=gpu:8", "--mem=64G",
                                 "--time=1-12:00", "--partition=gpu", "--account=\"lab 7\"", "--qos=long", "--constraint=\"a100|h100\"",
                                 "--output=/shared/results.db.d/submissions/tiny-1/log-%j.txt", "--open-mode=append", "--requeue",
                                 "--signal=B:USR1@90", "--mem=64G", "--no-requeue"));
}

TEST(BatchScript, EndsInTheProgramAndHidesGpusThatNobodyAskedFor) {
  BatchJob job = plain_job();
  EXPECT_EQ(lines_of(sbatch_script(job)).front(), "#!/bin/bash");
  EXPECT_EQ(lines_of(sbatch_script(job)).back(), "exec /opt/stdualx run /shared/sweep.json");
  EXPECT_THAT(sbatch_script(job), HasSubstr("export CUDA_VISIBLE_DEVICES= "));
  job.gpus = true;
  EXPECT_THAT(sbatch_script(job), Not(HasSubstr("CUDA_VISIBLE_DEVICES")));
}

TEST(BatchScript, QuotesForSlurmAsSlurmReads) {
  BatchJob job = plain_job();
  job.name = "it's #1 \"wide\" \\";
  job.log_directory = "/shared/50% off";
  const auto lines = lines_of(sbatch_script(job));
  EXPECT_THAT(lines, Contains("#SBATCH --job-name=\"it's #1 \\\"wide\\\" \\\\\""));
  EXPECT_THAT(lines, Contains("#SBATCH --output=\"/shared/50%% off/log-%j.txt\""));
}

TEST(BatchScript, RefusesWhatNoScriptCanSay) {
  BatchJob job = plain_job();
  job.name = "two\nlines";
  EXPECT_THAT(refusal(job), HasSubstr("--job-name"));
  job = plain_job();
  job.log_directory = "/shared/back\\slash";
  EXPECT_THAT(refusal(job), HasSubstr("backslash"));
  job = plain_job();
  job.further = {"mem=64G"};
  EXPECT_THAT(refusal(job), HasSubstr("mem=64G"));
  job.further = {"--mem=64G\nrm x"};
  EXPECT_THAT(refusal(job), HasSubstr("control characters"));
}

TEST(SlurmSeconds, ReadsEachSpellingOfSlurm) {
  EXPECT_EQ(slurm_seconds("90"), 90 * 60);
  EXPECT_EQ(slurm_seconds("1:30"), 90);
  EXPECT_EQ(slurm_seconds("2:00:05"), 7205);
  EXPECT_EQ(slurm_seconds("1-12"), 36 * 3600);
  EXPECT_EQ(slurm_seconds("1-12:30"), 36 * 3600 + 1800);
  EXPECT_EQ(slurm_seconds("0-0:1:30"), 90);
  for (const char* bad : {"", "abc", "0", "-5", "1-", "1:", ":30", "1h", "1:2:3:4", "1-2:3:4:5", "1.5", "UNLIMITED", "99999999999"})
    EXPECT_THROW(slurm_seconds(bad), InputError) << bad;
}

/// A folder of programs that stand first in PATH, and write their arguments into `calls`.
class SlurmStandIns : public testing::Test {
protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "stdualx slurm'test-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    path_ = std::getenv("PATH");
    ::setenv("PATH", (folder_.string() + ":/usr/bin:/bin").c_str(), 1);
  }
  void TearDown() override {
    ::setenv("PATH", path_.c_str(), 1);
    std::filesystem::remove_all(folder_);
  }
  std::filesystem::path program(const std::string& name, const std::string& body) const {
    const std::filesystem::path path = folder_ / name;
    std::ofstream(path) << "#!/bin/bash\nprintf '%s|' " << name << " \"$@\" >>\"${0%/*}/calls\"; echo >>\"${0%/*}/calls\"\n"
                        << body << "\n";
    ::chmod(path.c_str(), 0700);
    return path;
  }
  std::vector<std::string> calls() const {
    std::ifstream file(folder_ / "calls");
    return lines_of({std::istreambuf_iterator<char>(file), {}});
  }
  std::string send_refusal() const {
    try {
      send_batch_script("/shared/job.sh");
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  }

  std::string uncertainty() const {
    try {
      send_batch_script("/shared/job.sh", {}, "", std::chrono::milliseconds(10));
    } catch (const UncertainJob& error) {
      return error.what();
    }
    return "";
  }

  std::filesystem::path folder_;
  std::string path_;
};

TEST_F(SlurmStandIns, BashReadsEachWordOfTheCommandAsItWasGiven) {
  BatchJob job = plain_job();
  job.working_directory = folder_ / "a place with $HOME and a # in it";
  std::filesystem::create_directory(job.working_directory);
  job.environment = {{"STDUALX_TEST", "it's $(here)"}};
  job.command = {
      program("program", "printf '%s\\n%s\\n' \"$PWD\" \"$STDUALX_TEST\"").string(), "two words", "", "a'b\"c\\d", "$HOME `ls` *;&", "-x"};
  std::ofstream(folder_ / "job.sh") << sbatch_script(job);
  std::ofstream(folder_ / "outside.sh") << "exec bash \"$1\" >\"$1.out\"\n";
  ASSERT_EQ(std::system(("cd / && bash \"" + (folder_ / "outside.sh").string() + "\" \"" + (folder_ / "job.sh").string() + "\"").c_str()),
            0);
  EXPECT_THAT(calls(), ElementsAre("program|two words||a'b\"c\\d|$HOME `ls` *;&|-x|"));
  std::ifstream out(folder_ / "job.sh.out");
  const auto lines = lines_of({std::istreambuf_iterator<char>(out), {}});
  ASSERT_EQ(lines.size(), 3u); // the first one says which try it is
  EXPECT_EQ(lines[1], job.working_directory.string());
  EXPECT_EQ(lines[2], "it's $(here)");
}

TEST_F(SlurmStandIns, SendingReadsTheNumberOfTheJob) {
  program("sbatch", "echo 12");
  EXPECT_EQ(send_batch_script("/shared/job.sh").id, "12");
  program("sbatch", "echo 'welcome to the cluster'; echo '13;cluster'");
  const SentJob elsewhere = send_batch_script("/shared/job.sh", {"--hold"});
  EXPECT_EQ(elsewhere.id, "13");
  EXPECT_EQ(elsewhere.cluster, "cluster");
  EXPECT_THAT(calls(), ElementsAre("sbatch|--parsable|/shared/job.sh|", "sbatch|--parsable|--hold|/shared/job.sh|"));
}

TEST_F(SlurmStandIns, AControllerThatIsAwaySaysNothingOfAJob) {
  program("scontrol", "echo 'slurm_load_jobs error: Unable to contact slurm controller (connect failure)' >&2; exit 1");
  EXPECT_EQ(slurm_job("12"), std::nullopt);
  program("scontrol", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1");
  EXPECT_EQ(slurm_job("12"), SlurmFields{});
  program("scontrol", "echo 'JobId=12 JobState=RUNNING'");
  EXPECT_EQ(slurm_job("12")->at("JobState"), "RUNNING");
}

TEST_F(SlurmStandIns, NodesThatAnswerAreNamedInSlurmsOrderAmongThoseThatDoNot) {
  const Descriptor listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), closed(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto bound = [](const Descriptor& socket) { // to a port of its own; one that nobody listens at refuses
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    return std::to_string(ntohs(address.sin_port));
  };
  const std::string live = bound(listening), dead = bound(closed);
  ASSERT_EQ(::listen(listening.get(), 600), 0);
  std::string nodes;
  std::vector<std::string> expected;
  for (int i = 0; i < 600; ++i) {
    const std::string name = "n" + std::to_string(i);
    nodes += "NodeName=" + name + " NodeAddr=127.0.0.1 Port=" + (i % 3 == 0 ? dead : live) + "\n";
    if (i % 3 != 0) expected.push_back(name);
  }
  std::ofstream(folder_ / "nodes") << nodes;
  program("scontrol", "[ \"$2\" = config ] && echo 'SlurmdPort = 1' || cat \"${0%/*}/nodes\"");
  EXPECT_EQ(answering_nodes("n[0-599]"), expected);
}

TEST_F(SlurmStandIns, AControllerThatIsAwaySaysNothingOfNodes) {
  program("scontrol", "echo 'slurm_load_node error: Unable to contact slurm controller (connect failure)' >&2; exit 1");
  EXPECT_EQ(answering_nodes("n1"), std::nullopt);
  program("scontrol", "[ \"$2\" = config ] || exit 1; echo 'SlurmdPort = 1'");
  EXPECT_EQ(answering_nodes("n1"), std::nullopt);
}

TEST_F(SlurmStandIns, SendingTellsWhyItFailed) {
  program("squeue", "");
  program("sbatch", "echo 'sbatch: error: the lab has no hours left' >&2; exit 1");
  EXPECT_THAT(send_refusal(), HasSubstr("the lab has no hours left"));
  ::setenv("PATH", folder_.c_str(), 1);
  std::filesystem::remove(folder_ / "sbatch");
  EXPECT_THAT(send_refusal(), HasSubstr("login node"));
}

TEST_F(SlurmStandIns, ALostAnswerIsNoRefusalAndTheJobIsLookedForByItsScript) {
  const char* const lost = "echo 'sbatch: error: Batch job submission failed: Socket timed out on send/recv operation' >&2; exit 1";
  program("sbatch", lost);
  program("squeue", "echo '21 /shared/other.sh'; echo '22 /shared/job.sh'; echo '23 /shared/job.sh.more'");
  EXPECT_EQ(send_batch_script("/shared/job.sh").id, "22");
  EXPECT_THROW(send_batch_script("/shared/job.sh", {}, "22", std::chrono::milliseconds(10)), UncertainJob)
      << "22 is the one that asks for a successor";
  program("sbatch", "echo thanks");
  EXPECT_EQ(send_batch_script("/shared/job.sh").id, "22");
  program("squeue", "");
  EXPECT_THAT(uncertainty(), AllOf(HasSubstr("thanks"), HasSubstr("named no number"), HasSubstr("stays in /shared")));
}

TEST_F(SlurmStandIns, AJobThatIsListedLateIsFoundAndARefusalIsAskedAboutOnce) {
  program("sbatch", "echo 'sbatch: error: Batch job submission failed: Socket timed out on send/recv operation' >&2; exit 1");
  program("squeue", "[ \"$(grep -c ^squeue \"${0%/*}/calls\")\" -lt 3 ] || echo '22 /shared/job.sh'");
  EXPECT_EQ(send_batch_script("/shared/job.sh", {}, "", std::chrono::milliseconds(10)).id, "22");
  std::filesystem::remove(folder_ / "calls");
  program("sbatch", "echo 'sbatch: error: the lab has no hours left' >&2; exit 1");
  EXPECT_THAT(send_refusal(), HasSubstr("the lab has no hours left"));
  EXPECT_THAT(calls(), SizeIs(2)) << "sbatch and squeue";
}

TEST_F(SlurmStandIns, WhateverIsNotCertainlyARefusalLeavesTheJobUncertain) {
  program("squeue", "exit 1");
  for (const char* const body : {"echo 'sbatch: error: the lab has no hours left' >&2; exit 1", // nobody says that it is not listed
                                 "exit 5", "kill -KILL $$", "echo 'sbatch: error: Zero Bytes were transmitted or received' >&2; exit 1",
                                 "echo 'Unable to contact slurm controller (connect failure)' >&2; exit 1",
                                 "echo 'sbatch: error: Protocol authentication error' >&2; exit 1"}) {
    program("sbatch", body);
    EXPECT_THAT(uncertainty(), HasSubstr("Slurm may have taken the job: sbatch said")) << body;
  }
}

TEST_F(SlurmStandIns, NothingOfTheAllocationThatWeAreInReachesTheNewJob) {
  program("sbatch", "env >\"${0%/*}/environment\"; echo 12");
  const std::vector<std::pair<std::string, std::string>> names = {{"SLURM_NTASKS", "7"},
                                                                  {"SBATCH_PARTITION", "debug"},
                                                                  {"PMIX_RANK", "0"},
                                                                  {"OMPI_COMM_WORLD_SIZE", "7"},
                                                                  {"SLURM_CONF", "/etc/slurm.conf"}};
  for (const auto& [name, value] : names) ::setenv(name.c_str(), value.c_str(), 1);
  const auto passed_on = [&] {
    send_batch_script("/shared/job.sh");
    std::ifstream file(folder_ / "environment");
    std::vector<std::string> found;
    for (const std::string& line : lines_of({std::istreambuf_iterator<char>(file), {}}))
      for (const auto& [name, value] : names)
        if (line == name + "=" + value) found.push_back(name);
    return found;
  };
  EXPECT_THAT(passed_on(), SizeIs(names.size())) << "on a login node they are a person's wishes";
  ::setenv("SLURM_JOB_ID", "11", 1);
  EXPECT_THAT(passed_on(), ElementsAre("SLURM_CONF"));
  ::unsetenv("SLURM_JOB_ID");
  for (const auto& [name, value] : names) ::unsetenv(name.c_str());
}

TEST(JobPhases, EveryStateOfSlurmHasOneAndAnUnknownWordIsNoEnd) {
  for (const char* const state : {"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD"})
    EXPECT_EQ(job_phase(state), JobPhase::waiting) << state;
  for (const char* const state :
       {"RUNNING", "CONFIGURING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "RESIZING", "STAGE_OUT", "running"})
    EXPECT_EQ(job_phase(state), JobPhase::running) << state;
  for (const char* const state : {"COMPLETED", "FAILED", "CANCELLED", "CANCELLED by 1000", "CANCELLED+", "TIMEOUT", "NODE_FAIL",
                                  "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE", "PREEMPTED", "REVOKED"})
    EXPECT_EQ(job_phase(state), JobPhase::over) << state;
  for (const char* const state : {"", "HIBERNATING", "CANCEL"}) EXPECT_EQ(job_phase(state), JobPhase::unknown) << state;
}

TEST_F(SlurmStandIns, JobsAreAskedForInTheQueueAndThenInTheAccounts) {
  program("squeue", "echo '12|RUNNING|None|node[1-3]'; echo '13|PENDING|Dependency|'");
  program("sacct", "echo '14|CANCELLED by 0|None|None assigned'; echo '12|FAILED|None|node1'");
  const auto jobs = ask_jobs({"14", "12", "13", "15"});
  ASSERT_THAT(jobs, SizeIs(4));
  EXPECT_EQ(jobs[0].phase, JobPhase::over);
  EXPECT_EQ(jobs[0].state, "CANCELLED");
  EXPECT_EQ(jobs[0].nodes, "");
  EXPECT_EQ(jobs[1].phase, JobPhase::running) << "the queue knows better than the accounts";
  EXPECT_EQ(jobs[1].nodes, "node[1-3]");
  EXPECT_EQ(jobs[2].phase, JobPhase::waiting);
  EXPECT_EQ(jobs[2].reason, "Dependency");
  EXPECT_EQ(jobs[3].phase, JobPhase::unknown) << "forgotten";
  EXPECT_EQ(jobs[3].id, "15");
}

TEST_F(SlurmStandIns, WithoutSlurmOrWithOneThatDoesNotAnswerEveryJobIsUnknown) {
  program("squeue", "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1");
  program("sacct", "echo 'Slurm accounting storage is disabled' >&2; exit 1");
  EXPECT_EQ(ask_jobs({"12"}).at(0).phase, JobPhase::unknown);
  std::filesystem::remove(folder_ / "squeue");
  std::filesystem::remove(folder_ / "sacct");
  ::setenv("PATH", folder_.c_str(), 1);
  EXPECT_EQ(ask_jobs({"12"}).at(0).phase, JobPhase::unknown);
}

TEST_F(SlurmStandIns, CancellingTellsWhatScancelSays) {
  program("scancel", "exit 0");
  cancel_job("12");
  cancel_job("12", "USR2");
  EXPECT_THAT(calls(), ElementsAre("scancel|12|", "scancel|--signal=USR2|--batch|12|"));
  program("scancel", "echo 'Access denied' >&2; exit 1");
  try {
    cancel_job("12");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("job 12: Access denied"));
  }
}

TEST_F(SlurmStandIns, AfterAWarningTheJobIsRequeuedAndNothingElseIsSent) {
  program("sbatch", "echo 13");
  program("scontrol", "exit 0");
  EXPECT_THAT(go_on_after_warning("12", "/shared/job.sh").words, HasSubstr("starts job 12 again"));
  EXPECT_THAT(calls(), ElementsAre("scontrol|requeue|12|"));
}

TEST_F(SlurmStandIns, ARequeueWhoseTermReachesScontrolFirstIsOne) {
  program("sbatch", "echo 13");
  program("scontrol", "kill -TERM $$");
  EXPECT_THAT(go_on_after_warning("12", "/shared/job.sh").words, HasSubstr("starts job 12 again"));
  EXPECT_THAT(calls(), ElementsAre("scontrol|requeue|12|"));
}

TEST_F(SlurmStandIns, WhereRequeuesAreForbiddenExactlyOneSuccessorIsSent) {
  program("sbatch", "echo 13");
  program("scontrol", "echo 'Requested operation is presently disabled for job 12' >&2; exit 1");
  const GoesOn on = go_on_after_warning("12", "/shared/job.sh");
  EXPECT_EQ(on.successor, "13");
  EXPECT_THAT(on.words, HasSubstr("presently disabled"));
  EXPECT_THAT(on.words, HasSubstr("job 13 was sent instead"));
  EXPECT_THAT(calls(), ElementsAre("scontrol|requeue|12|", "sbatch|--parsable|--dependency=afterany:12|/shared/job.sh|"));
}

TEST_F(SlurmStandIns, ASuccessorWhoseNumberNobodySaidIsNotSentTwice) {
  program("sbatch", "echo thanks");
  program("scontrol", "echo disabled >&2; exit 1");
  const GoesOn on = go_on_after_warning("12", "/shared/job.sh");
  EXPECT_THAT(on.words, AllOf(HasSubstr("a successor was sent instead"), Not(HasSubstr("type `sbatch"))));
  EXPECT_EQ(on.successor, "");
}

TEST_F(SlurmStandIns, WhereNeitherCanBeHadItSaysWhatToType) {
  program("squeue", "");
  program("sbatch", "echo 'no submissions today' >&2; exit 1");
  program("scontrol", "echo disabled >&2; exit 1");
  const std::string said = go_on_after_warning("12", "/shared/a job.sh").words;
  EXPECT_THAT(said, HasSubstr("no submissions today"));
  EXPECT_THAT(said, HasSubstr("sbatch '/shared/a job.sh'"));
}

} // namespace
} // namespace stdualx
