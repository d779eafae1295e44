#include "analysis/ffn_fit.h"

#include <algorithm>
#include <cmath>

#include "analysis/gaussian_moments.h"
#include "azimuth/workers.h"

namespace azimuth {
namespace {

// |g_i|² of every row of one map, and g_i · u_i with the rows of another, if there is one.
struct RowProducts {
  Eigen::VectorXd squares;
  Eigen::VectorXd products;
};

RowProducts row_products(const LinearMap& g, const LinearMap* u, Workers& workers) {
  constexpr std::int64_t kTile = 64;
  RowProducts sums = {Eigen::VectorXd::Zero(g.rows()), Eigen::VectorXd::Zero(g.rows())};
  workers.for_each((g.rows() + kTile - 1) / kTile, [&](std::int64_t tile) {
    const std::int64_t first = tile * kTile;
    const std::int64_t count = std::min(kTile, g.rows() - first);
    Eigen::MatrixXf rows(g.columns(), count);
    g.unpack_rows(first, rows);
    const Eigen::MatrixXd G = rows.cast<double>();
    sums.squares.segment(first, count) = G.colwise().squaredNorm();
    if (u == nullptr) return;
    u->unpack_rows(first, rows);
    sums.products.segment(first, count) = G.cwiseProduct(rows.cast<double>()).colwise().sum();
  });
  return sums;
}

double at(const Eigen::VectorXf& bias, Eigen::Index row) {
  return bias.size() > 0 ? static_cast<double>(bias[row]) : 0;
}

}  // namespace

FfnFit fit_ffn(const Architecture& architecture, const FfnWeights& ffn, Workers& workers) {
  const bool gated = architecture.gated_ffn;
  const LinearMap& inner = gated ? *ffn.gate : *ffn.up;
  const RowProducts rows = row_products(inner, gated ? ffn.up.get() : nullptr, workers);

  FfnFit fit;
  fit.up.resize(inner.rows());
  if (gated) fit.gate.resize(inner.rows());
  constexpr Eigen::Index kChunk = 64;
  workers.for_each((inner.rows() + kChunk - 1) / kChunk, [&](std::int64_t chunk) {
    const Eigen::Index end = std::min((chunk + 1) * kChunk, inner.rows());
    for (Eigen::Index i = chunk * kChunk; i < end; ++i) {
      const GaussianMoments moments =
          gaussian_moments(architecture.activation, at(gated ? ffn.gate_bias : ffn.up_bias, i),
                           std::sqrt(rows.squares[i]));
      if (gated) {
        fit.gate[i] = at(ffn.up_bias, i) * moments.slope + rows.products[i] * moments.curvature;
        fit.up[i] = moments.value;
      } else {
        fit.up[i] = moments.slope;
      }
    }
  });
  return fit;
}

}  // namespace azimuth
