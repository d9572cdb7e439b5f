// Own recordings as people have them: one row a variant of the CSV file and its manifest, with what becomes of it.
#include "data_fixtures.h"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

namespace stdualx {
namespace {

using namespace test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

enum class Packing { plain, gzip, xz, zip, zip_of_two };

void write_packed(const std::filesystem::path& path, const std::string& text, Packing packing) {
  if (packing == Packing::plain) return write_text(path, text);
  if (packing == Packing::zip) return write_zip(path, {{"inside.csv", text}});
  if (packing == Packing::zip_of_two) return write_zip(path, {{"inside.csv", text}, {"second.csv", text}});
  const std::unique_ptr<archive, decltype(&archive_write_free)> writer(archive_write_new(), &archive_write_free);
  const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry(archive_entry_new(), &archive_entry_free);
  archive_write_set_format_raw(writer.get());
  ASSERT_EQ(packing == Packing::gzip ? archive_write_add_filter_gzip(writer.get()) : archive_write_add_filter_xz(writer.get()), ARCHIVE_OK);
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  ASSERT_EQ(archive_write_open_filename(writer.get(), path.c_str()), ARCHIVE_OK);
  ASSERT_EQ(archive_write_header(writer.get(), entry.get()), ARCHIVE_OK);
  ASSERT_EQ(archive_write_data(writer.get(), text.data(), text.size()), static_cast<la_ssize_t>(text.size()));
  ASSERT_EQ(archive_write_close(writer.get()), ARCHIVE_OK);
}

std::string utf16(const std::string& ascii, bool big_endian) {
  std::string bytes = big_endian ? "\xFE\xFF" : "\xFF\xFE";
  for (const char c : ascii) bytes += big_endian ? std::string{'\0', c} : std::string{c, '\0'};
  return bytes;
}

struct Variant {
  std::string name; // of the test
  std::string csv;
  std::vector<float> values; // of the one sensor with one channel, all recordings one after the other
  std::string error{};       // a part of the message, where it is refused
  std::string keys = "{}";   // besides the manifest's usual ones
  Packing packing = Packing::plain;
};

void PrintTo(const Variant& variant, std::ostream* out) { *out << variant.name; }

/// What reading a variant gives; an InputError is the caller's.
Dataset read_variant(const TemporaryFolder& folder, const Variant& variant) {
  Json manifest = Json::parse(R"({"name": "own", "rate": 10, "files": ["own.csv"], "sensors": [{"name": "wrist", "columns": ["x"]}],
    "classes": ["squat", "row"], "windows": {"steps": 2, "stride": 1}})");
  manifest.update(Json::parse(variant.keys));
  write_packed(folder.path() / "own.csv", variant.csv, variant.packing);
  write_text(folder.path() / "own.json", manifest.dump());
  return read_dataset((folder.path() / "own.json").string(), folder.data_paths());
}

class FileVariant : public ::testing::TestWithParam<Variant> {};

TEST_P(FileVariant, IsReadOrNamed) {
  const TemporaryFolder folder;
  const Variant& variant = GetParam();
  if (!variant.error.empty()) {
    const std::string message = input_error([&] { read_variant(folder, variant); });
    EXPECT_THAT(message, HasSubstr(variant.error));
    EXPECT_TRUE(std::none_of(message.begin(), message.end(), [](char c) { return c >= 0 && c < ' ' && c != '\t'; })) << message;
    return;
  }
  std::vector<float> values;
  for (const Recording& recording : read_variant(folder, variant).recordings)
    values.insert(values.end(), recording.samples.begin(), recording.samples.end());
  EXPECT_EQ(values, variant.values);
}

const std::string head = "person,label,x\n", plain = head + "1,row,1.5\n1,row,2\n";
const std::string semicolons = R"({"delimiter": ";"})", continental = R"({"delimiter": ";", "decimal": ","})";

INSTANTIATE_TEST_SUITE_P(
    Numbers, FileVariant,
    ::testing::Values(Variant{"Plus", head + "1,row,+5\n", {5}},
                      Variant{"NoDigitBeforeThePoint", head + "1,row,.5\n1,row,-.5\n", {.5f, -.5f}},
                      Variant{"NoDigitAfterThePoint", head + "1,row,5.\n", {5}},
                      Variant{"TooSmallIsZero", head + "1,row,1e-46\n1,row,-1e-400\n", {0, 0}},
                      Variant{"Exponent", head + "1,row,1E+03\n1,row,+2.5e-1\n", {1000, .25f}},
                      Variant{"TooLarge", head + "1,row,1e39\n", {}, "line 2, column 'x': expected a number, found '1e39'"},
                      Variant{"TwoSigns", head + "1,row,+-5\n", {}, "expected a number, found '+-5'"},
                      Variant{"PlusAlone", head + "1,row,+\n", {}, "expected a number, found '+'"},
                      Variant{"QuestionMark", head + "1,row,?\n", {}, "name the word in the manifest's /missing_values"},
                      Variant{"MissingValues", head + "1,row,3\n1,row,?\n1,row,NA\n", {3, 3, 3}, "", R"({"missing_values": ["NA", "?"]})"}),
    [](const auto& tested) { return tested.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Texts, FileVariant,
    ::testing::Values(Variant{"QuoteInsideQuotes", "person,label,\"the \"\"x\"\"\",x\n1,row,\"a \"\"b\"\", c\",7\n", {7}},
                      Variant{"LineEndInsideQuotes",
                              "person,label,note,x\n1,row,\"two\nlines\",7\n1,row,,bad\n",
                              {},
                              "line 4, column 'x': expected a number, found 'bad'"},
                      Variant{"QuotedNumbers", "\"person\",\"label\",\"x\"\n\"1\",\"row\",\"7\"\n", {7}},
                      Variant{"CarriageReturnsAlone", "person,label,x\r1,row,1.5\r\r1,row,2\r", {1.5f, 2}},
                      Variant{"CarriageReturnsAndLineFeeds", "person,label,x\r\n1,row,1.5\r\n", {1.5f}},
                      Variant{"Gzip", plain, {1.5f, 2}, "", "{}", Packing::gzip}, Variant{"Xz", plain, {1.5f, 2}, "", "{}", Packing::xz},
                      Variant{"Zip", plain, {1.5f, 2}, "", "{}", Packing::zip},
                      Variant{"ZipOfTwo", plain, {}, "own.csv: holds several files", "{}", Packing::zip_of_two},
                      Variant{"CutGzip", "\x1f\x8b\x08", {}, "own.csv: begins like a compressed file"},
                      Variant{"Utf16", utf16(plain, false), {1.5f, 2}}, Variant{"Utf16BigEndian", utf16(plain, true), {1.5f, 2}},
                      Variant{"Utf16CutShort", utf16(plain, true) + "x", {}, "own.csv: is not whole UTF-16 text"},
                      Variant{"ZeroBytes", plain + std::string(3, '\0'), {}, "own.csv: is not text"}),
    [](const auto& tested) { return tested.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Delimiters, FileVariant,
    ::testing::Values(
        Variant{"Semicolons", "person;label;x\n1;row;1.5\n", {1.5f}, "", semicolons},
        Variant{"SemicolonsNotTold", "person;label;x\n1;row;1.5\n", {}, R"(add "delimiter": ";" to the manifest)"},
        Variant{"TabsNotTold", "person\tlabel\tx\n1\trow\t1.5\n", {}, R"(add "delimiter": "\t" to the manifest)"},
        Variant{"Tabs", "person\tlabel\tx\n1\t\t1.5\n", {1.5f}, "", R"({"delimiter": "\t"})"},
        Variant{"DecimalCommas", "person;label;x\n1;row;1,5\n1;row;-2\n", {1.5f, -2}, "", continental},
        Variant{"DecimalCommasNotTold", "person;label;x\n1;row;1,5\n", {}, R"(add "decimal": "," to the manifest)", semicolons},
        Variant{"PointsAmongDecimalCommas", "person;label;x\n1;row;1.234\n", {}, "expected a number, found '1.234'", continental},
        Variant{"LongDelimiter", plain, {}, "own.json:1: /delimiter: expected one of", R"({"delimiter": ";;"})"},
        Variant{"DecimalIsDelimiter", plain, {}, "/decimal: expected another character than", R"({"decimal": ","})"},
        Variant{"NearlyDelimiter", plain, {}, "/delimeter: unknown key; did you mean 'delimiter'", R"({"delimeter": ";"})"},
        Variant{"NoNearColumn", "person,label,weight\n", {}, "names. The columns are: person, label, weight"}),
    [](const auto& tested) { return tested.param.name; });

/// The person of each recording, and the names of people.
std::pair<std::vector<std::int32_t>, std::vector<std::string>> people_in(const std::string& rows) {
  const TemporaryFolder folder;
  const Dataset dataset = read_variant(folder, {"", head + rows, {}});
  std::vector<std::int32_t> people;
  for (const Recording& recording : dataset.recordings) people.push_back(recording.person);
  return {people, dataset.info.people_names};
}

TEST(PeopleOfAManifest, NamesAreNumberedInTheirOwnOrderNotInTheFiles) {
  const auto [people, names] = people_in("zoe,row,1\nS10,row,1\nS2,row,1\n1.0,row,1\n");
  EXPECT_THAT(people, ElementsAre(4, 2, 3, 1));
  EXPECT_THAT(names, ElementsAre("1.0", "S10", "S2", "zoe"));
}

TEST(PeopleOfAManifest, WholeNumbersStayWhatTheyAre) {
  const auto [people, names] = people_in("7,row,1\n03,row,1\n");
  EXPECT_THAT(people, ElementsAre(7, 3));
  EXPECT_TRUE(names.empty());
}

TEST(PeopleOfAManifest, ANumberAmongNamesIsANameToo) {
  const auto [people, names] = people_in("anna,row,1\n7,row,1\n");
  EXPECT_THAT(people, ElementsAre(2, 1));
  EXPECT_THAT(names, ElementsAre("7", "anna"));
}

TEST(PeopleOfAManifest, AnEmptyFieldIsRefused) {
  EXPECT_THAT(input_error([] { people_in(",row,1\n"); }),
              HasSubstr("own.csv line 2, column 'person': expected the person's number or name"));
}

} // namespace
} // namespace stdualx
