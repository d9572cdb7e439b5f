// What `stdualx-trainer --sizes` is asked, and its answer: how large the files of a network are, before any is written.
#pragma once

#include "experiments/spec/model_config.h"

namespace stdualx {

/// What is asked: a network on data of a shape.
struct NetworkAsked {
  ModelConfig model;
  InputShape shape;
  std::string precision = "float32"; // or float64

  static const auto& fields() {
    using N = NetworkAsked;
    static const auto all = std::make_tuple(field("model", &N::model, {}, "the network"), field("shape", &N::shape, {}, "of its windows"),
                                            field("precision", &N::precision, "float32", "of its numbers"));
    return all;
  }
};

/// Bytes of the tensors in its files (worker/training/checkpoint.h); the header adds some kilobytes.
struct NetworkSize {
  std::int64_t checkpoint_bytes = 0;
  std::int64_t weights_bytes = 0;

  static const auto& fields() {
    using N = NetworkSize;
    static const auto all = std::make_tuple(field("checkpoint_bytes", &N::checkpoint_bytes, 0, "of one checkpoint"),
                                            field("weights_bytes", &N::weights_bytes, 0, "of the weights that are kept"));
    return all;
  }
};

} // namespace stdualx
