#pragma once

#include <Eigen/Core>
#include <cmath>
#include <cstdint>
#include <vector>

#include "analysis/multiply.h"
#include "analysis/routing.h"
#include "azimuth/mixers.h"
#include "model/activation.h"
#include "model/normalise.h"

namespace azimuth {

/// The operations that mixers are written over (mix.h), on host memory; a column a token. `Scalar`
/// is float or double: the type of all products and sums.
template <class Scalar>
class HostOperations {
 public:
  using Columns = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;

  explicit HostOperations(Workers& workers) : workers_(workers) {}

  Columns product(const Projection& projection, const Columns& X) {
    return multiply(projection, X, workers_);
  }
  Columns normalised(const Norm& norm, const Columns& X) { return normalise<Scalar>(norm, X); }
  void activate(Activation activation, Columns& X, const Xielu& xielu = {}) {
    azimuth::activate(activation, X, xielu);
  }
  /// What is not a number stays so.
  void clamp(Columns& X, double low, double high) {
    const auto l = static_cast<Scalar>(low);
    const auto h = static_cast<Scalar>(high);
    X = X.unaryExpr([l, h](Scalar x) { return x < l ? l : (x > h ? h : x); });
  }
  void sigmoid(Columns& X) { X = (1 + (-X.array()).exp()).inverse().matrix(); }
  /// log(1 + exp(x)), without overflow.
  void softplus(Columns& X) {
    X = (X.array().max(Scalar{0}) + (-X.array().abs()).exp().log1p()).matrix();
  }
  void tanh(Columns& X) { X = X.array().tanh().matrix(); }
  /// Keeps of each column what lies so many standard deviations above its mean, less that.
  void cut(Columns& X, double deviations) {
    for (auto column : X.colwise()) {
      const Scalar mean = column.mean();
      const Scalar deviation = std::sqrt((column.array() - mean).square().mean());
      const Scalar least = mean + static_cast<Scalar>(deviations) * deviation;
      // What is not a number stays so.
      for (Scalar& x : column) x = x < least ? Scalar{0} : x - least;
    }
  }
  /// Number by number.
  void multiply_by(Columns& X, const Columns& Y) { X.array() *= Y.array(); }
  void multiply_by(Columns& X, double factor) { X *= static_cast<Scalar>(factor); }
  void add(Columns& X, double number) { X.array() += static_cast<Scalar>(number); }
  Columns difference(const Columns& X, const Columns& Y) { return X - Y; }
  /// Each row with its factor, or its summand; of `v` there are as many numbers, or none.
  void multiply_rows(Columns& X, const Eigen::VectorXf& v) {
    if (v.size() > 0) X.array().colwise() *= v.cast<Scalar>().array();
  }
  void add_to_rows(Columns& X, const Eigen::VectorXf& v) {
    if (v.size() > 0) X.colwise() += v.cast<Scalar>();
  }
  /// Adds each column of `X` times the number below it in a row of `weights`.
  void add_weighted(Columns& Y, const Columns& X, const Columns& weights, Eigen::Index row) {
    Y += X * weights.row(row).asDiagonal();
  }
  /// Each column at the length of that of `Y`; one of a smaller mean square than `least` counts as
  /// if it had that.
  Columns at_lengths_of(const Columns& X, const Columns& Y, double least) {
    const auto smallest = static_cast<Scalar>(least * static_cast<double>(X.rows()));
    return X * (Y.colwise().squaredNorm().array() / X.colwise().squaredNorm().array().max(smallest))
                   .sqrt()
                   .matrix()
                   .asDiagonal();
  }
  Columns rows(const Columns& X, Eigen::Index first, Eigen::Index count) {
    return X.middleRows(first, count);
  }
  /// The inner product of every run of `size` rows with the same of `Y`: a row a run.
  Columns inner_products(const Columns& X, const Columns& Y, Eigen::Index size) {
    const Columns products = X.cwiseProduct(Y);
    Columns sums(X.rows() / size, X.cols());
    Eigen::Map<Eigen::Matrix<Scalar, 1, Eigen::Dynamic>>(sums.data(), sums.size()) =
        Eigen::Map<const Columns>(products.data(), size, sums.size()).colwise().sum();
    return sums;
  }
  /// A norm of every run of `size` rows, whose weight has a number for each row of a run, or of
  /// all.
  Columns normalised_runs(const Norm& norm, const Columns& X, Eigen::Index size) {
    const Norm bare = {norm.kind, norm.epsilon, {}, {}};
    const Columns runs = Eigen::Map<const Columns>(X.data(), size, X.size() / size);
    Columns Y = normalise<Scalar>(bare, runs).reshaped(X.rows(), X.cols());
    const bool of_all = norm.weight.size() != size;
    multiply_rows(Y, of_all ? norm.weight : norm.weight.replicate(X.rows() / size, 1));
    return Y;
  }
  Columns zeros_like(const Columns& X) { return Columns::Zero(X.rows(), X.cols()); }

  /// Every run of `size` rows `times` times, one after the other: KV heads, for the heads that
  /// share them.
  Columns repeated(const Columns& X, Eigen::Index size, Eigen::Index times) {
    if (times == 1) return X;
    Columns Y(X.rows() * times, X.cols());
    for (Eigen::Index run = 0; run < Y.rows() / size; ++run) {
      Y.middleRows(run * size, size) = X.middleRows(run / times * size, size);
    }
    return Y;
  }

  Shares<Scalar> shares(const Routing& routing, const Eigen::VectorXf& choice_bias,
                        const Columns& logits) {
    return Shares<Scalar>(routing, choice_bias, logits);
  }
  /// Of what the mixtures so far have taken.
  void count_expert() { ++experts_taken_; }
  std::int64_t experts_taken() const { return experts_taken_; }
  Columns columns(const Columns& X, const std::vector<Eigen::Index>& tokens) {
    return X(Eigen::all, tokens);
  }
  /// Each token with its factor, of which there is a row.
  void scale(Columns& X, const Columns& factors) { X.array().rowwise() *= factors.row(0).array(); }
  void add(Columns& Y, const Columns& Z) { Y += Z; }
  /// Adds to each of these tokens its column of `Z`.
  void add_to(Columns& Y, const std::vector<Eigen::Index>& tokens, const Columns& Z) {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      Y.col(tokens[i]) += Z.col(static_cast<Eigen::Index>(i));
    }
  }

 private:
  Workers& workers_;
  std::int64_t experts_taken_ = 0;
};

}  // namespace azimuth
