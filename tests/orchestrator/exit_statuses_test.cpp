// Which exit status an error leads to, and that the table knows each.
#include "orchestrator/exit_statuses.h"

#include "experiments/spec/damage.h"
#include "experiments/spec/disk_errors.h"
#include "experiments/spec/fields.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <new>
#include <optional>
#include <vector>

namespace stdualx {
namespace {

template <class Function> int status_of(Function&& throws) {
  try {
    throws();
  } catch (...) {
    const int status = ending_of(std::current_exception()).status;
    EXPECT_TRUE(std::any_of(exit_statuses().begin(), exit_statuses().end(), [&](const auto& known) { return known.status == status; }))
        << status << " is not in the table";
    return status;
  }
  ADD_FAILURE() << "nothing was thrown";
  return -1;
}

TEST(ExitStatuses, BadInputIs2) {
  EXPECT_EQ(status_of([] { throw InputError("sweep.json: no such key"); }), 2);
  EXPECT_EQ(status_of([] { throw StorageError("cannot be opened"); }), 2);
  EXPECT_EQ(status_of([] { throw std::bad_alloc(); }), 2);
}

TEST(ExitStatuses, ARefusalIs4) {
  EXPECT_EQ(status_of([] { throw RefusedError("another holds it"); }), 4);
  EXPECT_EQ(status_of([] { throw PermissionError("may not be written"); }), 4);
  EXPECT_EQ(status_of([] { throw ReadOnlyError("read-only"); }), 4);
}

TEST(ExitStatuses, DamagedStorageIs5) {
  EXPECT_EQ(status_of([] { throw DamagedError("its SHA-256 is another"); }), 5);
  EXPECT_EQ(status_of([] { const Json json = Json::parse("{"); }), 5);
}

TEST(ExitStatuses, ABrokenInvariantIs70AndSaysWhich) {
  EXPECT_EQ(status_of([] { return std::vector<int>().at(3); }), 70);
  EXPECT_EQ(status_of([] { return std::optional<int>().value(); }), 70);
  EXPECT_EQ(status_of([] { throw 1; }), 70);
  const Ending ending = ending_of(std::make_exception_ptr(std::logic_error("two heads")));
  EXPECT_NE(ending.sentence.find("internal error (two heads)"), std::string::npos) << ending.sentence;
}

TEST(ExitStatuses, AFullDiskIs75) {
  EXPECT_EQ(status_of([] { throw DiskError("no space left"); }), 75);
}

TEST(ExitStatuses, TheTableIsAscendingAndHasWordsForEach) {
  for (std::size_t i = 0; i < exit_statuses().size(); ++i) {
    EXPECT_FALSE(exit_statuses()[i].words.empty());
    EXPECT_FALSE(exit_statuses()[i].advice.empty());
    if (i > 0) {
      EXPECT_LT(exit_statuses()[i - 1].status, exit_statuses()[i].status);
    }
  }
}

} // namespace
} // namespace stdualx
