// Tiny data sets. See data_fixtures.h.
#include "data_fixtures.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <stdexcept>

namespace stdualx::test {

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "stdualx-data-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp " + pattern);
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void write_text(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

void write_folder(const std::filesystem::path& folder, const Files& files) {
  for (const auto& [name, text] : files) write_text(folder / name, text);
}

void write_zip(const std::filesystem::path& path, const Files& files) {
  std::filesystem::create_directories(path.parent_path());
  const std::unique_ptr<archive, decltype(&archive_write_free)> writer(archive_write_new(), &archive_write_free);
  archive_write_set_format_zip(writer.get());
  if (archive_write_open_filename(writer.get(), path.c_str()) != ARCHIVE_OK) throw std::runtime_error(archive_error_string(writer.get()));
  for (const auto& [name, text] : files) {
    const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry(archive_entry_new(), &archive_entry_free);
    archive_entry_set_pathname(entry.get(), name.c_str());
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(text.size()));
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0644);
    if (archive_write_header(writer.get(), entry.get()) != ARCHIVE_OK ||
        archive_write_data(writer.get(), text.data(), text.size()) != static_cast<la_ssize_t>(text.size()))
      throw std::runtime_error(archive_error_string(writer.get()));
  }
  if (archive_write_close(writer.get()) != ARCHIVE_OK) throw std::runtime_error(archive_error_string(writer.get()));
}

float tiny_uci_value(bool test, int window, int sensor, int axis, int step) {
  return static_cast<float>((test ? -1 : 1) * ((window < 2 ? 0 : 10000) + window * 64 + sensor * 3000 + axis * 1000 + step)) / 1024.0f;
}

Files tiny_uci_har() {
  Files files = {{"train/y_train.txt", "1\n1\n5\n6\n"},
                 {"train/subject_train.txt", "1\n1\n1\n3\n"},
                 {"test/y_test.txt", "2\n3\n"},
                 {"test/subject_test.txt", "2\n2\n"}};
  const char* sensors[] = {"body_acc", "body_gyro", "total_acc"};
  for (const bool test : {false, true})
    for (int sensor = 0; sensor < 3; ++sensor)
      for (int axis = 0; axis < 3; ++axis) {
        const std::string part = test ? "test" : "train";
        std::string text;
        for (int window = 0; window < (test ? 2 : 4); ++window) {
          for (int step = 0; step < 128; ++step) text += fmt::format(" {: .8e}", tiny_uci_value(test, window, sensor, axis, step));
          text += "\n";
        }
        files[part + "/Inertial Signals/" + sensors[sensor] + "_" + "xyz"[axis] + "_" + part + ".txt"] = text;
      }
  return files;
}

float opportunity_value(int step, int column) { return static_cast<float>(100 * column + step); }

std::string opportunity_row(int step, int locomotion, int gesture, int missing) {
  std::string text = fmt::format("{}", step * 1000 / 30);
  for (int column = 2; column <= 250; ++column)
    if (column == missing) text += " NaN";
    else if (column == 244) text += fmt::format(" {}", locomotion);
    else if (column == 250) text += fmt::format(" {}", gesture);
    else text += fmt::format(" {}", column > 244 ? 0.0f : opportunity_value(step, column));
  return text + "\n";
}

Files tiny_opportunity() {
  Files files;
  const int locomotion[] = {1, 2, 4, 5};
  for (int person = 1; person <= 4; ++person)
    for (const char* run : {"ADL1", "ADL2", "ADL3", "ADL4", "ADL5", "Drill"}) {
      std::string& text = files[fmt::format("dataset/S{}-{}.dat", person, run)];
      for (int step = 0; step < 48; ++step)
        text += opportunity_row(step, step < 24 ? locomotion[person - 1] : 0, step < 24 ? 406516 + person / 3 : 0);
    }
  return files;
}

