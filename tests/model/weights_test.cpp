// safetensors: what is written is read, equal input gives equal bytes, and damage is named.
#include "reference.h"

#include "experiments/spec/errors.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <sstream>

namespace stdualx::test {
namespace {

std::string bytes_of(const std::filesystem::path& path) {
  std::stringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

/// A file of `header` and `data`, with `length` said to be the header's (its own by default).
std::string file_of(const std::string& header, const std::string& data, std::uint64_t length = std::string::npos) {
  if (length == std::string::npos) length = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + data;
}

std::string refusal(const std::string& bytes) {
  const TemporaryFolder folder;
  std::ofstream(folder.path / "weights.safetensors", std::ios::binary) << bytes;
  try {
    read_safetensors(folder.path / "weights.safetensors");
  } catch (const StorageError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr((folder.path / "weights.safetensors").string())) << "the file is not named";
    return error.what();
  }
  return "accepted";
}

TEST(Safetensors, ReturnsEveryTypeShapeAndText) {
  const TemporaryFolder folder;
  const std::vector<NamedTensor> tensors = {{"b", at::randn({2, 3})},
                                            {"a", at::randn({4}, at::kDouble)},
                                            {"label", at::arange(5, at::kLong)},
                                            {"small", at::arange(3, at::kInt)},
                                            {"byte", at::arange(7, at::kByte)},
                                            {"flag", at::ones({2}, at::kBool)},
                                            {"scalar", at::full({}, 2.5)},
                                            {"empty", at::zeros({3, 0})},
                                            {"turned", at::randn({3, 2}).t()},
                                            {"trained", at::randn({2}).set_requires_grad(true)}};
  const std::map<std::string, std::string> metadata = {{"epoch", "7"}, {"quote", "a \"b\" \n \xc3\xa9"}};
  write_safetensors(folder.path / "w", tensors, metadata);
  const SafetensorsFile file = read_safetensors(folder.path / "w");
  EXPECT_EQ(file.metadata, metadata);
  ASSERT_EQ(file.tensors.size(), tensors.size());
  for (const NamedTensor& each : tensors) {
    EXPECT_EQ(file.tensors.at(each.name).scalar_type(), each.tensor.scalar_type()) << each.name;
    EXPECT_TRUE(file.tensors.at(each.name).equal(each.tensor)) << each.name;
  }
}

TEST(Safetensors, EqualInputGivesEqualBytesAndAlignedData) {
  const TemporaryFolder folder;
  const std::vector<NamedTensor> tensors = {{"weight", at::randn({5})}, {"bias", at::randn({2})}};
  write_safetensors(folder.path / "one", tensors, {{"k", "v"}});
  write_safetensors(folder.path / "two", tensors, {{"k", "v"}});
  EXPECT_EQ(bytes_of(folder.path / "one"), bytes_of(folder.path / "two"));
  std::uint64_t length = 0;
  std::memcpy(&length, bytes_of(folder.path / "one").data(), 8);
  EXPECT_EQ(length % 8, 0u);
}

TEST(Safetensors, HoldsNothingToo) {
  const TemporaryFolder folder;
  write_safetensors(folder.path / "none", {});
  EXPECT_TRUE(read_safetensors(folder.path / "none").tensors.empty());
}

TEST(Safetensors, NamesWhatIsDamaged) {
  const TemporaryFolder folder;
  write_safetensors(folder.path / "w", {{"a", at::randn({100})}, {"b", at::randn({3, 4})}}, {{"k", "v"}});
  const std::string whole = bytes_of(folder.path / "w");
  ASSERT_EQ(refusal(whole), "accepted");
  for (std::size_t length = 0; length < whole.size(); length += 3)
    EXPECT_NE(refusal(whole.substr(0, length)), "accepted") << "cut to " << length << " bytes";
  EXPECT_THAT(refusal(whole + "x"), testing::HasSubstr("tensors end at byte"));
  EXPECT_THAT(refusal("ab"), testing::HasSubstr("too few for the header's length"));
  EXPECT_THAT(refusal(file_of("{}", "", 1u << 30)), testing::HasSubstr("the whole file has"));
  EXPECT_THAT(refusal(file_of("{\"a\": ", "")), testing::HasSubstr("not a JSON object"));
  EXPECT_THAT(refusal(file_of("[]", "")), testing::HasSubstr("not a JSON object"));
  const auto entry = [](const std::string& type, const std::string& shape, const std::string& offsets) {
    return R"({"a": {"dtype": ")" + type + R"(", "shape": )" + shape + R"(, "data_offsets": )" + offsets + "}}";
  };
  EXPECT_EQ(refusal(file_of(entry("F32", "[2]", "[0, 8]"), "12345678")), "accepted");
  EXPECT_THAT(refusal(file_of(entry("F32", "[2]", "[0, 4]"), "1234")), testing::HasSubstr("'a'"));
  EXPECT_THAT(refusal(file_of(entry("F99", "[2]", "[0, 8]"), "12345678")), testing::HasSubstr("unknown type F99"));
  EXPECT_THAT(refusal(file_of(entry("F32", "[2]", "[8, 0]"), "12345678")), testing::HasSubstr("'a'"));
  EXPECT_THAT(refusal(file_of(entry("F32", "[2]", "[8, 16]"), "12345678")), testing::HasSubstr("'a'"));
  EXPECT_THAT(refusal(file_of(entry("F32", "[1]", "[4, 8]"), "12345678")), testing::HasSubstr("expected 0"));
  EXPECT_THAT(refusal(file_of(entry("F32", "[-1]", "[0, 8]"), "12345678")), testing::HasSubstr("'a'"));
  EXPECT_THAT(refusal(file_of(entry("F32", "[4294967296, 4294967296]", "[0, 8]"), "12345678")), testing::HasSubstr("larger than the file"));
  EXPECT_THAT(refusal(file_of(entry("F32", "[0, 4294967296, 4294967296]", "[0, 0]"), "")), testing::HasSubstr("larger than the file"));
  EXPECT_THAT(refusal(file_of(entry("F32", "\"2\"", "[0, 8]"), "12345678")), testing::HasSubstr("has no list of numbers"));
  for (const char* shape : {"[1e300]", "[-1]", "[2.5]"}) // found by tests/fuzz: such a cast is undefined
    EXPECT_THAT(refusal(file_of(entry("F32", shape, "[0, 8]"), "12345678")), testing::HasSubstr("no whole number from 0"));
  EXPECT_THAT(refusal(file_of(R"({"a": {"dtype": "F32"}})", "")), testing::HasSubstr("not understood"));
  EXPECT_THAT(refusal(file_of(R"({"__metadata__": {"k": 1}})", "")), testing::HasSubstr("not understood"));
}

TEST(Safetensors, SaysWhereItCouldNotReadOrWrite) {
  const TemporaryFolder folder;
  EXPECT_THROW(write_safetensors(folder.path / "missing" / "w", {}), StorageError);
  EXPECT_THROW(read_safetensors(folder.path / "missing"), StorageError);
  EXPECT_THROW(read_safetensors(folder.path), StorageError); // a folder
  EXPECT_THROW(write_safetensors(folder.path / "w", {{"a", at::zeros({1})}, {"a", at::zeros({1})}}), std::invalid_argument);
  EXPECT_THROW(write_safetensors(folder.path / "w", {{"half", at::zeros({1}, at::kHalf)}}), std::invalid_argument);
}

} // namespace
} // namespace stdualx::test
