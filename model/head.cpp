// The head. See the header.
#include "model/head.h"

#include <ATen/ATen.h>

namespace stdualx {

Head::Head(Initialiser& initialiser, const ModelConfig& config, std::int64_t inputs, std::int64_t classes)
    : input_dropout(initialiser, "head.input", config.head_dropout), embedding_dropout(initialiser, "head.embedding", config.head_dropout),
      embed(initialiser, "head.embedding", all_real(1, inputs), all_real(1, config.embedding)),
      classify(initialiser, "head.classes", all_real(1, config.embedding), all_real(1, classes)) {}

Head::Output Head::operator()(const at::Tensor& joined, const StepContext& context) const {
  const at::Tensor embedding = at::gelu(embed(input_dropout(joined, context)));
  return {classify(embedding_dropout(embedding, context)), embedding};
}

} // namespace stdualx
