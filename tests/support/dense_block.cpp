#include "support/dense_block.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <stdexcept>
#include <utility>
#include <variant>
#include <vector>

#include "analysis/routing.h"
#include "azimuth/workers.h"
#include "model/activation.h"

namespace azimuth::testing {

Eigen::MatrixXd dense(const LinearMap& map) {
  Workers workers;
  Eigen::MatrixXd Y(map.rows(), map.columns());
  map.apply(Eigen::MatrixXd::Identity(map.columns(), map.columns()), Y, workers);
  return Y;
}

double activate(Activation activation, double x, const Xielu& xielu) {
  Eigen::MatrixXd X = Eigen::MatrixXd::Constant(1, 1, x);
  azimuth::activate(activation, X, xielu);
  return X(0, 0);
}

namespace {

// The middles of short steps between -10 and 10, none of which crosses `a` or `b`, and what an
// average over N(0, 1) gives them.
struct Steps {
  Eigen::VectorXd t, weight;

  Steps(double a, double b) {
    constexpr double kReach = 10;
    constexpr double kLength = 0.005;
    std::array ends = {-kReach, std::clamp(a, -kReach, kReach), std::clamp(b, -kReach, kReach),
                       kReach};
    std::ranges::sort(ends);
    std::vector<double> middles, lengths;
    for (std::size_t piece = 0; piece + 1 < ends.size(); ++piece) {
      const double width = ends[piece + 1] - ends[piece];
      const double count = std::ceil(width / kLength);
      for (int i = 0; i < count; ++i) {
        middles.push_back(ends[piece] + (i + 0.5) * width / count);
        lengths.push_back(width / count);
      }
    }
    const auto size = static_cast<Eigen::Index>(middles.size());
    t = Eigen::Map<const Eigen::VectorXd>(middles.data(), size);
    weight = (-t.array().square() / 2).exp() / std::sqrt(2 * std::numbers::pi) *
             Eigen::Map<const Eigen::ArrayXd>(lengths.data(), size);
  }
};

}  // namespace

Eigen::MatrixXd dense_fit(Activation activation, const Eigen::MatrixXd& W, const Eigen::VectorXd& b,
                          const Eigen::MatrixXd* U, const Eigen::VectorXd& c, const Xielu& xielu) {
  Eigen::MatrixXd fit(W.rows(), W.cols());
  for (Eigen::Index row = 0; row < W.rows(); ++row) {
    const Eigen::VectorXd w = W.row(row);
    const double s = w.norm();
    const Eigen::VectorXd along = w / s;
    const Eigen::VectorXd u = U != nullptr ? U->row(row).transpose().eval() : 0 * w;
    const auto& [t, weight] = Steps(-b[row] / s, (xielu.edge - b[row]) / s);
    // u = (what lies along w) + across, and z = t along + the rest.
    const double u_along = u.dot(along);
    Eigen::MatrixXd value = (b[row] + s * t.array()).matrix();
    azimuth::activate(activation, value, xielu);
    const Eigen::VectorXd weighted = weight.cwiseProduct(value.col(0));
    const double alone = weighted.sum();
    const double first = weighted.dot(t);
    const double times_t =
        U == nullptr ? first : u_along * weighted.dot(t.cwiseAbs2()) + c[row] * first;
    fit.row(row) = (times_t * along + alone * (u - u_along * along)).transpose();
  }
  return fit;
}

namespace {

// Three-point Gauss-Legendre on short panels between -9 and 9, none of which crosses an edge.
struct Panels {
  std::vector<double> t, weight;