void expect_windows_cut_one_by_one(const Dataset& dataset, const WindowSpec& spec) {
  WindowSetInfo info;
  info.dataset = dataset.info;
  info.windows = spec;
  const WindowSet set(info, cut_windows(dataset, spec));
  const auto sensors = static_cast<std::int64_t>(dataset.info.sensors.size()), channels = dataset.info.channels();
  const std::int64_t spacing = dataset.info.pre_cut ? spec.steps : spec.stride;
  std::size_t next = 0;
  for (std::size_t index = 0; index < dataset.recordings.size(); ++index) {
    const Recording& recording = dataset.recordings[index];
    for (std::int64_t number = 0; number * spacing + spec.steps <= recording.steps(); ++number) {
      const auto from = recording.labels.begin() + number * spacing;
      std::map<std::int32_t, std::int64_t> counts;
      std::for_each(from, from + spec.steps, [&](std::int32_t label) { ++counts[label]; });
      std::int64_t most = 0;
      for (const auto& [label, count] : counts) most = std::max(most, count);
      std::int32_t commonest = no_label;
      for (const auto& [label, count] : counts)
        if (count == most && commonest == no_label) commonest = label; // classes ascend, a class goes before none
      if (commonest == no_label || static_cast<double>(most) < spec.label_threshold * static_cast<double>(spec.steps)) continue;
      ASSERT_LT(next, set.labels().size());
      EXPECT_EQ(set.labels()[next], commonest);
      EXPECT_EQ(set.people()[next], recording.person);
      EXPECT_EQ(set.recordings()[next], static_cast<std::int32_t>(index));
      EXPECT_EQ(set.starts()[next], number * spec.stride);
      std::vector<float> expected;
      for (std::int64_t sensor = 0; sensor < sensors; ++sensor)
        for (std::int64_t step = 0; step < spec.steps; ++step)
          for (std::int64_t channel = 0; channel < channels; ++channel)
            expected.push_back(
                recording.samples[static_cast<std::size_t>(((number * spacing + step) * sensors + sensor) * channels + channel)]);
      const std::vector<float> window = set.window(static_cast<std::int64_t>(next));
      ASSERT_EQ(std::memcmp(window.data(), expected.data(), expected.size() * sizeof(float)), 0) << "window " << next;
      ++next;
    }
  }
  EXPECT_EQ(next, set.labels().size());
  EXPECT_GT(next, 0u);
}

void expect_sentences_for_damage(const std::string& dataset, const std::string& folder, const Files& files, int rounds) {
  const TemporaryFolder place;
  const auto below = place.path() / "data" / folder;
  write_folder(below, files);
  std::mt19937 random(20251125);
  const auto drawn = [&](std::size_t count) { return static_cast<std::size_t>(random()) % std::max<std::size_t>(count, 1); };
  int refused = 0;
  for (int round = 0; round < rounds; ++round) {
    auto file = files.begin();
    std::advance(file, static_cast<std::ptrdiff_t>(drawn(files.size())));
    std::string text = file->second;
    const std::size_t at = drawn(text.size()), length = drawn(std::min<std::size_t>(text.size() - at, 400)) + 1;
    switch (round % 4) {
    case 0: text[at] = static_cast<char>(random() % 256); break;
    case 1: text.resize(at); break;
    case 2: text.erase(at, length); break;
    default: text.insert(at, text.substr(at, length));
    }
    write_text(below / file->first, text);
    const std::string message = input_error([&] { read_dataset(dataset, place.data_paths()); });
    if (message != "no error") {
      ++refused;
      EXPECT_NE(message.find(below.string()), std::string::npos) << message;
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    }
    write_text(below / file->first, file->second);
  }
  EXPECT_GT(refused, rounds / 3) << "most damage is noticed";
  EXPECT_EQ(input_error([&] { read_dataset(dataset, place.data_paths()); }), "no error");
}

WindowSet made_up_windows(std::int64_t steps, Windows windows, std::vector<std::int64_t> official_test_people) {
  WindowSetInfo info;
  info.dataset.name = "made-up";
  info.dataset.rate = 10;
  info.dataset.sensors = {{"wrist", {{"x", "other"}}}};
  info.dataset.classes = {"a", "b", "c"};
  info.dataset.official_test_people = std::move(official_test_people);
  info.windows = {steps, steps, 0.5};
  // All at one place: what they hold is nobody's business.
  windows.samples.assign(static_cast<std::size_t>(steps), 0.0f);
  windows.begins.assign(windows.labels.size(), 0);
  windows.room_before = windows.room_after = std::vector<std::int32_t>(windows.labels.size(), 0);
  windows.recording_begins = {0, steps};
  return {info, std::move(windows)};
}

} // namespace stdualx::test
