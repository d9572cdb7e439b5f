// What is left out of own recordings, and what is odd about them, is said, and adds up.
#include "data_fixtures.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <numeric>

namespace stdualx {
namespace {

using namespace test;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

/// A manifest at 50 Hz with one wrist of ax and ay, and what a test adds to it.
struct Own {
  TemporaryFolder folder;
  std::string csv = "person,set,label,ax,ay\n", belt = "person,set,b\n";
  Json manifest = Json::parse(R"({"name": "own", "rate": 50, "files": ["own.csv"], "recording_column": "set", "classes": ["squat", "row"],
    "sensors": [{"name": "wrist", "columns": ["ax", "ay"]}], "windows": {"steps": 50, "stride": 25}})");

  void rows(const std::string& person, const std::string& set, const std::string& label, int count, int from = 0) {
    for (int i = from; i < from + count; ++i) csv += fmt::format("{},{},{},{},{}\n", person, set, label, i * 7 % 89 + 0.5, i * 11 % 97);
  }
  std::string path() const {
    write_text(folder.path() / "own.csv", csv);
    write_text(folder.path() / "belt.csv", belt);
    write_text(folder.path() / "own.json", manifest.dump());
    return (folder.path() / "own.json").string();
  }
  Dataset read() const { return read_dataset(path(), folder.data_paths()); }
  WindowSetInfo cut(const WindowSpec& spec = {}) const { return open_window_set(path(), spec, folder.data_paths()).all_info(); }
  std::vector<std::string> notes() const { return read().notes; }
};

std::int64_t samples_of(const Dataset& dataset) {
  return std::accumulate(dataset.recordings.begin(), dataset.recordings.end(), std::int64_t{0},
                         [](std::int64_t sum, const Recording& recording) { return sum + recording.steps(); });
}

TEST(AccountOfRows, EveryRowIsReadOrLeftOutForAReason) {
  Own own;
  own.rows("anna", "a", "squat", 210);
  for (int i = 0; i < 15; ++i) own.csv += "anna,a,squat,,1\n"; // 0.3 s
  own.rows("anna", "a", "squat", 100, 210);
  for (int i = 0; i < 3; ++i) own.csv += "anna,a,squat,,1\n"; // filled
  own.rows("anna", "a", "", 130);                             // no class
  own.rows("bert", "b", "row", 40);                           // shorter than a window
  const Dataset dataset = own.read();
  EXPECT_EQ(dataset.account.rows, 498);
  EXPECT_EQ(dataset.account.in_gaps, 15);
  EXPECT_EQ(dataset.account.filled, 3);
  EXPECT_EQ(dataset.account.rows + dataset.account.regridded, samples_of(dataset) + dataset.account.in_gaps + dataset.account.one_missing);
  const WindowSetInfo info = own.cut();
  EXPECT_EQ(info.account.shorter, 40);
  // Anna's first stretch has 210 samples, its windows end at 200; the second 233, of which the windows up to 125 are mostly squats.
  EXPECT_EQ(info.account.outside, 10);
  EXPECT_EQ(info.account.no_class, 233 - 125);
  EXPECT_THAT(info.notes, Contains("Person 2 (bert) has 40 samples and no window: no fold is theirs, and no table names them."));
  EXPECT_EQ(own.cut({50, 25, 0.5}).account, info.account) << "out of the cache as well";
}

TEST(AccountOfRows, APersonOfWhomNothingIsKeptIsNamed) {
  Own own;
  own.rows("anna", "a", "squat", 100);
  own.csv += "bert,b,row,,1\n";
  for (int i = 0; i < 11; ++i) own.csv += "bert,b,row,,\n"; // too long to be filled
  own.csv += "bert,b,row,1,\n";
  EXPECT_THAT(own.notes(), Contains("Person bert vanishes: every row of theirs lies in a gap, or lacks a sensor."));
}

TEST(AccountOfRows, ItAddsUpAtAnotherRateToo) {
  Own own;
  own.rows("1", "a", "squat", 210);
  own.rows("2", "b", "row", 300);
  const WindowSetInfo info = own.cut({20, 10, 0.5, 20});
  const RowAccount& account = info.account;
  EXPECT_EQ(account.rows, 510);
  EXPECT_EQ(account.rows + account.regridded, 84 + 120); // 209 and 299 steps of 0.02 s hold 83 and 119 of 0.05 s
  EXPECT_EQ(account.shorter + account.no_class + account.outside, 4);
}

TEST(AccountOfRows, ASensorThatIsMissingIsAReasonOfItsOwn) {
  Own own;
  own.rows("1", "a", "squat", 200);
  for (int i = 0; i < 50; ++i) own.belt += fmt::format("1,a,{}\n", i % 13);
  own.manifest["sensors"].push_back({{"name", "belt"}, {"columns", {"b"}}, {"files", {"belt.csv"}}, {"rate", 25}});
  const Dataset dataset = own.read();
  EXPECT_EQ(dataset.account.in_gaps, 0);
  EXPECT_EQ(dataset.account.one_missing, 101); // the belt's last sample lies at row 98
  EXPECT_EQ(dataset.account.rows, samples_of(dataset) + 101);
  EXPECT_THAT(dataset.notes, Contains("Sensor 'belt' has 'b' for 50 % of recording 'a' of person 1; what it lacks is left out."));
}

TEST(OddRecordings, AreSaidByChannel) {
  Own own;
  own.rows("1", "a", "squat", 400);
  EXPECT_THAT(own.notes(), IsEmpty());
  Own constant;
  for (int i = 0; i < 200; ++i) constant.csv += fmt::format("1,a,squat,{},3\n", i);
  EXPECT_THAT(constant.notes(), Contains("Channel 'ay' of sensor 'wrist' is 3 in all samples; leave it out of the manifest's /sensors."));
  Own still;
  still.rows("1", "a", "squat", 200);
  for (int i = 0; i < 200; ++i) still.csv += fmt::format("1,b,squat,{},3\n", i * 7 % 89);
  EXPECT_THAT(still.notes(), Contains("Channel 'ay' of sensor 'wrist' never changes in 1 of 2 recordings."));
  Own repeated;
  for (int i = 0; i < 200; ++i) repeated.csv += fmt::format("1,a,squat,{0},{0}\n", i * 7 % 89);
  EXPECT_THAT(repeated.notes(),
              Contains("Channel 'ay' of sensor 'wrist' is, value for value, the same as: Channel 'ax' of sensor 'wrist'."));
}

TEST(OddRecordings, ValuesThatStandForNothingOrForALimitAreSaid) {
  Own sentinel;
  sentinel.rows("1", "a", "squat", 200);
  sentinel.csv += "1,a,squat,-9999,1\n1,a,squat,-9999,2\n";
  EXPECT_THAT(sentinel.notes(), Contains(HasSubstr("'ax' of sensor 'wrist' is -9999 in 2 of 202 samples, far from its other values")));
  Own limit;
  for (int i = 0; i < 1000; ++i) limit.csv += fmt::format("1,a,squat,{},{}\n", std::min(i * 7 % 89 + i * 0.001, 80.0), i * 11 % 97);
  EXPECT_THAT(limit.notes(), Contains(HasSubstr("'ax' of sensor 'wrist' is at its largest value, 80, in 10.")));
  Own buttons; // few values are no measured quantity
  for (int i = 0; i < 1000; ++i) buttons.csv += fmt::format("1,a,squat,{},{}\n", i % 3 + 1, i % 2 + 1);
  EXPECT_THAT(buttons.notes(), IsEmpty());
}

TEST(OddRecordings, ColumnsThatAreNoChannelsAndFilesWithoutRowsAreSaid) {
  Own own;
  own.rows("1", "a", "squat", 100);
  own.manifest["sensors"][0]["columns"] = {"ax", "person", "ax"};
  EXPECT_THAT(own.notes(), Contains("Column 'person' of sensor 'wrist' is that of the people, too: as a channel it tells a network what it "
                                    "must not know."));
  EXPECT_THAT(own.notes(), Contains("Column 'ax' of sensor 'wrist' is listed twice in /sensors."));
  Own header;
  header.rows("1", "a", "squat", 100);
  header.manifest["files"] = {"own.csv", "none.csv"};
  write_text(header.folder.path() / "none.csv", "person,set,label,ax,ay\n");
  EXPECT_THAT(header.notes(), Contains(HasSubstr("none.csv: holds a header and no row")));
}

} // namespace
} // namespace stdualx
