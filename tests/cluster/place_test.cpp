// What `doctor` says about the folders of a sweep; and its probe, in a folder of the test's own.
#include "cluster/place.h"

#include "findings.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>

namespace stdualx {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::Not;

PlaceFacts place(const std::string& role, const std::string& kind, const std::string& options = "rw,relatime") {
  return {role, "/shared/lab", true, "/shared/lab", true, kind, options, 5'000'000'000, 1'000'000};
}

TEST(PlaceCheck, ALocalDiskIsRightForOneHostAndNotSharedByMany) {
  EXPECT_THAT(judge_place(place("store", "ext4"), true, false), AllRight());
  EXPECT_THAT(judge_place(place("store", "ext4"), true, true), Contains(Is(Verdict::note, "other nodes hardly see it")));
}

TEST(PlaceCheck, ANetworkGetsARollbackJournal) {
  EXPECT_THAT(judge_place(place("store", "nfs"), false, true), Contains(Is(Verdict::note, "rollback journal")));
  EXPECT_THAT(judge_place(place("store", "unknown"), false, true), Contains(Is(Verdict::note, "not known to be local")));
}

TEST(PlaceCheck, MemoryIsGoneAtTheNextStart) {
  EXPECT_THAT(judge_place(place("store", "tmpfs"), true, false), Contains(Is(Verdict::note, "gone when this host starts again")));
}

TEST(PlaceCheck, ANetworkWithoutLocksIsWrong) {
  EXPECT_THAT(judge_place(place("store", "nfs", "rw,vers=3,nolock,addr=10.0.0.1"), false, true),
              Contains(IsWithNext("mounted with nolock", "one host at a time")));
  EXPECT_THAT(judge_place(place("checkpoints", "lustre", "rw,localflock"), false, true),
              Contains(IsWithNext("localflock", "locks for all hosts")));
  EXPECT_THAT(judge_place(place("store", "nfs", "rw,local_lock=none"), false, true), Not(Contains(Is(Verdict::wrong, ""))));
}

TEST(PlaceCheck, WhatCannotBeWrittenIsWrong) {
  PlaceFacts facts = place("store", "ext4");
  facts.writable = false;
  EXPECT_THAT(judge_place(facts, true, false), Contains(IsWithNext("/shared/lab cannot be written", "--store")));
  EXPECT_THAT(judge_place(place("cache", "ext4", "ro,relatime"), true, false), Contains(IsWithNext("read-only", "--cache")));
  EXPECT_THAT(judge_place(place("data", "ext4", "ro,relatime"), true, false), AllRight()); // recordings are only read
}

TEST(PlaceCheck, LittleRoomIsWrong) {
  PlaceFacts facts = place("store", "ext4");
  facts.free_bytes = 200'000'000;
  EXPECT_THAT(judge_place(facts, true, false), Contains(IsWithNext("200 MB free", "stdualx plan")));
  facts = place("store", "ext4");
  facts.free_files = 12;
  EXPECT_THAT(judge_place(facts, true, false), Contains(IsWithNext("12 more files", "small files")));
  facts.free_files = -1;
  EXPECT_THAT(judge_place(facts, true, false), AllRight());
}

TEST(PlaceCheck, DataThatAreNotThere) {
  PlaceFacts facts = place("data", "ext4");
  facts.exists = false;
  EXPECT_THAT(judge_place(facts, true, false), ElementsAre(Is(Verdict::note, "is not there")));
}

TEST(ProbeCheck, EachFailureHasItsNextStep) {
  const ProbeFacts good{"", 0, 8 << 20, 0, 0, true, true};
  EXPECT_THAT(judge_probe(good, "/s"), AllRight());
  EXPECT_THAT(judge_probe({"creating", EACCES}, "/s"),
              ElementsAre(IsWithNext("creating a file in /s failed after 0 B: Permission denied", "permissions")));
  EXPECT_THAT(judge_probe({"writing", EDQUOT, 65536}, "/s"), ElementsAre(IsWithNext("writing", "quota is used up")));
  EXPECT_THAT(judge_probe({"syncing", ENOSPC, 8 << 20}, "/s"), ElementsAre(IsWithNext("syncing", "full")));
  EXPECT_THAT(judge_probe({"creating", EROFS}, "/s"), ElementsAre(IsWithNext("creating", "read-only")));
  ProbeFacts locks = good;
  locks.fcntl_error = ENOLCK;
  EXPECT_THAT(judge_probe(locks, "/s"), Contains(IsWithNext("takes no locks", "another file system")));
  locks = good;
  locks.fcntl_holds = false;
  EXPECT_THAT(judge_probe(locks, "/s"), Contains(IsWithNext("one lock twice", "another file system")));
  locks = good;
  locks.flock_error = EOPNOTSUPP;
  EXPECT_THAT(judge_probe(locks, "/s"), Contains(Is(Verdict::note, "flock's do not")));
}

TEST(Mounts, TheNearestMountPointCounts) {
  const std::string mounts = "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard\n"
                             "30 22 0:30 / /shared rw,relatime shared:2 - nfs4 server:/x rw,vers=4.2,local_lock=none\n"
                             "31 22 0:31 / /shared\\040room rw - tmpfs tmpfs rw,size=12m\n"
                             "32 30 0:32 / /shared/lab ro,nosuid - lustre fs rw,localflock\n";
  EXPECT_EQ(mount_options_of(mounts, "/home/me"), "rw,relatime,rw,discard");
  EXPECT_EQ(mount_options_of(mounts, "/shared/x/y"), "rw,relatime,rw,vers=4.2,local_lock=none");
  EXPECT_EQ(mount_options_of(mounts, "/shared room/x"), "rw,rw,size=12m");
  EXPECT_EQ(mount_options_of(mounts, "/shared/lab"), "ro,nosuid,rw,localflock");
  EXPECT_EQ(mount_options_of(mounts, "/shared/laboratory"), "rw,relatime,rw,vers=4.2,local_lock=none");
}

class PlaceProbe : public testing::Test {
protected:
  PlaceProbe() {
    std::string name = (fs::temp_directory_path() / "stdualx-place-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~PlaceProbe() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(PlaceProbe, WritesLocksAndLeavesNothing) {
  const ProbeFacts facts = probe(folder_);
  EXPECT_EQ(facts.failed, "");
  EXPECT_EQ(facts.bytes, 8 << 20);
  EXPECT_TRUE(facts.fcntl_holds);
  EXPECT_TRUE(facts.flock_holds);
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(PlaceProbe, AFolderThatIsNotThere) {
  const ProbeFacts facts = probe(folder_ / "none");
  EXPECT_EQ(facts.failed, "creating");
  EXPECT_EQ(facts.error, ENOENT);
}

TEST_F(PlaceProbe, FactsOfAPlaceYetToBeMadeAreThoseAboveIt) {
  const PlaceFacts facts = look_at_place("cache", folder_ / "a" / "b", "ext4");
  EXPECT_FALSE(facts.exists);
  EXPECT_EQ(facts.nearest, folder_);
  EXPECT_TRUE(facts.writable);
  EXPECT_GT(facts.free_bytes, 0);
  EXPECT_NE(facts.mount_options, "");
}

} // namespace
} // namespace stdualx
