// A checkpoint: its header alone, as `db check` reads it, and with its tensors, as a trainer does.
#include "experiments/spec/reports.h"
#include "fuzz.h"
#include "model/weights.h"
#include "worker/messages/run_files.h"

#include <ATen/ATen.h>

using namespace stdualx;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder folder;
  const auto path = folder.write("epoch-000001.safetensors", fuzz::text_of(data, size));
  fuzz::with_sentences([&] {
    const Metadata metadata = read_metadata(path);
    for (const Json& report : history_of(metadata)) from_json<EpochReport>(report);
  });
  fuzz::with_sentences([&] {
    for (const auto& [name, tensor] : read_safetensors(path).tensors)
      if (tensor.numel() < 0) __builtin_trap();
  });
  return 0;
}
