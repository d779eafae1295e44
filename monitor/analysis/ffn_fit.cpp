#include "analysis/ffn_fit.h"

#include <algorithm>
#include <cmath>

#include "analysis/clamped_fit.h"
#include "analysis/multiply.h"
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

// The same of the rows of `g W` and `u W`, of which some are formed at a time.
RowProducts row_products_through(const LinearMap& W, const LinearMap& g, const LinearMap* u,
                                 Workers& workers) {
  constexpr std::int64_t kRows = 64;
  RowProducts sums = {Eigen::VectorXd::Zero(g.rows()), Eigen::VectorXd::Zero(g.rows())};
  for (std::int64_t first = 0; first < g.rows(); first += kRows) {
    const auto formed = [&](const LinearMap& map) {
      Eigen::MatrixXf rows(map.columns(), std::min(kRows, map.rows() - first));
      map.unpack_rows(first, rows);
      return multiply_transposed(W, rows, workers);
    };
    const Eigen::MatrixXf G = formed(g);
    const Eigen::MatrixXf U = u != nullptr ? formed(*u) : Eigen::MatrixXf();
    for (Eigen::Index i = 0; i < G.cols(); ++i) {
      sums.squares[first + i] = dot(G.col(i), G.col(i));
      if (u != nullptr) sums.products[first + i] = dot(G.col(i), U.col(i));
    }
  }
  return sums;
}

// Of what a projection gives over z ~ N(0, I).
Eigen::VectorXd means(const Projection& projection, const FfnInput& input, Workers& workers) {
  Eigen::VectorXd mean = Eigen::VectorXd::Zero(projection.map->rows());
  if (projection.bias.size() > 0) mean = projection.bias.cast<double>();
  if (input.through != nullptr && input.through->bias.size() > 0) {
    const Eigen::MatrixXd bias = input.through->bias.cast<double>();
    mean += input.scale * multiply(*projection.map, bias, workers).col(0);
  }
  return mean;
}

}  // namespace

FfnFit fit_ffn(const FeedForward& ffn, Workers& workers, const FfnInput& input) {
  const bool gated = static_cast<bool>(ffn.gate);
  const LinearMap& inner = gated ? *ffn.gate.map : *ffn.up.map;
  const bool clamped = gated && ffn.clamp.limit > 0;
  const auto products = [&](const LinearMap& g, const LinearMap* u) {
    RowProducts rows = input.through != nullptr
                           ? row_products_through(*input.through->map, g, u, workers)
                           : row_products(g, u, workers);
    rows.squares *= input.scale * input.scale;  // as if rows were so much longer
    rows.products *= input.scale * input.scale;
    return rows;
  };
  const RowProducts rows = products(inner, gated ? ffn.up.map.get() : nullptr);
  Eigen::VectorXd up_squares;
  if (clamped) up_squares = products(*ffn.up.map, nullptr).squares;
  const Eigen::VectorXd up_means = means(ffn.up, input, workers);
  const Eigen::VectorXd inner_means = gated ? means(ffn.gate, input, workers) : up_means;

  FfnFit fit;
  fit.up.resize(inner.rows());
  if (gated) fit.gate.resize(inner.rows());
  constexpr Eigen::Index kChunk = 64;
  workers.for_each((inner.rows() + kChunk - 1) / kChunk, [&](std::int64_t chunk) {
    const Eigen::Index end = std::min((chunk + 1) * kChunk, inner.rows());
    for (Eigen::Index i = chunk * kChunk; i < end; ++i) {
      if (clamped) {
        const ClampedFit row = fit_clamped(ffn, {.gate_mean = inner_means[i],
                                                 .gate_deviation = std::sqrt(rows.squares[i]),
                                                 .up_mean = up_means[i],
                                                 .up_deviation = std::sqrt(up_squares[i]),
                                                 .covariance = rows.products[i]});
        fit.gate[i] = row.gate;
        fit.up[i] = row.up;
        continue;
      }
      const GaussianMoments moments =
          gaussian_moments(ffn.activation, inner_means[i], std::sqrt(rows.squares[i]), ffn.xielu);
      if (gated) {
        fit.gate[i] = up_means[i] * moments.slope + rows.products[i] * moments.curvature;
        fit.up[i] = moments.value;
      } else {
        fit.up[i] = moments.slope;
      }
    }
  });
  fit.gate *= input.scale;
  fit.up *= input.scale;
  return fit;
}

}  // namespace azimuth
