// The lid on the window cache: longest unused first, never one in use.
#include "data_fixtures.h"

#include "experiments/cache_files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cstdlib>
#include <ctime>

namespace stdualx {
namespace {

using namespace test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Caches of so many bytes, last used so many seconds ago.
void write_cache(const std::filesystem::path& path, std::size_t bytes, long idle) {
  write_text(path, std::string(bytes, 'x'));
  const timespec times[] = {{std::time(nullptr) - idle, 0}, {std::time(nullptr) - idle, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
}

std::vector<std::string> names(const std::vector<CacheFile>& files) {
  std::vector<std::string> result;
  for (const CacheFile& file : files) result.push_back(file.path.filename().string());
  return result;
}

TEST(CacheFiles, AreListedLongestUnusedFirstWithoutOtherFiles) {
  const TemporaryFolder folder;
  EXPECT_THAT(cache_files(folder.path() / "nowhere"), IsEmpty());
  write_cache(folder.path() / "new.windows", 10, 60);
  write_cache(folder.path() / "old.windows", 20, 6000);
  write_text(folder.path() / "tsne.json", "{}");
  const auto files = cache_files(folder.path());
  EXPECT_THAT(names(files), ElementsAre("old.windows", "new.windows"));
  EXPECT_EQ(files[0].bytes, 20u);
  EXPECT_NEAR(files[0].idle_seconds, 6000, 60);
  EXPECT_FALSE(files[0].in_use);
}

TEST(CacheFiles, ArePrunedToASizeAndByAge) {
  const TemporaryFolder folder;
  for (const auto& [name, idle] : {std::pair("a.windows", 4000), {"b.windows", 3000}, {"c.windows", 2000}, {"d.windows", 1000}})
    write_cache(folder.path() / name, 100, idle);
  EXPECT_THAT(names(prune_cache(folder.path(), 350)), ElementsAre("a.windows"));
  EXPECT_THAT(names(prune_cache(folder.path(), 350)), IsEmpty()) << "300 bytes are left";
  EXPECT_THAT(names(prune_cache(folder.path(), 1000, 1500)), ElementsAre("b.windows", "c.windows"));
  EXPECT_THAT(names(prune_cache(folder.path(), 0, {}, folder.path() / "d.windows")), IsEmpty());
  EXPECT_THAT(names(prune_cache(folder.path(), 0)), ElementsAre("d.windows"));
}

/// Two people at 10 Hz, in windows of 2.
std::string own_recordings(const TemporaryFolder& folder) {
  std::string csv = "person,label,x\n";
  for (int i = 0; i < 40; ++i) csv += std::to_string(i / 20) + (i % 2 == 0 ? ",a," : ",b,") + std::to_string(i) + "\n";
  write_text(folder.path() / "own.csv", csv);
  write_text(folder.path() / "own.json", R"({"name": "own", "rate": 10, "files": ["own.csv"], "classes": ["a", "b"],
    "sensors": [{"name": "w", "columns": ["x"]}], "windows": {"steps": 2, "stride": 2}})");
  return (folder.path() / "own.json").string();
}

TEST(CacheFiles, OneThatAProcessHasOpenIsNeverRemoved) {
  const TemporaryFolder folder;
  const std::string manifest = own_recordings(folder);
  const auto cache = folder.path() / "cache";
  {
    const WindowSet windows = open_window_set(manifest, {}, folder.data_paths());
    const auto files = cache_files(cache);
    ASSERT_EQ(files.size(), 1u);
    EXPECT_TRUE(files[0].in_use);
    EXPECT_THAT(prune_cache(cache, 0), IsEmpty());
    EXPECT_EQ(windows.window(0).size(), 2u);
  }
  EXPECT_FALSE(cache_files(cache).at(0).in_use);
  EXPECT_EQ(prune_cache(cache, 0).size(), 1u);
}

TEST(CacheFiles, OpeningOneMakesItTheLatestUsedThoughItWasWrittenFirst) {
  const TemporaryFolder folder;
  const std::string manifest = own_recordings(folder);
  open_window_set(manifest, {}, folder.data_paths());
  const auto path = cache_files(folder.path() / "cache").at(0).path;
  const timespec old[] = {{std::time(nullptr) - 9000, 0}, {std::time(nullptr) - 9000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), old, 0), 0);
  write_cache(folder.path() / "cache/other.windows", 10, 500);
  const auto written = std::filesystem::last_write_time(path);
  open_window_set(manifest, {}, folder.data_paths());
  EXPECT_THAT(names(cache_files(folder.path() / "cache")), ElementsAre("other.windows", path.filename().string()));
  EXPECT_EQ(std::filesystem::last_write_time(path), written);
}

TEST(CacheFiles, WritingOneKeepsTheFolderWithinItsLimit) {
  const TemporaryFolder folder;
  const std::string manifest = own_recordings(folder);
  write_cache(folder.path() / "cache/old.windows", 5000, 5000);
  ::setenv("STDUALX_CACHE_LIMIT", "0.000005", 1); // 5000 bytes
  open_window_set(manifest, {}, folder.data_paths());
  ::setenv("STDUALX_CACHE_LIMIT", "lots", 1);
  EXPECT_THAT(input_error([&] { cache_limit(folder.path()); }), HasSubstr("STDUALX_CACHE_LIMIT: expected a number of GB"));
  ::unsetenv("STDUALX_CACHE_LIMIT");
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "cache/old.windows"));
  EXPECT_EQ(cache_files(folder.path() / "cache").size(), 1u) << "the new one stays, however large";
  EXPECT_LE(cache_limit(folder.path()), 20'000'000'000u);
  EXPECT_GT(cache_limit(folder.path()), 0u);
}

} // namespace
} // namespace stdualx
