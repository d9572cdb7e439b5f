// A file that is no strict JSON is refused with file and line.
#include "experiments/json_file.h"
#include "sweep_fixture.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

namespace stdualx::sweep_tests {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string parse_error(const std::string& text) {
  return message_of([&] { parse_json(text, "f.json"); });
}

TEST(JsonFile, KnowsTheLineOfEachPart) {
  const auto file = parse_json("{\n \"a\": 1,\n \"b\": [\n  10\n  ,\n  {\"c\":\n true}\n ]\n}\n", "f.json");
  EXPECT_EQ(file.source.lines.at(""), 1);
  EXPECT_EQ(file.source.lines.at("/a"), 2);
  EXPECT_EQ(file.source.lines.at("/b"), 3);
  EXPECT_EQ(file.source.lines.at("/b/0"), 4); // the parser has read the line's end behind the number
  EXPECT_EQ(file.source.lines.at("/b/1"), 6);
  EXPECT_EQ(file.source.lines.at("/b/1/c"), 6);
  EXPECT_EQ(file.value, Json::parse(R"({"a": 1, "b": [10, {"c": true}]})"));
}

TEST(JsonFile, ReadsWhatTheLibraryReads) {
  const std::string text = R"([null, true, -3, 18446744073709551615, 2.5e-3, "x\u00e9\n", {}, [], {"a": {"b": [[1], [2]]}}])";
  EXPECT_EQ(parse_json(text, "f.json").value, Json::parse(text));
}

TEST(JsonFile, PlacesAPartThatIsNotThereAtItsNearestParent) {
  const auto file = parse_json("{\n\"a\": {\n\"b\": 1}}", "f.json");
  EXPECT_EQ(file.source.place("/a/x/y"), "f.json:2");
  EXPECT_EQ(file.source.place("/"), "f.json:1");
}

TEST(JsonFile, RefusesADuplicateKeyWithBothLines) {
  EXPECT_EQ(parse_error("{\"a\": {\"x\": 1,\n \"y\": 2,\n \"x\": 3}}"),
            "f.json:3: /a/x: stands twice in one object, first in line 1; remove one of them");
}

TEST(JsonFile, AllowsOneKeyInTwoObjects) { EXPECT_EQ(parse_json(R"([{"a": 1}, {"a": 2}])", "f.json").value[1]["a"], 2); }

TEST(JsonFile, RefusesTrailingCommasAtTheComma) {
  EXPECT_THAT(parse_error("{\n\"a\": 1,\n\n}"), StartsWith("f.json:2: not JSON: a comma after the last item"));
  EXPECT_THAT(parse_error("[\n1,\n2,\n]"), StartsWith("f.json:3: not JSON: a comma after the last item"));
}

TEST(JsonFile, RefusesCommentsAndBrokenTextWithTheLine) {
  EXPECT_THAT(parse_error("{\n// why\n\"a\": 1}"), StartsWith("f.json:2: not JSON: JSON has no comments"));
  EXPECT_THAT(parse_error("{\n\"a\": tru\n}"), StartsWith("f.json:2: not JSON: "));
  EXPECT_THAT(parse_error("{\n\"a\": 1"), StartsWith("f.json:2: not JSON: "));
  EXPECT_THAT(parse_error("{}\n{}"), StartsWith("f.json:2: not JSON: "));
  EXPECT_THAT(parse_error("[1e999]"), StartsWith("f.json:1: not JSON: "));
  EXPECT_THAT(parse_error(std::string(200, '[')), HasSubstr("open brackets"));
}

TEST(JsonFile, RefusesAMissingFileAFolderAndAnEmptyFile) {
  std::string name = (std::filesystem::temp_directory_path() / "stdualx-sweep-json-XXXXXX").string();
  const std::filesystem::path folder = ::mkdtemp(name.data());
  std::ofstream(folder / "empty.json") << " \n";
  const auto error = [](const std::filesystem::path& path) { return message_of([&] { read_json_file(path); }); };
  EXPECT_EQ(error(folder / "none.json"), (folder / "none.json").string() + ": no such file; check the path");
  EXPECT_EQ(error(folder), folder.string() + ": is a folder; name a JSON file in it");
  EXPECT_EQ(error(folder / "empty.json"), (folder / "empty.json").string() + ": is empty; expected a JSON document");
  std::filesystem::remove_all(folder);
}

TEST(CanonicalJson, WritesOneTextForOneMeaning) {
  EXPECT_EQ(canonical_json(Json::parse(R"({"b": [1.0, 1e0, 2.50], "a": 1e-3})")), R"({"a":0.001,"b":[1,1,2.5]})");
}

} // namespace
} // namespace stdualx::sweep_tests
