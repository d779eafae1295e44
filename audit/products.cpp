#include "products.h"

#include <algorithm>

#include "azimuth/host_map.h"

namespace azimuth {
namespace {

/// `Aᵀ`, whose rows lie in memory as the columns of `a` do: those from `first` on.
HostMap map_of(const Eigen::MatrixXf& a, Eigen::Index first) {
  return HostMap({.type = StoredType::f32,
                  .shape = {a.cols(), a.rows()},
                  .data = reinterpret_cast<const std::byte*>(a.data())},
                 {.first_output = first, .outputs = a.cols() - first});
}

}  // namespace

Eigen::MatrixXf transposed(const Eigen::MatrixXf& a) {
  constexpr Eigen::Index kPiece = 16;
  Eigen::MatrixXf out(a.cols(), a.rows());
  for (Eigen::Index column = 0; column < a.cols(); column += kPiece) {
    const Eigen::Index columns = std::min(kPiece, a.cols() - column);
    for (Eigen::Index row = 0; row < a.rows(); row += kPiece) {
      const Eigen::Index rows = std::min(kPiece, a.rows() - row);
      out.block(column, row, columns, rows) = a.block(row, column, rows, columns).transpose();
    }
  }
  return out;
}

Eigen::MatrixXf transposed_product(const Eigen::MatrixXf& a, const Eigen::MatrixXf& b,
                                   Workers& workers) {
  Eigen::MatrixXf out(a.cols(), b.cols());
  map_of(a, 0).apply(b, out, workers);
  return out;
}

Eigen::MatrixXf gram_matrix(const Eigen::MatrixXf& a, Workers& workers) {
  constexpr Eigen::Index kStrips = 8;
  const Eigen::Index width = (a.cols() + kStrips - 1) / kStrips;
  Eigen::MatrixXf out(a.cols(), a.cols());
  for (Eigen::Index first = 0; first < a.cols(); first += width) {
    const Eigen::Index count = std::min(width, a.cols() - first);
    map_of(a, first).apply(a.middleCols(first, count),
                           out.block(first, first, a.cols() - first, count), workers);
  }
  out.triangularView<Eigen::StrictlyUpper>() = out.transpose();
  return out;
}

}  // namespace azimuth
