// What labs have: names in paths, patterns of files, times in their ways of writing, labels as intervals, sessions.
#include "data_fixtures.h"

#include <gmock/gmock.h>

#include "experiments/datasets/row_fields.h"
#include "experiments/split.h"

#include <algorithm>

namespace stdualx {
namespace {

using namespace test;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// A manifest at 10 Hz of one channel, and files beside it.
struct Lab {
  TemporaryFolder folder;
  Json manifest = Json::parse(R"({"name": "lab", "rate": 10, "files": ["a.csv"], "sensors": [{"name": "wrist", "columns": ["x"]}],
    "classes": ["walk", "sit"], "windows": {"steps": 2, "stride": 2}})");

  explicit Lab(const std::string& keys = "{}") { manifest.update(Json::parse(keys)); }
  void file(const std::string& name, const std::string& text) const { write_text(folder.path() / name, text); }
  std::string path() const {
    write_text(folder.path() / "lab.json", manifest.dump());
    return (folder.path() / "lab.json").string();
  }
  Dataset read() const { return read_dataset(path(), folder.data_paths()); }
  std::string error() const {
    return input_error([&] { read(); });
  }
  WindowSet windows() const { return open_window_set(path(), {}, folder.data_paths()); }
};

TEST(FilesOfALab, PatternsTakeWhatMatchesInTheOrderOfNamesAndPathsSayWhoItWas) {
  const Lab lab(R"j({"files": ["subject*/walk_?.csv"], "person_column": "path:subject(\\d+)", "recording_column": "path:(walk_\\d)",
    "label_column": "path:/(walk)_"})j");
  lab.file("subject10/walk_1.csv", "x\n1\n");
  lab.file("subject2/walk_2.csv", "x\n2\n");
  lab.file("subject2/walk_1.csv", "x\n3\n");
  lab.file("subject2/walk_12.csv", "x\n9\n");
  lab.file("subject2/more/walk_1.csv", "x\n9\n");
  lab.file("notes/walk_1.csv", "x\n9\n");
  const Dataset dataset = lab.read();
  std::vector<std::tuple<std::int32_t, std::string, float>> found;
  for (const Recording& one : dataset.recordings) found.emplace_back(one.person, one.name, one.samples.at(0));
  EXPECT_THAT(found, ElementsAre(std::tuple(10, "walk_1", 1.f), std::tuple(2, "walk_1", 3.f), std::tuple(2, "walk_2", 2.f)));
  EXPECT_THAT(dataset.recordings.at(0).labels, ElementsAre(0));
}

