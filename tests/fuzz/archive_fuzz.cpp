// An archive with a data set in it, read as the readers read it: every member's name and contents, zips in zips.
#include "experiments/archive.h"
#include "fuzz.h"

using namespace stdualx;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder folder;
  const auto path = folder.write("archive.zip", fuzz::text_of(data, size));
  fuzz::with_sentences([&] {
    std::size_t bytes = 0;
    read_archive(
        path, [](std::string_view name) { return name.ends_with(".txt"); },
        [&](std::string_view name, std::string_view contents) { bytes += name.size() + contents.size(); });
  });
  return 0;
}
