// See silhouette.h. Distances are made in blocks of rows, so that memory stays [block, rows].
#include "worker/training/silhouette.h"

#include <ATen/ATen.h>

#include <limits>
#include <map>
#include <vector>

namespace stdualx {

double silhouette(const at::Tensor& embedding, std::span<const std::int64_t> labels, const std::function<void()>& observer) {
  constexpr std::int64_t block = 512;
  constexpr std::int64_t plain_distances = 2; // not by matrix product, which loses digits where rows lie close together
  const auto rows = static_cast<std::int64_t>(labels.size());
  std::map<std::int64_t, std::int64_t> classes; // label -> column, in use only
  for (const std::int64_t label : labels) classes.emplace(label, 0);
  std::int64_t count = 0;
  for (auto& [label, column] : classes) column = count++;
  if (count < 2 || count >= rows) return std::numeric_limits<double>::quiet_NaN();

  at::Tensor own = at::empty({rows}, at::kLong);
  for (std::int64_t row = 0; row < rows; ++row)
    own.mutable_data_ptr<std::int64_t>()[row] = classes.at(labels[static_cast<std::size_t>(row)]);
  const at::Tensor points = embedding.to(at::kDouble).contiguous();
  const at::Tensor members = at::one_hot(own, count).to(at::kDouble); // [rows, classes]
  const at::Tensor sizes = members.sum(0);
  double sum = 0;
  for (std::int64_t first = 0; first < rows; first += block) {
    const std::int64_t length = std::min(block, rows - first);
    const at::Tensor sums = at::cdist(points.narrow(0, first, length), points, 2, plain_distances).matmul(members); // [length, classes]
    const at::Tensor column = own.narrow(0, first, length).unsqueeze(1);
    const at::Tensor own_size = sizes.gather(0, column.squeeze(1));
    const at::Tensor inside = sums.gather(1, column).squeeze(1) / (own_size - 1).clamp_min(1);
    const at::Tensor outside = (sums / sizes).scatter(1, column, std::numeric_limits<double>::infinity()).amin(1);
    const at::Tensor scores = (outside - inside) / at::maximum(inside, outside).clamp_min(std::numeric_limits<double>::min());
    sum += at::where(own_size > 1, scores, at::zeros_like(scores)).sum().item<double>();
    observer();
  }
  return sum / static_cast<double>(rows);
}

} // namespace stdualx
