// What each protocol promises about people, classes and overlap; standardisation by hand.
#include "data_fixtures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "experiments/split.h"

namespace stdualx {
namespace {

using namespace test;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// `people` people (1, 2, ...), each one recording of `each` windows of 4 steps, half overlapping; classes go a b c a b c.
WindowSet crowd(int people, int each, std::vector<std::int64_t> official = {}) {
  Windows windows;
  for (int person = 1; person <= people; ++person)
    for (int i = 0; i < each; ++i) {
      windows.labels.push_back((person + i) % 3);
      windows.people.push_back(person);
      windows.recordings.push_back(person - 1);
      windows.starts.push_back(2 * i);
    }
  return made_up_windows(4, std::move(windows), std::move(official));
}

ProtocolSpec protocol(const std::string& kind, std::int64_t folds) {
  ProtocolSpec spec;
  spec.kind = kind;
  spec.folds = folds;
  return spec;
}

void expect_every_window_once(const Split& split, const WindowSet& windows) {
  std::vector<std::int64_t> all;
  for (const auto* part : {&split.train, &split.validation, &split.test}) {
    EXPECT_TRUE(std::is_sorted(part->begin(), part->end()));
    all.insert(all.end(), part->begin(), part->end());
  }
  std::sort(all.begin(), all.end());
  ASSERT_EQ(static_cast<std::int64_t>(all.size()), windows.size());
  for (std::size_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], static_cast<std::int64_t>(i));
}

std::set<std::int64_t> people_in(const WindowSet& windows, const std::vector<std::int64_t>& part) {
  std::set<std::int64_t> people;
  for (const std::int64_t index : part) people.insert(windows.people()[static_cast<std::size_t>(index)]);
  return people;
}

TEST(LeavePersonsOut, EveryPersonIsTestOnceAndNeverInTwoParts) {
  const WindowSet windows = crowd(11, 6);
  for (std::int64_t seed = 0; seed < 20; ++seed) {
    std::vector<std::int64_t> tested;
    for (std::int64_t fold = 0; fold < 4; ++fold) {
      ProtocolSpec spec = protocol("leave_persons_out", 4);
      spec.split_seed = seed;
      const Split split = make_split(windows, spec, fold);
      expect_every_window_once(split, windows);
      EXPECT_EQ(people_in(windows, split.train), std::set(split.train_people.begin(), split.train_people.end()));
      EXPECT_EQ(people_in(windows, split.validation), std::set(split.validation_people.begin(), split.validation_people.end()));
      EXPECT_EQ(people_in(windows, split.test), std::set(split.test_people.begin(), split.test_people.end()));
      EXPECT_EQ(split.train_people.size() + split.validation_people.size() + split.test_people.size(), 11u); // so no one is twice
      EXPECT_THAT(split.test_people.size(), ::testing::AnyOf(2u, 3u));
      EXPECT_EQ(split.validation_people.size(), 2u); // 0.2 of 8 or 9
      EXPECT_EQ(split.test_overlap_share, 0.0);
      EXPECT_EQ(split.validation_overlap_share, 0.0);
      tested.insert(tested.end(), split.test_people.begin(), split.test_people.end());
    }
    std::sort(tested.begin(), tested.end());
    EXPECT_THAT(tested, ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
  }
}

TEST(LeavePersonsOut, TheSeedAloneDecides) {
  const WindowSet windows = crowd(12, 3);
  ProtocolSpec spec = protocol("leave_persons_out", 3);
  const Split first = make_split(windows, spec, 1), again = make_split(windows, spec, 1);
  EXPECT_EQ(first.test, again.test);
  EXPECT_EQ(first.validation, again.validation);
  spec.split_seed = 5;
  EXPECT_NE(make_split(windows, spec, 1).test_people, first.test_people);
}

TEST(Official, ThePublishersPeopleAreTheTest) {
  const WindowSet windows = crowd(6, 3, {2, 5});
  ProtocolSpec spec = protocol("official", 0);
  Split split = make_split(windows, spec, 0);
  expect_every_window_once(split, windows);
  EXPECT_THAT(split.test_people, ElementsAre(2, 5));
  EXPECT_EQ(split.validation_people.size(), 1u);
  spec.validation_people = {6, 1};
  EXPECT_THAT(make_split(windows, spec, 0).validation_people, ElementsAre(1, 6));
  spec.validation = false;
  split = make_split(windows, spec, 0);
  EXPECT_TRUE(split.validation.empty());
  EXPECT_THAT(split.train_people, ElementsAre(1, 3, 4, 6));
}

TEST(LeaveOnePersonOut, FoldIIsTheIthPerson) {
  Windows windows; // people 3, 20 and 101, two windows each
  for (const std::int32_t person : {20, 3, 101, 20, 3, 101}) {
    windows.labels.push_back(0);
    windows.people.push_back(person);
    windows.recordings.push_back(person);
    windows.starts.push_back(4 * static_cast<std::int32_t>(windows.starts.size()));
  }
  const WindowSet set = made_up_windows(4, windows);
  const ProtocolSpec spec = protocol("leave_one_person_out", 0);
  EXPECT_EQ(fold_count(set, spec), 3);
  EXPECT_EQ(fold_count(set, protocol("leave_one_person_out", 3)), 3);
  const std::int64_t people[] = {3, 20, 101};
  for (std::int64_t fold = 0; fold < 3; ++fold) {
    const Split split = make_split(set, spec, fold);
    expect_every_window_once(split, set);
    EXPECT_THAT(split.test_people, ElementsAre(people[fold]));
    EXPECT_EQ(split.validation_people.size(), 1u);
  }
  EXPECT_THAT(input_error([&] { make_split(set, spec, 3); }), HasSubstr("expected a fold from 0 to 2, found 3"));
  EXPECT_THAT(input_error([&] { make_split(set, protocol("leave_one_person_out", 2), 0); }),
              HasSubstr("has 3 people, so leave_one_person_out"));
}

TEST(Challenge, SessionsArePartedAsThePublisherDid) {
  const TemporaryFolder folder;
  write_folder(folder.path() / "data" / "opportunity", tiny_opportunity());
  const WindowSet windows = open_window_set("opportunity-gestures", {}, folder.data_paths());
  const auto sessions = [&](const std::vector<std::int64_t>& part) {
    std::set<std::string> names;
    for (const std::int64_t index : part) {
      const auto recording = static_cast<std::size_t>(windows.recordings()[static_cast<std::size_t>(index)]);
      names.insert(windows.info().sessions.at(static_cast<std::size_t>(windows.recording_sessions()[recording])));
    }
    return names;
  };
  ProtocolSpec spec = protocol("challenge", 0);
  Split split = make_split(windows, spec, 0);
  EXPECT_EQ(fold_count(windows, spec), 1);
  EXPECT_THAT(sessions(split.test), ElementsAre("S2-ADL4", "S2-ADL5", "S3-ADL4", "S3-ADL5"));
  EXPECT_THAT(sessions(split.validation), ElementsAre("S2-ADL3", "S3-ADL3"));
  EXPECT_THAT(sessions(split.train), ElementsAre("S1-ADL1", "S1-ADL2", "S1-ADL3", "S1-ADL4", "S1-ADL5", "S1-Drill", "S2-ADL1", "S2-ADL2",
                                                 "S2-Drill", "S3-ADL1", "S3-ADL2", "S3-Drill"));
  EXPECT_THAT(split.train_people, ElementsAre(1, 2, 3)); // S4 is left out
  EXPECT_THAT(split.test_people, ElementsAre(2, 3));
  EXPECT_EQ(split.test_overlap_share, 0.0);
  spec.validation = false;
  split = make_split(windows, spec, 0);
  EXPECT_TRUE(split.validation.empty());
  EXPECT_TRUE(sessions(split.train).contains("S3-ADL3"));
  spec.validation = true;
  spec.validation_people = {1};
  EXPECT_THAT(input_error([&] { make_split(windows, spec, 0); }), HasSubstr("people on both sides"));
  EXPECT_THAT(input_error([] { make_split(crowd(4, 6), protocol("challenge", 0), 0); }), HasSubstr("has no challenge split"));
}

TEST(Random, ClassesAndFoldsDifferByAtMostOneWindow) {
  Windows uneven; // 17 a, 31 b, 4 c
  for (int i = 0; i < 52; ++i) {
    uneven.labels.push_back(i % 13 == 12 ? 2 : i % 3 == 0 ? 0 : 1);
    uneven.people.push_back(i / 26);
    uneven.recordings.push_back(i / 26);
    uneven.starts.push_back(2 * (i % 26));
  }
  const WindowSet windows = made_up_windows(4, uneven);
  std::map<std::int32_t, std::int64_t> totals;
  for (const std::int32_t label : windows.labels()) ++totals[label];
  std::vector<std::int64_t> tested;
  for (std::int64_t fold = 0; fold < 5; ++fold) {
    const Split split = make_split(windows, protocol("random", 5), fold);
    expect_every_window_once(split, windows);
    EXPECT_THAT(split.test.size(), ::testing::AnyOf(10u, 11u));
    std::map<std::int32_t, double> test, validation, rest;
    for (const std::int64_t i : split.test) ++test[windows.labels()[static_cast<std::size_t>(i)]];
    for (const std::int64_t i : split.validation) ++validation[windows.labels()[static_cast<std::size_t>(i)]];
    for (const auto& [label, total] : totals) {
      EXPECT_LT(std::abs(test[label] - static_cast<double>(total) / 5), 1.0);
      EXPECT_LT(std::abs(validation[label] - 0.2 * (static_cast<double>(total) - test[label])), 1.5);
    }
    tested.insert(tested.end(), split.test.begin(), split.test.end());
    EXPECT_GT(split.test_overlap_share, 0.5); // neighbours on both sides: this is why a random split flatters
  }
  EXPECT_EQ(std::set(tested.begin(), tested.end()).size(), 52u);
  EXPECT_EQ(tested.size(), 52u);
}

TEST(Overlap, IsTheShareWorkedOutByHand) {
  // Recording 0: windows of 4 at 0, 2, 4, 8; recording 1: at 2. Person 1 trains with starts 0 and 8.
  Windows windows;
  windows.labels = {0, 0, 0, 0, 0};
  windows.people = {1, 2, 2, 1, 2};
  windows.recordings = {0, 0, 0, 0, 1};
  windows.starts = {0, 2, 4, 8, 2};
  ProtocolSpec spec = protocol("official", 0);
  spec.validation = false;
  const Split split = make_split(made_up_windows(4, windows, {2}), spec, 0);
  // Start 2 overlaps 0; start 4 touches 0 and 8 without a common sample; recording 1 has no training window.
  EXPECT_DOUBLE_EQ(split.test_overlap_share, 1.0 / 3.0);
  EXPECT_EQ(split.validation_overlap_share, 0.0);
  // Shifted by a sample, the training windows reach start 4 as well.
  EXPECT_DOUBLE_EQ(make_split(made_up_windows(4, windows, {2}), spec, 0, 1).test_overlap_share, 2.0 / 3.0);
}

/// Six people with a recording of 40 samples each, windows of 8 every 4.
WindowSet strided(std::int64_t training_stride) {
  Dataset dataset;
  dataset.info.name = "made-up";
  dataset.info.sensors = {{"wrist", {{"x", "other"}}}};
  dataset.info.classes = {"a", "b"};
  dataset.info.official_test_people = {2, 5};
  for (int person = 1; person <= 6; ++person) {
    Recording& recording = dataset.recordings.emplace_back();
    recording.person = person;
    recording.labels.assign(40, person % 2);
    recording.samples.assign(40, 0.5f);
  }
  WindowSetInfo info;
  info.dataset = dataset.info;
  info.windows = {8, 4, 0.5};
  info.windows.training_stride = training_stride;
  return {info, cut_windows(dataset, info.windows)};
}

TEST(TrainingStride, TrainsOnItsOwnCutAndLeaksNothing) {
  const WindowSet plain = strided(0), set = strided(3);
  for (const std::string kind : {"official", "leave_one_person_out", "leave_persons_out"}) {
    const ProtocolSpec spec = protocol(kind, kind == "leave_persons_out" ? 3 : 0);
    ASSERT_EQ(fold_count(plain, spec), fold_count(set, spec));
    for (std::int64_t fold = 0; fold < fold_count(set, spec); ++fold) {
      const Split without = make_split(plain, spec, fold), with = make_split(set, spec, fold, 8);
      EXPECT_EQ(with.test, without.test) << "the same windows under the same numbers";
      EXPECT_EQ(with.validation, without.validation);
      EXPECT_EQ(with.train_people, without.train_people);
      EXPECT_EQ(people_in(set, with.train), std::set(with.train_people.begin(), with.train_people.end()));
      EXPECT_EQ(with.train.size(), 11 * with.train_people.size()) << "starts 0, 3, ..., 30";
      std::set<std::int32_t> trained, evaluated; // recordings
      for (const std::int64_t index : with.train) {
        EXPECT_EQ(set.starts()[static_cast<std::size_t>(index)] % 3, 0);
        trained.insert(set.recordings()[static_cast<std::size_t>(index)]);
      }
      for (const auto* part : {&with.validation, &with.test})
        for (const std::int64_t index : *part) evaluated.insert(set.recordings()[static_cast<std::size_t>(index)]);
      for (const std::int32_t recording : trained) EXPECT_FALSE(evaluated.contains(recording));
      EXPECT_EQ(with.test_overlap_share, 0);
      EXPECT_EQ(with.validation_overlap_share, 0);
    }
  }
  EXPECT_THAT(input_error([&] { make_split(set, protocol("random", 3), 0); }),
              AllOf(HasSubstr("/protocol/kind: a random split parts windows"), HasSubstr("leave /windows/training_stride out")));
}

TEST(TrainingStride, OfAChallengeIsOfItsTrainingSessionsAlone) {
  const TemporaryFolder folder;
  write_folder(folder.path() / "data" / "opportunity", tiny_opportunity());
  WindowSpec spec{8, 4, 0.5};
  const WindowSet plain = open_window_set("opportunity-gestures", spec, folder.data_paths());
  spec.training_stride = 3;
  const WindowSet set = open_window_set("opportunity-gestures", spec, folder.data_paths());
  const Split without = make_split(plain, protocol("challenge", 0), 0), with = make_split(set, protocol("challenge", 0), 0);
  EXPECT_EQ(with.test, without.test);
  EXPECT_EQ(with.validation, without.validation);
  EXPECT_GT(with.train.size(), without.train.size());
  EXPECT_EQ(with.test_overlap_share, 0);
}

TEST(Split, WhatCannotBeServedIsNamed) {
  const WindowSet windows = crowd(4, 6, {4});
  const auto error_of = [&](const ProtocolSpec& spec, std::int64_t fold) { return input_error([&] { make_split(windows, spec, fold); }); };
  EXPECT_THAT(error_of(protocol("leave_persons_out", 5), 0), HasSubstr("has 4 people, too few for 5 folds"));
  EXPECT_THAT(error_of(protocol("leave_persons_out", 1), 0), HasSubstr("expected at least 2 folds"));
  EXPECT_THAT(error_of(protocol("leave_persons_out", 4), 4), HasSubstr("expected a fold from 0 to 3, found 4"));
  EXPECT_THAT(error_of(protocol("leave_persons_out", 4), -1), HasSubstr("found -1"));
  EXPECT_THAT(error_of(protocol("official", 0), 1), HasSubstr("expected a fold from 0 to 0, found 1"));
  ProtocolSpec spec = protocol("official", 0);
  spec.validation_people = {1, 4};
  EXPECT_THAT(error_of(spec, 0), AllOf(HasSubstr("person 4 is no training person"), HasSubstr("choose among 1, 2, 3")));
  spec.validation_people = {1, 2, 3};
  EXPECT_THAT(error_of(spec, 0), HasSubstr("leaves nobody to train on"));
  spec = protocol("random", 2);
  spec.validation_people = {1};
  EXPECT_THAT(error_of(spec, 0), HasSubstr("a random split parts windows, not people"));
  EXPECT_THAT(input_error([] { make_split(crowd(4, 6), protocol("official", 0), 0); }), HasSubstr("has no official split"));
  EXPECT_THAT(input_error([] { make_split(crowd(2, 6), protocol("leave_persons_out", 2), 0); }), HasSubstr("nobody to train on"));
}

TEST(Standardise, MeanAndDeviationAreThoseWorkedOutByHand) {
  WindowSetInfo info;
  info.dataset.name = "hand";
  info.dataset.sensors = {{"wrist", {{"x", "other"}, {"y", "other"}}}, {"belt", {{"x", "other"}}}};
  info.dataset.classes = {"a", "b"};
  info.windows = {2, 2, 0.5};
  Windows windows;
  windows.labels = windows.people = windows.recordings = windows.starts = {0, 1, 0};
  windows.samples = {1,    0.1f, 1e6f, 0, 3,    0.1f, 1e6f + 1, 0, // window 0: wrist (x, y), belt (x, padding); again
                     1e9f, 1e9f, 1e9f, 0, 1e9f, 1e9f, 1e9f,     0, // not a training window
                     5,    0.1f, 1e6f, 0, 7,    0.1f, 1e6f + 1, 0};
  windows.begins = {0, 2, 4};
  windows.recording_begins = {0, 2, 4, 6};
  const std::vector<std::int64_t> train = {0, 2};
  const Standardisation result = standardise(WindowSet(info, windows), train);
  EXPECT_THAT(result.mean, ElementsAre(4.0f, 0.1f, 1000000.5f, 0.0f));
  EXPECT_FLOAT_EQ(result.deviation[0], std::sqrt(5.0f)); // of 1, 3, 5, 7
  EXPECT_EQ(result.deviation[1], 1.0f);                  // constant
  EXPECT_FLOAT_EQ(result.deviation[2], 0.5f);            // small beside its mean, yet real
  EXPECT_EQ(result.deviation[3], 1.0f);                  // padding
}

} // namespace
} // namespace stdualx
