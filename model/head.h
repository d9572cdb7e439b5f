// The head: from the joined sensors to the embedding and the logits.
#pragma once

#include "model/dropout.h"
#include "model/linear.h"

namespace stdualx {

class Head {
public:
  Head() = default;
  Head(Initialiser& initialiser, const ModelConfig& config, std::int64_t inputs, std::int64_t classes);

  struct Output {
    at::Tensor logits;    // [R, B, classes]
    at::Tensor embedding; // [R, B, embedding]
  };
  /// joined: [R, B, S * d] -> Dropout, Linear, GELU = the embedding; Dropout, Linear = the logits. The triplet loss and t-SNE
  /// read the embedding before the second dropout, so that in evaluation and training it is the same quantity.
  Output operator()(const at::Tensor& joined, const StepContext& context) const;

private:
  Dropout input_dropout, embedding_dropout;
  Linear embed, classify;
};

} // namespace stdualx
