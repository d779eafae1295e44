#include "analysis/block_operator.h"

#include "analysis/multiply.h"
#include "analysis/repeat_heads.h"

namespace azimuth {
namespace {

template <class Scalar>
using MatrixOf = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;

template <class Scalar>
MatrixOf<Scalar> multiply_transposed(const LinearMap& map, const MatrixOf<Scalar>& X,
                                     Workers& workers) {
  MatrixOf<Scalar> Y(map.columns(), X.cols());
  map.apply_transpose(X, Y, workers);
  return Y;
}

// The transpose of repeat_heads.
template <class Scalar>
MatrixOf<Scalar> sum_heads(const Architecture& a, Eigen::Index head_size,
                           const MatrixOf<Scalar>& repeated) {
  if (a.heads == a.kv_heads) return repeated;
  MatrixOf<Scalar> values = MatrixOf<Scalar>::Zero(a.kv_heads * head_size, repeated.cols());
  for (Eigen::Index head = 0; head < a.heads; ++head) {
    values.middleRows(head / (a.heads / a.kv_heads) * head_size, head_size) +=
        repeated.middleRows(head * head_size, head_size);
  }
  return values;
}

// What float32 rounds off of a product with L, relative to σ_1: far below any tolerance of a
// direction, and less to read and to multiply.
constexpr double kFloatRounding = 2e-6;

}  // namespace

BlockOperator::BlockOperator(const ModelWeights& weights, const BlockWeights& block,
                             Workers& workers)
    : weights_(weights),
      block_(block),
      workers_(workers),
      fit_(fit_ffn(weights.architecture(), block.ffn.front(), workers)) {}

template <class Scalar>
MatrixOf<Scalar> BlockOperator::scale(const Norm& norm, Matrix<Scalar> X) const {
  if (norm.weight.size() == 0) return X;
  if (weights_.architecture().norm == NormKind::layer) X.rowwise() -= X.colwise().mean().eval();
  return norm.weight.cast<Scalar>().asDiagonal() * X;
}

template <class Scalar>
MatrixOf<Scalar> BlockOperator::scale_transpose(const Norm& norm, Matrix<Scalar> X) const {
  if (norm.weight.size() == 0) return X;
  X = norm.weight.cast<Scalar>().asDiagonal() * X;
  if (weights_.architecture().norm == NormKind::layer) X.rowwise() -= X.colwise().mean().eval();
  return X;
}

template <class Scalar>
MatrixOf<Scalar> BlockOperator::attention_product(const Matrix<Scalar>& X) const {
  const Matrix<Scalar> values =
      multiply<Scalar>(*block_.value, {}, scale(block_.attention_norm, X), workers_);
  const Matrix<Scalar> repeated =
      repeat_heads(weights_.architecture(), weights_.head_size(), values);
  return scale(block_.attention_output_norm,
               multiply<Scalar>(*block_.output, {}, repeated, workers_));
}

template <class Scalar>
MatrixOf<Scalar> BlockOperator::attention_transpose_product(const Matrix<Scalar>& Y) const {
  const Matrix<Scalar> repeated = multiply_transposed<Scalar>(
      *block_.output, scale_transpose(block_.attention_output_norm, Y), workers_);
  const Matrix<Scalar> values = sum_heads(weights_.architecture(), weights_.head_size(), repeated);
  return scale_transpose(block_.attention_norm,
                         multiply_transposed<Scalar>(*block_.value, values, workers_));
}

template <class Scalar>
MatrixOf<Scalar> BlockOperator::ffn_product(const Matrix<Scalar>& X) const {
  const FfnWeights& ffn = block_.ffn.front();
  const Matrix<Scalar> Z = scale(block_.ffn_norm, X);
  Matrix<Scalar> inner =
      fit_.up.cast<Scalar>().asDiagonal() * multiply<Scalar>(*ffn.up, {}, Z, workers_);
  if (ffn.gate) {
    inner += fit_.gate.cast<Scalar>().asDiagonal() * multiply<Scalar>(*ffn.gate, {}, Z, workers_);
  }
  return scale(block_.ffn_output_norm, multiply<Scalar>(*ffn.down, {}, inner, workers_));
}

template <class Scalar>
MatrixOf<Scalar> BlockOperator::ffn_transpose_product(const Matrix<Scalar>& Y) const {
  const FfnWeights& ffn = block_.ffn.front();
  const Matrix<Scalar> inner =
      multiply_transposed<Scalar>(*ffn.down, scale_transpose(block_.ffn_output_norm, Y), workers_);
  const auto through = [&](const LinearMap& map, const Eigen::VectorXd& fit) {
    const Matrix<Scalar> fitted = fit.cast<Scalar>().asDiagonal() * inner;
    return multiply_transposed<Scalar>(map, fitted, workers_);
  };
  Matrix<Scalar> Z = through(*ffn.up, fit_.up);
  if (ffn.gate) Z += through(*ffn.gate, fit_.gate);
  return scale_transpose(block_.ffn_norm, Z);
}

template <class Scalar>
MatrixOf<Scalar> BlockOperator::residual_product(const Matrix<Scalar>& X) const {
  ++products_;
  const Matrix<Scalar> attended = attention_product(X);
  if (weights_.architecture().parallel) return attended + ffn_product(X);
  return attended + ffn_product<Scalar>(X + attended);
}

template <class Scalar>
MatrixOf<Scalar> BlockOperator::residual_transpose_product(const Matrix<Scalar>& Y) const {
  ++products_;
  const Matrix<Scalar> through_ffn = ffn_transpose_product(Y);
  if (weights_.architecture().parallel) return through_ffn + attention_transpose_product(Y);
  return through_ffn + attention_transpose_product<Scalar>(Y + through_ffn);
}

LinearOperator BlockOperator::ffn() const {
  LinearOperator F;
  F.size = weights_.hidden_size();
  F.apply = [this](const Eigen::MatrixXd& X) {
    ++products_;
    return ffn_product(X);
  };
  F.apply_transpose = [this](const Eigen::MatrixXd& Y) {
    ++products_;
    return ffn_transpose_product(Y);
  };
  return F;
}

LinearOperator BlockOperator::residual() const {
  LinearOperator R;
  R.size = weights_.hidden_size();
  R.apply = [this](const Eigen::MatrixXd& X) { return residual_product(X); };
  R.apply_transpose = [this](const Eigen::MatrixXd& Y) { return residual_transpose_product(Y); };
  return R;
}

LinearOperator BlockOperator::block() const {
  LinearOperator L;
  L.size = weights_.hidden_size();
  L.rounding = kFloatRounding;
  L.apply = [this](const Eigen::MatrixXd& X) -> Eigen::MatrixXd {
    return X + residual_product<float>(X.cast<float>()).cast<double>();
  };
  L.apply_transpose = [this](const Eigen::MatrixXd& Y) -> Eigen::MatrixXd {
    return Y + residual_transpose_product<float>(Y.cast<float>()).cast<double>();
  };
  return L;
}

}  // namespace azimuth