TEST(FilesOfALab, APatternOrPathThatFitsNothingIsNamed) {
  Lab none(R"({"files": ["day*.csv"]})");
  EXPECT_THAT(none.error(),
              AllOf(HasSubstr("lab.json:1: /files/0: no file matches 'day*.csv' below"), HasSubstr(none.folder.path().string())));
  Lab other(R"j({"person_column": "path:subject(\\d+)"})j");
  other.file("a.csv", "label,x\nwalk,1\n");
  EXPECT_THAT(other.error(), HasSubstr(R"j(file 'a.csv': its path does not match the manifest's /person_column, "path:subject(\d+)")j"));
  Lab group(R"({"person_column": "path:subject"})");
  EXPECT_THAT(group.error(), HasSubstr("/person_column: expected a regular expression with a group behind \"path:\""));
  Lab broken(R"({"person_column": "path:(subject"})");
  EXPECT_THAT(broken.error(), HasSubstr("/person_column: expected a regular expression with a group"));
  Lab label(R"j({"label_column": "path:(a)"})j");
  label.file("a.csv", "person,x\n1,1\n");
  EXPECT_THAT(label.error(), HasSubstr("file 'a.csv', by the manifest's /label_column: label 'a' is neither in the manifest's /classes"));
}

TEST(FilesOfALab, WithoutARecordingColumnARecordingBearsItsFilesName) {
  const Lab lab(R"({"files": ["monday.csv", "tuesday.csv"]})");
  lab.file("monday.csv", "person,label,x\n1,walk,1\n2,walk,2\n");
  lab.file("tuesday.csv", "person,label,x\n1,sit,3\n");
  std::vector<std::string> names;
  for (const Recording& one : lab.read().recordings) names.push_back(one.name);
  EXPECT_THAT(names, ElementsAre("monday.csv", "monday.csv", "tuesday.csv"));
}

/// Samples of a recording whose times stand in `header` and `rows`; x is 0, 1, 2, ...
std::vector<float> with_times(const std::string& keys, const std::string& header, const std::vector<std::string>& times) {
  const Lab lab(keys);
  std::string csv = "person,label,x," + header + "\n";
  for (std::size_t i = 0; i < times.size(); ++i) csv += "1,walk," + std::to_string(i) + "," + times[i] + "\n";
  lab.file("a.csv", csv);
  std::vector<float> samples;
  for (const Recording& one : lab.read().recordings) samples.insert(samples.end(), one.samples.begin(), one.samples.end());
  return samples;
}

TEST(TimesOfALab, UnitsFormatsAndTwoColumnsAreOneTime) {
  const auto all = ElementsAre(0, 1, 2);
  EXPECT_THAT(with_times(R"({"time_column": "t"})", "t", {"1.0", "1.1", "1.2"}), all);
  EXPECT_THAT(with_times(R"({"time_column": "t", "time_unit": "ms"})", "t", {"1700000000100", "1700000000200", "1700000000300"}), all);
  EXPECT_THAT(with_times(R"({"time_column": "t", "time_unit": "us"})", "t", {"100000", "200000", "300000"}), all);
  EXPECT_THAT(
      with_times(R"({"time_column": "t", "time_unit": "ns"})", "t", {"1700000000100000000", "1700000000200000000", "1700000000300000000"}),
      all);
  EXPECT_THAT(with_times(R"({"time_column": "s", "microsecond_column": "u"})", "s,u", {"17,900000", "18,0", "18,100000"}), all);
  EXPECT_THAT(with_times(R"({"time_column": "t", "time_format": "iso8601"})", "t",
                         {"2026-02-28T23:59:59.9Z", "2026-03-01 00:00:00", "2026-03-01T01:00:00.1+01:00"}),
              all);
}

TEST(TimesOfALab, Iso8601IsReadToTheZone) {
  EXPECT_EQ(iso8601_seconds("1970-01-01T00:00:00"), 0);
  EXPECT_EQ(iso8601_seconds("2026-12-01T04:12:23.25Z"), 1796098343.25);
  EXPECT_EQ(iso8601_seconds("2026-12-01 05:42:23,25+0130"), 1796098343.25);
  EXPECT_EQ(iso8601_seconds("2026-11-30T23:12:23.25-05"), 1796098343.25);
  for (const char* wrong : {"", "2026-12-01", "2026-13-01T00:00:00", "2026-02-30T00:00:00", "2026-12-01T24:00:00", "2026-12-01T04:12:23.",
                            "2026-12-01T04:12:23 x", "1700000000", "2026-12-01T04:12", "2026-12-01T04:12:23+1"})
    EXPECT_FALSE(iso8601_seconds(wrong).has_value()) << wrong;
}

TEST(TimesOfALab, WhatIsNoTimeIsNamed) {
  const auto error = [](const std::string& keys, const std::string& header, const std::vector<std::string>& times) {
    return input_error([&] { with_times(keys, header, times); });
  };
  EXPECT_THAT(error(R"({"time_column": "t", "time_format": "iso8601"})", "t", {"1.5"}),
              HasSubstr("a.csv line 2, column 't': expected a time such as 2026-12-01T08:30:15.25, found '1.5'"));
  EXPECT_THAT(error(R"({"time_column": "t", "time_unit": "minutes"})", "t", {"1"}), HasSubstr("/time_unit: expected one of s, ms, us, ns"));
  EXPECT_THAT(error(R"({"time_column": "t", "time_unit": "ms"})", "t", {"5", "5"}),
              HasSubstr("times are ms, ascending within a recording"));
  EXPECT_THAT(error(R"({"microsecond_column": "t"})", "t", {"5"}), HasSubstr("/microsecond_column: expected a /time_column"));
}

const std::string intervals =
    R"({"recording_column": "set", "label_files": ["labels.csv"], "label_start_column": "from", "label_end_column": "to"})";

TEST(LabelsInAFileOfTheirOwn, AnIntervalHoldsItsStartAndNotItsEnd) {
  const Lab lab(intervals);
  lab.file("a.csv", "person,set,x\n1,m,0\n1,m,1\n1,m,2\n1,m,3\n1,m,4\n2,n,5\n");
  lab.file("labels.csv", "label,to,from,set,person\nsit,0.4,0.2,m,1\nwalk,0.2,0.1,m,01\n");
  const Dataset dataset = lab.read();
  EXPECT_THAT(dataset.recordings.at(0).labels, ElementsAre(no_label, 0, 1, 1, no_label));
  EXPECT_THAT(dataset.notes, Contains("No interval of /label_files is of recording 'n' of person 2: none of its rows has a class."));
}

TEST(LabelsInAFileOfTheirOwn, TheyHaveTheClockOfTheTimeColumn) {
  Lab lab(R"({"time_column": "t", "time_unit": "ms", "label_files": ["labels.csv"]})");
  lab.file("a.csv", "person,t,x\n1,1000,0\n1,1100,1\n1,1200,2\n");
  lab.file("labels.csv", "person,start,end,label\n1,1050,1150,sit\n1,5000,6000,walk\n");
  const Dataset dataset = lab.read();
  EXPECT_THAT(dataset.recordings.at(0).labels, ElementsAre(no_label, 1, no_label));
  EXPECT_THAT(dataset.notes, Contains("1 of 2 intervals of recording '' of person 1 hold none of its rows: do both clocks agree?"));
}

TEST(LabelsInAFileOfTheirOwn, MistakesAreNamedByLine) {
  const auto error = [](const std::string& rows) {
    const Lab lab(intervals);
    lab.file("a.csv", "person,set,x\n1,m,0\n1,m,1\n");
    lab.file("labels.csv", "person,set,from,to,label\n" + rows);
    return lab.error();
  };
  EXPECT_THAT(error("1,m,0.2,0.1,sit\n"), HasSubstr("labels.csv line 2, column 'to': expected an end after the start, found '0.1'"));
  EXPECT_THAT(error("1,m,0,0.2,sit\n1,m,0.1,0.3,walk\n"),
              AllOf(HasSubstr("labels.csv line 3: its interval begins before that of"), HasSubstr("line 2 ends")));
  EXPECT_THAT(error("1,m,0,0.2,stand\n"),
              HasSubstr("labels.csv line 2, column 'label': label 'stand' is neither in the manifest's /classes"));
  EXPECT_THAT(error("1,z,0,0.2,sit\n"), HasSubstr("labels.csv line 2: there is no recording 'z' of person 1 in the manifest's /files"));
}

/// Two people, each with four sessions of 40 samples.
struct SessionsLab : Lab {
  explicit SessionsLab(int sessions = 4) : Lab(R"({"recording_column": "set", "session_column": "day"})") {
    std::string csv = "person,set,day,label,x\n";
    for (const char* person : {"anna", "bert"})
      for (int day = 0; day < sessions; ++day)
        for (int i = 0; i < 40; ++i)
          csv += std::string(person) + ",s" + std::to_string(day) + ",day" + std::to_string(day) + (i < 20 ? ",walk," : ",sit,") +
                 std::to_string(i) + "\n";
    file("a.csv", csv);
  }
};

TEST(Sessions, EachIsLeftOutOnceAndIsOnOneSideAlone) {
  const WindowSet windows = SessionsLab().windows();
  ProtocolSpec protocol;
  protocol.kind = "leave_one_session_out";
  ASSERT_EQ(fold_count(windows, protocol), 4);
  EXPECT_THAT(windows.info().sessions, ElementsAre("day0", "day1", "day2", "day3"));
  const auto session = [&](std::int64_t window) {
    return windows.recording_sessions()[static_cast<std::size_t>(windows.recordings()[static_cast<std::size_t>(window)])];
  };
  for (std::int64_t fold = 0; fold < 4; ++fold) {
    const Split split = make_split(windows, protocol, fold);
    EXPECT_EQ(split.train.size() + split.validation.size() + split.test.size(), static_cast<std::size_t>(windows.size()));
    EXPECT_TRUE(std::all_of(split.test.begin(), split.test.end(), [&](std::int64_t window) { return session(window) == fold; }));
    std::set<std::int64_t> trained, validated;
    for (const std::int64_t window : split.train) trained.insert(session(window));
    for (const std::int64_t window : split.validation) validated.insert(session(window));
    EXPECT_EQ(trained.size(), 2u);
    EXPECT_EQ(validated.size(), 1u);
    EXPECT_FALSE(trained.contains(fold) || validated.contains(fold) || trained.contains(*validated.begin()));
    EXPECT_THAT(split.train_people, ElementsAre(1, 2)) << "the same people";
    EXPECT_THAT(split.test_people, ElementsAre(1, 2));
  }
}

TEST(Sessions, WhatCannotBeSplitIsNamed) {
  ProtocolSpec protocol;
  protocol.kind = "leave_one_session_out";
  EXPECT_THAT(input_error([&] { make_split(SessionsLab(1).windows(), protocol, 0); }),
              HasSubstr("has one session only; name a /session_column"));
  EXPECT_THAT(input_error([&] { make_split(SessionsLab(2).windows(), protocol, 0); }),
              HasSubstr("fold 0 has 1 training sessions and needs 1 of them for validation"));
  protocol.validation = false;
  EXPECT_THAT(make_split(SessionsLab(2).windows(), protocol, 1).validation, IsEmpty());
  SessionsLab none;
  none.manifest.erase("session_column");
  EXPECT_THAT(input_error([&] { fold_count(none.windows(), protocol); }),
              HasSubstr("has no sessions; name a /session_column in its manifest"));
  Lab within(R"({"session_column": "day"})");
  within.file("a.csv", "person,day,label,x\n1,a,walk,1\n1,b,walk,2\n");
  EXPECT_THAT(within.error(), HasSubstr("a.csv line 3, column 'day': session 'b' begins within a recording of session 'a'"));
}

} // namespace
} // namespace stdualx
