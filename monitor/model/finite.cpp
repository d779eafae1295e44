#include "model/finite.h"

#include <Eigen/Core>
#include <algorithm>
#include <atomic>
#include <memory>

#include "azimuth/device_tensor.h"
#include "azimuth/linear_map.h"
#include "azimuth/workers.h"
#include "model/tensors_by_role.h"

namespace azimuth {

bool is_finite(const TensorView& view, std::int64_t row) {
  Eigen::VectorXf numbers(view.columns());
  unpack(view, row, 1, numbers.data());
  return numbers.allFinite();
}

bool is_finite(const NamedTensor& tensor, Workers& workers) {
  constexpr std::int64_t kTile = 64;  // rows
  const std::int64_t rows = tensor.view.rows();
  const std::int64_t tiles = (rows + kTile - 1) / kTile;
  if (tensor.placement() == Placement::device) {
    const auto map = tensor.device->map({0, rows, false}, {});
    // A device has threads of its own; its library is called from one of ours, as elsewhere.
    for (std::int64_t first = 0; first < rows; first += kTile) {
      Eigen::MatrixXf tile(tensor.view.columns(), std::min(kTile, rows - first));
      map->unpack_rows(first, tile);
      if (!tile.allFinite()) return false;
    }
    return true;
  }
  const TensorView& view = in_host_memory(tensor);
  std::atomic<bool> finite = true;
  workers.for_each(tiles, [&](std::int64_t tile) {
    for (std::int64_t row = tile * kTile; row < std::min(rows, (tile + 1) * kTile); ++row) {
      if (!finite) return;
      if (!is_finite(view, row)) finite = false;
    }
  });
  return finite;
}

}  // namespace azimuth
