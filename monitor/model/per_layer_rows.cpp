#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "azimuth/model_weights.h"
#include "model/tensors_by_role.h"

namespace azimuth {

std::int64_t ModelWeights::per_layer_row(const NamedTensor& table, std::int64_t id) const {
  if (id >= table.view.shape.front() && architecture_.per_layer_in_part) id = 0;
  if (table.placement() == Placement::host_rows) {
    const auto found = std::ranges::find(table.row_ids, id);
    if (found != table.row_ids.end()) return found - table.row_ids.begin();
  } else if (id >= 0 && id < table.view.shape.front()) {
    return id;
  }
  throw std::out_of_range("no per-layer input of token id " + std::to_string(id));
}

Eigen::MatrixXf ModelWeights::per_layer_rows(std::span<const std::int64_t> token_ids) const {
  if (!inputs_.per_layer) return {};
  const TensorsByRole tensors(*tensors_, bound_, updates_, nudge_);
  const NamedTensor& table = tensors.at(Role::per_layer_embedding, 0);
  const Nudge nudge = nudge_for(nudge_, tensors.index(Role::per_layer_embedding, 0));
  const bool in_part = table.placement() == Placement::host_rows;
  const TensorView& view = in_part ? table.view : in_host_memory(table);
  Eigen::MatrixXf rows(view.columns(), static_cast<Eigen::Index>(token_ids.size()));
  for (Eigen::Index i = 0; i < rows.cols(); ++i) {
    unpack(view, per_layer_row(table, token_ids[static_cast<std::size_t>(i)]), 1,
           rows.col(i).data(), nudge);
  }
  return rows * static_cast<float>(std::sqrt(static_cast<double>(inputs_.per_layer_size)));
}

}  // namespace azimuth