  explicit Panels(std::vector<double> edges) {
    edges.insert(edges.end(), {-9, 9});
    for (double& edge : edges) edge = std::clamp(edge, -9.0, 9.0);
    std::ranges::sort(edges);
    for (std::size_t piece = 0; piece + 1 < edges.size(); ++piece) {
      const double width = edges[piece + 1] - edges[piece];
      const double count = std::ceil(width / 0.3);
      for (int i = 0; i < count; ++i) {
        for (const auto& [node, share] : {std::pair(-std::sqrt(0.6), 5.0), std::pair(0.0, 8.0),
                                          std::pair(std::sqrt(0.6), 5.0)}) {
          t.push_back(edges[piece] + (i + 0.5 + node / 2) * width / count);
          weight.push_back(share / 18 * width / count * std::exp(-t.back() * t.back() / 2) /
                           std::sqrt(2 * std::numbers::pi));
        }
      }
    }
  }
};

// The same where a gate is clamped: the expectation over the plane of a row's g and u.
Eigen::MatrixXd dense_clamped_fit(const FeedForward& ffn, const Eigen::MatrixXd& W,
                                  const Eigen::VectorXd& gate_biases, const Eigen::MatrixXd& U,
                                  const Eigen::VectorXd& up_biases) {
  Eigen::MatrixXd fit(W.rows(), W.cols());
  const auto& [limit, steepness] = ffn.clamp;
  for (Eigen::Index row = 0; row < W.rows(); ++row) {
    const double gate_bias = gate_biases[row];
    const double up_bias = up_biases[row];
    const double s = W.row(row).norm();
    const Eigen::RowVectorXd along = W.row(row) / s;
    const double u_along = U.row(row).dot(along);
    const Eigen::RowVectorXd rest = U.row(row) - u_along * along;
    const double q = rest.norm();
    double times_t = 0;
    double times_w = 0;
    const Panels outer({(limit - gate_bias) / s});
    for (std::size_t i = 0; i < outer.t.size(); ++i) {
      const double a = std::min(gate_bias + s * outer.t[i], limit);
      const double value = activate(ffn.activation, steepness * a, ffn.xielu) / steepness;
      const double mean = up_bias + u_along * outer.t[i];
      const Panels within({(limit - mean) / q, (-limit - mean) / q});
      for (std::size_t k = 0; k < within.t.size(); ++k) {
        const double y = value * (1 + std::clamp(mean + q * within.t[k], -limit, limit));
        times_t += outer.weight[i] * within.weight[k] * outer.t[i] * y;
        times_w += outer.weight[i] * within.weight[k] * within.t[k] * y;
      }
    }
    fit.row(row) = times_t * along + times_w * rest / q;
  }
  return fit;
}

Eigen::MatrixXd dense_norm(const Norm& norm, Eigen::Index d) {
  const Eigen::MatrixXd I = Eigen::MatrixXd::Identity(d, d);
  Eigen::MatrixXd N = I;
  if (norm.weight.size() > 0) N = norm.weight.cast<double>().asDiagonal();
  if (norm.kind == NormKind::layer) {
    N *= I - Eigen::MatrixXd::Constant(d, d, 1.0 / static_cast<double>(d));
  }
  return N;
}

Eigen::VectorXd dense_bias(const Projection& p) {
  if (p.bias.size() == 0) return Eigen::VectorXd::Zero(p.map->rows());
  return p.bias.cast<double>();
}

Eigen::MatrixXd affine(const Projection& p, const Eigen::MatrixXd& X) {
  return (dense(*p.map) * X).colwise() + dense_bias(p);
}

Eigen::MatrixXd logistic(const Eigen::MatrixXd& X) {
  return X.unaryExpr([](double x) { return 1 / (1 + std::exp(-x)); });
}

// heads * head_size × kv_heads * head_size.
Eigen::MatrixXd dense_repeat(const Attention& attention) {
  const Eigen::Index size = attention.head_size;
  const Eigen::Index rows = attention.output.map->columns();
  Eigen::MatrixXd repeat = Eigen::MatrixXd::Zero(rows, rows / attention.repeats);
  for (Eigen::Index i = 0; i < rows; ++i) {
    repeat(i, i / size / attention.repeats * size + i % size) = 1;
  }
  return repeat;
}

// What is multiplied with the values that heads read: a column a token.
Eigen::MatrixXd head_factors(const Attention& attention, const Eigen::MatrixXd& X) {
  Eigen::MatrixXd factors = Eigen::MatrixXd::Ones(attention.output.map->columns(), X.cols());
  if (attention.gate) factors = logistic(affine(attention.gate, X));
  if (!attention.sinks) return factors;
  const Eigen::MatrixXd Q = affine(attention.sinks->query, X);
  const Eigen::MatrixXd K = affine(attention.sinks->key, X);
  const Eigen::Index heads = attention.sinks->offset.size();
  const Eigen::Index size = Q.rows() / heads;
  for (Eigen::Index head = 0; head < heads; ++head) {
    const Eigen::Index kv = head / attention.repeats;
    for (Eigen::Index token = 0; token < X.cols(); ++token) {
      const double product =
          Q.col(token).segment(head * size, size).dot(K.col(token).segment(kv * size, size));
      const double share = 1 / (1 + std::exp(-attention.sinks->scale * product -
                                             static_cast<double>(attention.sinks->offset[head])));
      factors.col(token).segment(head * attention.head_size, attention.head_size) *= share;
    }
  }
  return factors;
}

// Of `z ↦ ffn(input_scale through(z))`.
Eigen::MatrixXd dense_ffn(const FeedForward& ffn, double input_scale = 1,
                          const Projection& through = {}) {
  const auto rows = [&](const Projection& p) -> Eigen::MatrixXd {
    const Eigen::MatrixXd own = input_scale * dense(*p.map);
    return through ? own * dense(*through.map) : own;
  };
  const auto bias = [&](const Projection& p) -> Eigen::VectorXd {
    if (!through) return dense_bias(p);
    return dense_bias(p) + input_scale * dense(*p.map) * dense_bias(through);
  };
  const Eigen::MatrixXd up = rows(ffn.up);
  const Eigen::VectorXd up_bias = bias(ffn.up);
  Eigen::MatrixXd inner;
  if (!ffn.gate) {
    inner = dense_fit(ffn.activation, up, up_bias, nullptr, {}, ffn.xielu);
  } else {
    const Eigen::MatrixXd gate = rows(ffn.gate);
    inner = ffn.clamp.limit > 0
                ? dense_clamped_fit(ffn, gate, bias(ffn.gate), up, up_bias)
                : dense_fit(ffn.activation, gate, bias(ffn.gate), &up, up_bias, ffn.xielu);
  }
  return dense(*ffn.down.map) * inner;
}

// Makes a block's matrices, mixer by mixer, as `X`, the normed states, say.
struct Former {
  const Eigen::MatrixXd& X;
  DenseBlock& block;

