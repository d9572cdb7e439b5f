// What comes from others: paths out of a store, and text on the way to a terminal.
#include "experiments/spec/errors.h"
#include "experiments/spec/run_path.h"
#include "experiments/spec/shown_text.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

namespace stdualx {
namespace {

namespace fs = std::filesystem;

const std::string run = std::string(32, '0') + "123456789abcdef0123456789abcdef0";

TEST(RunPaths, AreReadAsTheyAreWritten) {
  const auto path = run_path(run + "/12/epoch-000007.safetensors");
  ASSERT_TRUE(path);
  EXPECT_EQ(path->run_id, run);
  EXPECT_EQ(path->attempt, 12);
  EXPECT_EQ(path->name, "epoch-000007.safetensors");
  EXPECT_EQ(path->text(), run + "/12/epoch-000007.safetensors");
}

TEST(RunPaths, HaveOneGrammar) {
  std::string upper = run;
  upper[40] = 'A';
  for (const std::string& bad : std::initializer_list<std::string>{std::string(),
                                                                   std::string("/"),
                                                                   std::string("//"),
                                                                   std::string("a/1/../../../.bashrc"),
                                                                   run + "/1/../../../.bashrc",
                                                                   run + "/1/..",
                                                                   run + "/1/.",
                                                                   run + "/1/.hidden",
                                                                   run + "/1/-rf",
                                                                   run + "/1/",
                                                                   run + "/1",
                                                                   run + "//x",
                                                                   run + "/0/x",
                                                                   run + "/01/x",
                                                                   run + "/-1/x",
                                                                   run + "/+1/x",
                                                                   run + "/1e3/x",
                                                                   run + "/1000000000/x",
                                                                   run + "/1/x/y",
                                                                   run + "/1/x\n",
                                                                   run + "/1/x\x1b[2J",
                                                                   run + "/1/x y",
                                                                   run + "/1/" + std::string(101, 'x'),
                                                                   run.substr(1) + "/1/x",
                                                                   run + "0/1/x",
                                                                   upper + "/1/x",
                                                                   "/etc/passwd",
                                                                   "../" + run + "/1/x",
                                                                   "./" + run + "/1/x",
                                                                   run + "/1/x" + std::string(1, '\0'),
                                                                   run + "/\xd9\xa1/x"})
    EXPECT_FALSE(run_path(bad)) << bad;
}

class RunFiles : public ::testing::Test {
protected:
  RunFiles() {
    std::string name = (fs::temp_directory_path() / "stdualx-paths-XXXXXX").string();
    place = ::mkdtemp(name.data());
    store = place / "results.db.d";
    fs::create_directories(store / run / "1");
    std::ofstream(place / "outside") << "secret";
    std::ofstream(store / run / "1" / "best.safetensors") << "weights";
  }
  ~RunFiles() override { fs::remove_all(place); }
  bool is_refused(const std::string& name, const std::string& reason) {
    try {
      run_file(store, run + "/1/" + name);
    } catch (const StorageError& error) {
      return std::string(error.what()).find(reason) != std::string::npos;
    }
    return false;
  }

  fs::path place, store;
};

TEST_F(RunFiles, LieInTheFolderOfTheirStore) {
  EXPECT_EQ(run_file(store, run + "/1/best.safetensors"), store / run / "1" / "best.safetensors");
  EXPECT_EQ(run_file(store, run + "/7/not-yet"), store / run / "7" / "not-yet");
  EXPECT_THROW(run_file(store, "../outside"), StorageError);
  EXPECT_THROW(run_folder(store, "../../etc"), StorageError);
  fs::create_directory_symlink(store, place / "moved.d"); // STORE.d on another disk
  EXPECT_EQ(run_file(place / "moved.d", run + "/1/best.safetensors"), place / "moved.d" / run / "1" / "best.safetensors");
}

TEST_F(RunFiles, AreNotSoughtOutsideByALink) {
  fs::create_symlink(place / "outside", store / run / "1" / "stolen");
  fs::create_symlink(place / "not there", store / run / "1" / "made");
  fs::create_symlink("loop", store / run / "1" / "loop");
  fs::create_symlink("best.safetensors", store / run / "1" / "inside");
  EXPECT_TRUE(is_refused("stolen", "leads out of"));
  EXPECT_TRUE(is_refused("made", "leads out of"));
  EXPECT_TRUE(is_refused("loop", "leads out of"));
  EXPECT_EQ(run_file(store, run + "/1/inside"), store / run / "1" / "inside");
  fs::remove_all(store / run);
  fs::create_directory(place / "elsewhere");
  fs::create_directory_symlink(place / "elsewhere", store / run);
  EXPECT_TRUE(is_refused("new", "leads out of"));
  EXPECT_THROW(run_folder(store, run, 1), StorageError);
}

TEST_F(RunFiles, ArePlainFiles) {
  ::mkfifo((store / run / "1" / "pipe").c_str(), 0600);
  fs::create_directory(store / run / "1" / "folder");
  EXPECT_TRUE(is_refused("pipe", "no plain file"));
  EXPECT_TRUE(is_refused("folder", "no plain file"));
}

TEST(ShownText, HoldsNoControlCharacters) {
  EXPECT_EQ(shown("plain, ümlaut, 日本, 🏃\n\tnext"), "plain, ümlaut, 日本, 🏃\n\tnext");
  EXPECT_EQ(shown("\x1b]0;title\x07\x1b[2J\r\b\x7f"), "\\x1b]0;title\\x07\\x1b[2J\\x0d\\x08\\x7f");
  EXPECT_EQ(shown("\xc2\x9b"
                  "31m"),
            "\\x9b31m")
      << "the C1 form of an escape";
  EXPECT_EQ(shown("\x9b"
                  "31m"),
            "\uFFFD31m")
      << "and its byte alone";
  EXPECT_EQ(shown("\xe0\x80\x9b \xc0\x9b \xed\xa0\x80 \xf8"), "\uFFFD\uFFFD\uFFFD \uFFFD\uFFFD \uFFFD\uFFFD\uFFFD \uFFFD")
      << "overlong forms, a surrogate";
  EXPECT_EQ(shown(std::string(1, '\0')), "\\x00");
  EXPECT_EQ(shown("a\r\nb\rc\r\r\n"), "a\r\nb\\x0dc\\x0d\r\n") << "a line end of two letters is one";
  EXPECT_EQ(shown_on_one_line("a\nb\tc\x1b"), "a\\nb\\tc\\x1b");
}

TEST(ShownText, IsTheSameInPieces) {
  std::string text = "ü\x1b[1m\xc2\x9b日本\xe6\x97🏃\xf0\x9f\x8f";
  text += "\r\n\r";
  const std::string whole = shown(text);
  for (std::size_t first = 0; first <= text.size(); ++first)
    for (std::size_t second = first; second <= text.size(); ++second) {
      ShownPieces pieces;
      std::string joined = pieces.add(std::string_view(text).substr(0, first));
      joined += pieces.add(std::string_view(text).substr(first, second - first));
      joined += pieces.add(std::string_view(text).substr(second));
      EXPECT_EQ(joined + pieces.end(), whole) << first << ", " << second;
    }
  ShownPieces cut;
  EXPECT_EQ(cut.add("x\xe6\x97"), "x");
  EXPECT_EQ(cut.end(), "\uFFFD\uFFFD");
}

} // namespace
} // namespace stdualx
