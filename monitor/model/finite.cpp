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

namespace {

bool are_finite(const TensorView& view, std::int64_t first, std::int64_t count) {
  Eigen::VectorXf numbers(view.columns() * count);
  unpack(view, first, count, numbers.data());
  return numbers.allFinite();
}

}  // namespace

bool is_finite(const TensorView& view, std::int64_t row) { return are_finite(view, row, 1); }

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
  // Some rows at once: where a matrix is stored inputs first, one reads as much as many.
  constexpr std::int64_t kNumbers = 65536;
  const std::int64_t at_once = std::clamp<std::int64_t>(kNumbers / view.columns(), 1, kTile);
  std::atomic<bool> finite = true;
  workers.for_each(tiles, [&](std::int64_t tile) {
    const std::int64_t end = std::min(rows, (tile + 1) * kTile);
    for (std::int64_t row = tile * kTile; row < end; row += at_once) {
      if (!finite) return;
      if (!are_finite(view, row, std::min(at_once, end - row))) finite = false;
    }
  });
  return finite;
}

}  // namespace azimuth
