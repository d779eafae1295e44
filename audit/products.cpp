#include "products.h"

#include <algorithm>

#include "azimuth/host_product.h"

namespace azimuth {
namespace {

// Columns that a thread takes at a time. Fixed, so that sums are formed alike with any number of
// threads.
constexpr Eigen::Index kPiece = 96;

Eigen::Index pieces_of(const Eigen::MatrixXf& a) { return (a.cols() + kPiece - 1) / kPiece; }

}  // namespace

Eigen::MatrixXf transposed(const Eigen::MatrixXf& a) {
  constexpr Eigen::Index kSide = 16;
  Eigen::MatrixXf out(a.cols(), a.rows());
  for (Eigen::Index column = 0; column < a.cols(); column += kSide) {
    const Eigen::Index columns = std::min(kSide, a.cols() - column);
    for (Eigen::Index row = 0; row < a.rows(); row += kSide) {
      const Eigen::Index rows = std::min(kSide, a.rows() - row);
      out.block(column, row, columns, rows) = a.block(row, column, rows, columns).transpose();
    }
  }
  return out;
}

Eigen::MatrixXf transposed_product(const Eigen::MatrixXf& a, const Eigen::MatrixXf& b,
                                   Workers& workers) {
  Eigen::MatrixXf out(a.cols(), b.cols());
  workers.for_each(pieces_of(a), [&](std::int64_t piece) {
    const Eigen::Index first = piece * kPiece;
    const Eigen::Index count = std::min(kPiece, a.cols() - first);
    multiply_transposed(a.middleCols(first, count), b, out.middleRows(first, count));
  });
  return out;
}

Eigen::MatrixXf gram_matrix(const Eigen::MatrixXf& a, Workers& workers) {
  Eigen::MatrixXf out(a.cols(), a.cols());
  workers.for_each(pieces_of(a), [&](std::int64_t piece) {
    const Eigen::Index first = piece * kPiece;
    const Eigen::Index count = std::min(kPiece, a.cols() - first);
    const Eigen::Index rest = a.cols() - first;
    multiply_transposed(a.middleCols(first, count), a.rightCols(rest),
                        out.block(first, first, count, rest));
  });
  out.triangularView<Eigen::StrictlyLower>() = out.transpose();
  return out;
}

}  // namespace azimuth
