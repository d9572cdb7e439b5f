// The promises of a checkpoint file, attacked: damage, a full disk, another run's file, a fenced attempt tidying up.
#include "worker/training/checkpoint.h"

#include "experiments/spec/errors.h"
#include "training_fixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/resource.h>

#include <csignal>
#include <fstream>

namespace stdualx {
namespace {

namespace fs = std::filesystem;
using test::TemporaryFolder;
using ::testing::HasSubstr;
using ::testing::Throws;
using ::testing::ThrowsMessage;

const std::string run_id(64, 'a'), other_id(64, 'b');
const Metadata metadata{{"format", "stdualx checkpoint"}, {"format_version", "1"}, {"run_id", run_id}};

void touch(const fs::path& path) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << "x";
}

TEST(Checkpoint, ComesBackAsItWasWritten) {
  const TemporaryFolder folder;
  const at::Tensor values = at::rand({3, 5});
  const WrittenFile file = write_tensors(folder.path, checkpoint_path(run_id, 2, 7), {{"parameters.a", values}}, metadata);
  EXPECT_EQ(file.path, run_id + "/2/epoch-000007.safetensors");
  EXPECT_EQ(file.bytes, static_cast<std::int64_t>(fs::file_size(folder.path / file.path)));
  const at::Tensor back = at::zeros({3, 5});
  restore({{"parameters.a", back}}, read_checkpoint(folder.path, file.path, file.sha256, run_id), file.path);
  EXPECT_TRUE(at::equal(back, values));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path / run_id / "2"), {}), 1) << "no temporary file is left";
}

TEST(Checkpoint, IsRefusedWithOneBitChanged) {
  const TemporaryFolder folder;
  const WrittenFile file = write_tensors(folder.path, run_id + "/1/epoch-000001.safetensors", {{"a", at::rand({100})}}, metadata);
  std::fstream stream(folder.path / file.path, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekg(-1, std::ios::end);
  const char last = static_cast<char>(stream.get());
  stream.seekp(-1, std::ios::end);
  stream.put(static_cast<char>(last ^ 1));
  stream.close();
  EXPECT_THAT([&] { read_checkpoint(folder.path, file.path, file.sha256, run_id); },
              ThrowsMessage<StorageError>(::testing::AllOf(HasSubstr("epoch-000001.safetensors"), HasSubstr("damaged"))));
  EXPECT_FALSE(fs::exists(folder.path / file.path));
  EXPECT_TRUE(fs::exists(folder.path / (file.path + ".damaged"))) << "set aside for whoever wants to look into it";
}

TEST(Checkpoint, IsRefusedWhenMissingOrOfAnotherRunOrModel) {
  const TemporaryFolder folder;
  EXPECT_THAT([&] { read_checkpoint(folder.path, run_id + "/1/epoch-000001.safetensors", "", run_id); }, Throws<StorageError>());
  const WrittenFile file = write_tensors(folder.path, run_id + "/1/epoch-000001.safetensors", {{"a", at::rand({4})}}, metadata);
  EXPECT_THAT([&] { read_checkpoint(folder.path, file.path, file.sha256, other_id); },
              ThrowsMessage<StorageError>(HasSubstr("not of " + other_id.substr(0, 10))));
  const auto contents = read_checkpoint(folder.path, file.path, file.sha256, run_id);
  EXPECT_THAT([&] { restore({{"a", at::zeros({5})}}, contents, file.path); }, ThrowsMessage<StorageError>(HasSubstr("'a'")));
  EXPECT_THAT([&] { restore({{"a", at::zeros({4}, at::kDouble)}}, contents, file.path); }, Throws<StorageError>());
  EXPECT_THAT(
      [&] {
        restore({{"a", at::zeros({4})}, {"b", at::zeros({4})}}, contents, file.path);
      },
      ThrowsMessage<StorageError>(HasSubstr("'b'")));
  EXPECT_THAT([&] { restore({}, contents, file.path); }, Throws<StorageError>());
}

TEST(Checkpoint, ThatCannotBeWrittenNamesFileReasonAndRoomAndLeavesTheOldOne) {
  const TemporaryFolder folder;
  const std::string path = run_id + "/1/epoch-000001.safetensors";
  const WrittenFile before = write_tensors(folder.path, path, {{"a", at::rand({10})}}, metadata);
  // The kernel refuses files above this size, as it refuses them on a full disk or quota.
  struct rlimit old {};
  getrlimit(RLIMIT_FSIZE, &old);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit small { 100000, old.rlim_max };
  setrlimit(RLIMIT_FSIZE, &small);
  std::string message;
  try {
    write_tensors(folder.path, path, {{"a", at::rand({100000})}}, metadata);
  } catch (const StorageError& failure) {
    message = failure.what();
  }
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_THAT(message, HasSubstr("cannot write " + (folder.path / path).string()));
  EXPECT_THAT(message, HasSubstr("File too large"));
  EXPECT_THAT(message, HasSubstr("bytes free"));
  EXPECT_NO_THROW(read_checkpoint(folder.path, path, before.sha256, run_id)) << "what the name held before is still there";
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path / run_id / "1"), {}), 1) << "the broken temporary file is gone";
}

TEST(Checkpoint, TidyingKeepsNewEpochsLaterAttemptsAndTheBestWeights) {
  const TemporaryFolder folder;
  for (const char* name : {"1/epoch-000003.safetensors", "1/epoch-000004.safetensors.writing", "2/epoch-000004.safetensors",
                           "2/epoch-000005.safetensors", "2/epoch-000006.safetensors", "2/best.safetensors", "3/epoch-000004.safetensors"})
    touch(folder.path / run_id / name);
  touch(folder.path / other_id / "1/epoch-000001.safetensors");
  remove_checkpoints(folder.path, run_id, 2, 4);
  std::vector<std::string> left;
  for (const auto& entry : fs::recursive_directory_iterator(folder.path))
    if (entry.is_regular_file()) left.push_back(fs::relative(entry.path(), folder.path).string());
  EXPECT_THAT(left, ::testing::UnorderedElementsAre(run_id + "/2/epoch-000005.safetensors", run_id + "/2/epoch-000006.safetensors",
                                                    run_id + "/2/best.safetensors", run_id + "/3/epoch-000004.safetensors",
                                                    other_id + "/1/epoch-000001.safetensors"));
}

} // namespace
} // namespace stdualx
