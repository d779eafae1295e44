#include "int8_product.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <vector>

#include "azimuth/host_map.h"

namespace azimuth {
namespace {

constexpr std::int64_t kPiece = 64;   // rows that a thread unpacks at a time
constexpr std::int64_t kTile = 1024;  // rows that are multiplied with at a time

float scale_of(float largest) { return largest > 0 ? largest / 127 : 1; }

void in_pieces(std::int64_t rows, Workers& workers,
               const std::function<void(std::int64_t first, std::int64_t count)>& work) {
  workers.for_each((rows + kPiece - 1) / kPiece, [&](std::int64_t piece) {
    const std::int64_t first = piece * kPiece;
    work(first, std::min(kPiece, rows - first));
  });
}

float largest_of(const LinearMap& map, Workers& workers) {
  std::vector<float> largest(static_cast<std::size_t>((map.rows() + kPiece - 1) / kPiece));
  in_pieces(map.rows(), workers, [&](std::int64_t first, std::int64_t count) {
    Eigen::MatrixXf rows(map.columns(), count);
    map.unpack_rows(first, rows);
    largest[static_cast<std::size_t>(first / kPiece)] = rows.cwiseAbs().maxCoeff();
  });
  return std::ranges::max(largest);
}

}  // namespace

Eigen::MatrixXf int8_product(const LinearMap& map, const Eigen::MatrixXf& X, float largest,
                             Workers& workers) {
  const float input_scale = scale_of(largest);
  const float weight_scale = scale_of(largest_of(map, workers));
  const Eigen::MatrixXf levels = (X.array() / input_scale).rint();
  Eigen::MatrixXf Y(map.rows(), X.cols());
  // What is multiplied are whole numbers; sums of more than 2^24 are rounded, by less than 1e-6.
  Eigen::MatrixXf tile(map.columns(), std::min(kTile, map.rows()));
  for (std::int64_t first = 0; first < map.rows(); first += kTile) {
    const std::int64_t count = std::min(kTile, map.rows() - first);
    in_pieces(count, workers, [&](std::int64_t at, std::int64_t rows) {
      auto piece = tile.middleCols(at, rows);
      map.unpack_rows(first + at, piece);
      piece = (piece.array() / weight_scale).rint();
    });
    const HostMap levels_of_map(
        {.shape = {count, map.columns()}, .data = reinterpret_cast<const std::byte*>(tile.data())},
        {.outputs = count});
    levels_of_map.apply(levels, Y.middleRows(first, count), workers);
  }
  return Y * (input_scale * weight_scale);
}

}  // namespace azimuth