  Eigen::MatrixXd operator()(const Attention& attention) const {
    Eigen::MatrixXd repeat = dense_repeat(attention);
    if (attention.gate || attention.sinks) {
      repeat = head_factors(attention, X).rowwise().mean().asDiagonal() * repeat;
    }
    return dense(*attention.output.map) * repeat * dense(*attention.value.map);
  }
  Eigen::MatrixXd operator()(const LatentAttention& attention) const {
    const Eigen::MatrixXd latent = affine(attention.latent, X);
    double scale = 0;
    for (const Eigen::VectorXd c : latent.colwise()) {
      scale += 1 /
               std::sqrt(c.squaredNorm() / static_cast<double>(c.size()) + attention.norm.epsilon) /
               static_cast<double>(latent.cols());
    }
    return scale * dense(*attention.output.map) * dense(*attention.value.map) *
           dense_norm(attention.norm, latent.rows()) * dense(*attention.latent.map);
  }
  Eigen::MatrixXd operator()(const FeedForward& ffn) const { return dense_ffn(ffn); }
  Eigen::MatrixXd operator()(const Experts& mixture) const {
    const Shares<double> shares(mixture.routing, mixture.choice_bias, affine(mixture.router, X));
    const Eigen::Index read = mixture.experts.front().down.map->rows();
    Eigen::MatrixXd sum = Eigen::MatrixXd::Zero(read, X.rows());
    for (std::size_t e = 0; e < mixture.experts.size(); ++e) {
      const auto tokens = shares.tokens_of(e);
      if (tokens.empty()) continue;
      block.experts.push_back(static_cast<std::int32_t>(e));
      block.one_set &= static_cast<Eigen::Index>(tokens.size()) == X.cols();
      const double share = shares.of(e, tokens).sum() / static_cast<double>(X.cols());
      const bool scales = mixture.routing.scales_input;
      sum +=
          (scales ? 1 : share) * dense_ffn(mixture.experts[e], scales ? share : 1, mixture.input);
    }
    if (mixture.output) sum = dense(*mixture.output.map) * sum;
    if (mixture.shared) {
      const Eigen::MatrixXd whole = dense_ffn(*mixture.shared);
      sum += mixture.shared_gate ? logistic(affine(mixture.shared_gate, X)).mean() * whole : whole;
    }
    return sum;
  }
  template <class Work>
  Eigen::MatrixXd operator()(const Work&) const {
    throw std::logic_error("not linear");
  }
};

// What a mixer in front of a mixture really writes.
struct Written {
  const Eigen::MatrixXd& X;

