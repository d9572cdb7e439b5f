// Tiny data sets that the tests write themselves.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "experiments/windows.h"

namespace stdualx::test {

/// A folder of its own for one test, removed with all that is in it.
class TemporaryFolder {
public:
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();
  const std::filesystem::path& path() const { return path_; }
  DataPaths data_paths() const { return {path_ / "data", path_ / "cache"}; }

private:
  std::filesystem::path path_;
};

using Files = std::map<std::string, std::string>; // name inside a folder or archive, contents

void write_text(const std::filesystem::path& path, const std::string& text);
void write_folder(const std::filesystem::path& folder, const Files& files);
void write_zip(const std::filesystem::path& path, const Files& files);

/// What window `window` of `part` ("train", "test") holds in the tiny UCI-HAR at one place: each window begins with the second
/// half of the one before, except that something is left out before the third.
float tiny_uci_value(bool test, int window, int sensor, int axis, int step);
/// UCI-HAR's files (names without the outer folder): train people 1 1 1 3, labels 1 1 5 6; test people 2 2, labels 2 3.
Files tiny_uci_har();

/// What column `column` (from 1) of Opportunity's files holds at a step, time and labels apart.
float opportunity_value(int step, int column);
/// A row of 250 columns at 30 Hz; `missing`: a column that holds NaN.
std::string opportunity_row(int step, int locomotion, int gesture, int missing = 0);
/// Opportunity's 24 files in `dataset/`: 48 steps each, half of them without a label.
Files tiny_opportunity();

/// A window set of one sensor with one channel, all 0; labels, people, recordings and starts have an entry a window.
WindowSet made_up_windows(std::int64_t steps, Windows windows, std::vector<std::int64_t> official_test_people = {});

/// The windows of a data set hold, to the bit, what they do when each is copied out of its recording by itself; as many are labelled alike
/// and lie alike. Of a pre-cut one each window is copied from where the reader left it.
void expect_windows_cut_one_by_one(const Dataset& dataset, const WindowSpec& spec);

/// Damages one file of a data set after the other in drawn ways (bytes changed, cut, cut out, doubled), written below `folder` of the data
/// directory: each time it is read all the same, or one sentence names the damaged file or the folder. `rounds` in all.
void expect_sentences_for_damage(const std::string& dataset, const std::string& folder, const Files& files, int rounds = 60);

/// The message of the InputError that `action` throws; fails the test's expectations with "no error" when it throws none.
template <class Action> std::string input_error(const Action& action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

} // namespace stdualx::test
