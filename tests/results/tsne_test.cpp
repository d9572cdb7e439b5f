// The script behind `report --tsne`: it scores what lies apart high and what is mixed low, keeps scores, and trusts no changed file.
#include "fixture.h"

#include <gmock/gmock.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "experiments/spec/random.h"

namespace stdualx {
namespace {

using ::testing::HasSubstr;

/// An embedding file of three clouds in 8 dimensions; `mixed`: labels say nothing about them.
std::string embedding_bytes(bool mixed) {
  constexpr int windows = 150, width = 8;
  const RandomStream stream(1, "tsne_test");
  std::vector<float> embedding;
  std::vector<std::int64_t> labels;
  for (int i = 0; i < windows; ++i) {
    labels.push_back(mixed ? i / 3 % 3 : i % 3);
    for (int c = 0; c < width; ++c) {
      const auto words = stream.words(0, 0, static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(c));
      embedding.push_back(static_cast<float>((c == i % 3 ? 10 : 0) + standard_normal(words[0], words[1])));
    }
  }
  const std::size_t first = embedding.size() * sizeof(float), second = labels.size() * sizeof(std::int64_t);
  const std::string header = Json{
      {"embedding", {{"dtype", "F32"}, {"shape", {windows, width}}, {"data_offsets", {0, first}}}},
      {"labels", {{"dtype", "I64"}, {"shape", {windows}}, {"data_offsets", {first, first + second}}}},
      {"__metadata__",
       {{"run", "x"}}}}.dump();
  const std::uint64_t size = header.size();
  std::string bytes(reinterpret_cast<const char*>(&size), sizeof size);
  bytes += header;
  bytes.append(reinterpret_cast<const char*>(embedding.data()), first);
  bytes.append(reinterpret_cast<const char*>(labels.data()), second);
  return bytes;
}

class Tsne : public ::testing::Test {
protected:
  TemporaryFolder folder;
  std::string text; // standard output and error
  std::string write(const std::string& name, const std::string& bytes) {
    std::ofstream(folder / name, std::ios::binary) << bytes;
    return sha256_hex(bytes) + " " + (folder / name).string();
  }
  int score(const std::vector<std::string>& lines) {
    std::ofstream list(folder / "list");
    for (const std::string& line : lines) list << line << "\n";
    list.close();
    const std::string source = STDUALX_SOURCE_DIR;
    const std::string command = "'" + source + "/.venv/bin/python' '" + source + "/results/tsne_silhouette.py' '" +
                                (folder / "cache").string() + "' < '" + (folder / "list").string() + "' 2>&1";
    FILE* pipe = ::popen(command.c_str(), "r");
    text.clear();
    std::array<char, 4096> chunk{};
    while (const std::size_t count = std::fread(chunk.data(), 1, chunk.size(), pipe)) text.append(chunk.data(), count);
    return WEXITSTATUS(::pclose(pipe));
  }
};

TEST_F(Tsne, CloudsLieApartAndScoresAreKept) {
  const std::string apart = embedding_bytes(false), mixed = embedding_bytes(true);
  const std::vector<std::string> lines{write("apart", apart), write("mixed", mixed)};
  ASSERT_EQ(score(lines), 0) << text;
  const Json scores = Json::parse(text);
  EXPECT_GT(scores.at(sha256_hex(apart)).get<double>(), 0.6);
  EXPECT_LT(scores.at(sha256_hex(mixed)).get<double>(), 0.1);
  std::filesystem::remove(folder / "apart");
  std::filesystem::remove(folder / "mixed");
  ASSERT_EQ(score(lines), 0) << text;
  EXPECT_EQ(Json::parse(text), scores) << "from the cache";
}

TEST_F(Tsne, MissingAndChangedFilesAreNamed) {
  const std::string gone = write("gone", embedding_bytes(false));
  std::filesystem::remove(folder / "gone");
  EXPECT_EQ(score({gone}), 0);
  EXPECT_THAT(text, HasSubstr("gone: the embedding is not there any more"));
  const std::string changed = write("changed", embedding_bytes(false));
  write("changed", embedding_bytes(true));
  EXPECT_EQ(score({changed}), 1);
  EXPECT_THAT(text, HasSubstr("changed: its SHA-256 is not the one that the store holds"));
}

} // namespace
} // namespace stdualx