  Eigen::MatrixXd operator()(const Attention& attention) const {
    Eigen::MatrixXd values = affine(attention.value, X);
    if (attention.clip > 0) values = values.cwiseMin(attention.clip).cwiseMax(-attention.clip);
    values = dense_repeat(attention) * values;
    return affine(attention.output, head_factors(attention, X).cwiseProduct(values));
  }
  Eigen::MatrixXd operator()(const LatentAttention& attention) const {
    const Eigen::MatrixXd latent = dense_normalised(attention.norm, affine(attention.latent, X));
    return affine(attention.output, affine(attention.value, latent));
  }
  template <class Work>
  Eigen::MatrixXd operator()(const Work&) const {
    throw std::logic_error("nothing is held behind it");
  }
};

}  // namespace

Eigen::MatrixXd dense_normalised(const Norm& norm, Eigen::MatrixXd X) {
  if (norm.kind == NormKind::none) return X;
  for (Eigen::Index i = 0; i < X.cols(); ++i) {
    Eigen::VectorXd x = X.col(i);
    if (norm.kind == NormKind::layer) x.array() -= x.mean();
    x /= std::sqrt(x.squaredNorm() / static_cast<double>(x.size()) + norm.epsilon);
    if (norm.weight.size() > 0) x.array() *= norm.weight.cast<double>().array();
    if (norm.bias.size() > 0) x += norm.bias.cast<double>();
    X.col(i) = x;
  }
  return X;
}

DenseBlock::DenseBlock(const BlockWeights& block, const Eigen::MatrixXd& states) {
  Eigen::MatrixXd left = states;  // by the mixers so far
  Eigen::MatrixXd read_states, read;
  for (const Mixer& mixer : block.mixers) {
    if (!mixer.beside) read_states = left;
    const Eigen::MatrixXd X = dense_normalised(mixer.norm, read_states);
    inner.push_back(std::visit(Former{X, *this}, mixer.work));
    const Eigen::Index d = inner.back().rows();
    if (L.size() == 0) {
      L = Eigen::MatrixXd::Identity(d, d);
      A = F = 0 * L;
    }
    Eigen::MatrixXd& M = mixer.mixes_tokens() ? A : F;
    M = dense_norm(mixer.output_norm, d) * inner.back() * dense_norm(mixer.norm, d);
    if (!mixer.beside) read = L;
    L += M * read;
    if (mixer.mixes_tokens() && states.cols() > 0) {
      left += dense_normalised(mixer.output_norm, std::visit(Written{X}, mixer.work));
    }
  }
}

}  // namespace azimuth::testing
