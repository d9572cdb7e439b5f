// A manifest and its CSV file, a zero byte between; where there is none, the input is the CSV file of a good manifest.
#include "experiments/windows.h"
#include "fuzz.h"

using namespace stdualx;

namespace {
constexpr std::string_view good_manifest = R"({"name": "fuzz", "rate": 10, "files": ["data.csv"], "recording_column": "set",
  "sensors": [{"name": "wrist", "columns": ["ax", "ay"], "kinds": ["accelerometer"]}, {"name": "belt", "columns": ["p"]}],
  "classes": ["a", "b"], "none_labels": ["rest"], "windows": {"steps": 4, "stride": 2}})";
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder folder;
  const std::string_view input = fuzz::text_of(data, size);
  const std::size_t zero = input.find('\0');
  const bool both = zero != std::string_view::npos;
  const auto manifest = folder.write("manifest.json", both ? input.substr(0, zero) : good_manifest);
  folder.write("data.csv", both ? input.substr(zero + 1) : input);
  fuzz::with_sentences([&] {
    const Dataset dataset = read_dataset(manifest.string(), {folder.path(), folder.path()});
    for (const Recording& recording : dataset.recordings)
      if (recording.samples.size() !=
          recording.labels.size() * dataset.info.sensors.size() * static_cast<std::size_t>(dataset.info.channels()))
        __builtin_trap();
  });
  return 0;
}
