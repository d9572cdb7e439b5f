// See trained.h.
#include "orchestrator/commands/trained.h"

#include "experiments/spec/errors.h"

namespace stdualx {

Trained read_trained(const std::filesystem::path& file) {
  Trained trained{file, read_float_tensors(file), {}, {}, {}};
  const auto& metadata = trained.weights.metadata;
  const auto json = [&](const char* key) {
    const auto found = metadata.find(key);
    const Json value = found == metadata.end() ? Json() : Json::parse(found->second, nullptr, false);
    if (!value.is_object())
      throw InputError(file.string() + ": its metadata has no '" + key +
                       "': it is not the best.safetensors of a run (`stdualx explain RUN` names that)");
    return value;
  };
  trained.run = from_identity_json<RunSpec>(json("identity"));
  trained.shape = from_json<InputShape>(json("shape"));
  trained.dataset = from_json<DatasetInfo>(json("dataset"));
  return trained;
}

} // namespace stdualx
