#include "analysis/ffn_fit.h"

#include <algorithm>
#include <cmath>

#include "azimuth/workers.h"
#include "model/activation.h"

namespace azimuth {
namespace {

// |g_i|² of every row of one map, and g_i · u_i with the rows of another, if there is one.
struct RowProducts {
  Eigen::VectorXd squares;
  Eigen::VectorXd products;
};

// float32 as far as that stays exact enough, which is several times as fast as float64.
double dot(const Eigen::Ref<const Eigen::VectorXf>& a, const Eigen::Ref<const Eigen::VectorXf>& b) {
  constexpr Eigen::Index kPiece = 256;
  double sum = 0;
  for (Eigen::Index i = 0; i < a.size(); i += kPiece) {
    const Eigen::Index count = std::min(kPiece, a.size() - i);
    sum += static_cast<double>(a.segment(i, count).dot(b.segment(i, count)));
  }
  return sum;
}

RowProducts row_products(const LinearMap& g, const LinearMap* u, Workers& workers) {
  constexpr std::int64_t kTile = 64;   // rows that a thread takes at a time
  constexpr std::int64_t kPiece = 32;  // of these, the rows that are unpacked at once
  RowProducts sums = {Eigen::VectorXd::Zero(g.rows()), Eigen::VectorXd::Zero(g.rows())};
  workers.for_each((g.rows() + kTile - 1) / kTile, [&](std::int64_t tile) {
    Eigen::MatrixXf G(g.columns(), kPiece);
    Eigen::MatrixXf U(g.columns(), kPiece);
    const std::int64_t end = std::min((tile + 1) * kTile, g.rows());
    for (std::int64_t first = tile * kTile; first < end; first += kPiece) {
      const std::int64_t count = std::min(kPiece, end - first);
      g.unpack_rows(first, G.leftCols(count));
      if (u != nullptr) u->unpack_rows(first, U.leftCols(count));
      for (std::int64_t i = 0; i < count; ++i) {
        sums.squares[first + i] = dot(G.col(i), G.col(i));
        if (u != nullptr) sums.products[first + i] = dot(G.col(i), U.col(i));
      }
    }
  });
  return sums;
}

double at(const Eigen::VectorXf& bias, Eigen::Index row) {
  return bias.size() > 0 ? static_cast<double>(bias[row]) : 0;
}

}  // namespace

FfnFit fit_ffn(const FeedForward& ffn, Workers& workers) {
  const bool gated = static_cast<bool>(ffn.gate);
  const LinearMap& inner = gated ? *ffn.gate.map : *ffn.up.map;
  const RowProducts rows = row_products(inner, gated ? ffn.up.map.get() : nullptr, workers);

  FfnFit fit;
  fit.up.resize(inner.rows());
  if (gated) fit.gate.resize(inner.rows());
  constexpr Eigen::Index kChunk = 64;
  workers.for_each((inner.rows() + kChunk - 1) / kChunk, [&](std::int64_t chunk) {
    const Eigen::Index end = std::min((chunk + 1) * kChunk, inner.rows());
    for (Eigen::Index i = chunk * kChunk; i < end; ++i) {
      const GaussianMoments moments =
          gaussian_moments(ffn.activation, at(gated ? ffn.gate.bias : ffn.up.bias, i),
                           std::sqrt(rows.squares[i]), ffn.xielu);
      if (gated) {
        fit.gate[i] = at(ffn.up.bias, i) * moments.slope + rows.products[i] * moments.curvature;
        fit.up[i] = moments.value;
      } else {
        fit.up[i] = moments.slope;
      }
    }
  });
  return fit;
}

}  // namespace azimuth
