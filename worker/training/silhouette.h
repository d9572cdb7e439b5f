// How well classes stand apart in an embedding.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <span>

namespace stdualx {

/// Mean silhouette (Rousseeuw 1987), Euclidean, as scikit-learn's silhouette_score: (b - a) / max(a, b) of each row, where a is its mean
/// distance to the others of its class and b the least mean distance to another class; 0 for the only row of a class. `embedding`:
/// [rows, width], any float type, on the CPU. NaN where it is not defined: fewer than two classes, or as many as rows.
/// `observer` is called after each block of rows, of which a large test part has many, and may throw to leave.
double silhouette(
    const at::Tensor& embedding, std::span<const std::int64_t> labels, const std::function<void()>& observer = [] {});

} // namespace stdualx
