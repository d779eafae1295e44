#include "analysis/block_operator.h"

#include "analysis/multiply.h"
#include "analysis/repeat_heads.h"

namespace azimuth {
namespace {

Eigen::VectorXd multiply_transposed(const LinearMap& map, const Eigen::VectorXd& x,
                                    Workers& workers) {
  Eigen::MatrixXd y(map.columns(), 1);
  map.apply_transpose(x, y, workers);
  return y;
}

}  // namespace

BlockOperator::BlockOperator(const ModelWeights& weights, const BlockWeights& block,
                             Workers& workers)
    : weights_(weights),
      block_(block),
      workers_(workers),
      fit_(fit_ffn(weights.architecture(), block.ffn.front(), workers)) {}

Eigen::VectorXd BlockOperator::scale(const Norm& norm, Vector x) const {
  if (norm.weight.size() == 0) return x;
  if (weights_.architecture().norm == NormKind::layer) x.array() -= x.mean();
  return norm.weight.cast<double>().cwiseProduct(x);
}

Eigen::VectorXd BlockOperator::scale_transpose(const Norm& norm, Vector x) const {
  if (norm.weight.size() == 0) return x;
  x.array() *= norm.weight.cast<double>().array();
  if (weights_.architecture().norm == NormKind::layer) x.array() -= x.mean();
  return x;
}

Eigen::VectorXd BlockOperator::attention_product(const Vector& x) const {
  const Eigen::MatrixXd values =
      multiply<double>(*block_.value, {}, scale(block_.attention_norm, x), workers_);
  const Eigen::MatrixXd repeated =
      repeat_heads(weights_.architecture(), weights_.head_size(), values);
  return scale(block_.attention_output_norm,
               multiply<double>(*block_.output, {}, repeated, workers_));
}

Eigen::VectorXd BlockOperator::attention_transpose_product(const Vector& y) const {
  const Architecture& a = weights_.architecture();
  const Eigen::Index size = weights_.head_size();
  const Vector repeated = multiply_transposed(
      *block_.output, scale_transpose(block_.attention_output_norm, y), workers_);
  Vector values = Vector::Zero(a.kv_heads * size);
  for (Eigen::Index head = 0; head < a.heads; ++head) {
    values.segment(head / (a.heads / a.kv_heads) * size, size) +=
        repeated.segment(head * size, size);
  }
  return scale_transpose(block_.attention_norm,
                         multiply_transposed(*block_.value, values, workers_));
}

Eigen::VectorXd BlockOperator::ffn_product(const Vector& x) const {
  const FfnWeights& ffn = block_.ffn.front();
  const Vector z = scale(block_.ffn_norm, x);
  Vector inner = fit_.up.cwiseProduct(multiply<double>(*ffn.up, {}, z, workers_));
  if (ffn.gate) inner += fit_.gate.cwiseProduct(multiply<double>(*ffn.gate, {}, z, workers_));
  return scale(block_.ffn_output_norm, multiply<double>(*ffn.down, {}, inner, workers_));
}

Eigen::VectorXd BlockOperator::ffn_transpose_product(const Vector& y) const {
  const FfnWeights& ffn = block_.ffn.front();
  const Vector inner =
      multiply_transposed(*ffn.down, scale_transpose(block_.ffn_output_norm, y), workers_);
  Vector z = multiply_transposed(*ffn.up, fit_.up.cwiseProduct(inner), workers_);
  if (ffn.gate) z += multiply_transposed(*ffn.gate, fit_.gate.cwiseProduct(inner), workers_);
  return scale_transpose(block_.ffn_norm, z);
}

Eigen::VectorXd BlockOperator::residual_product(const Vector& x) const {
  ++products_;
  const Vector attended = attention_product(x);
  if (weights_.architecture().parallel) return attended + ffn_product(x);
  return attended + ffn_product(x + attended);
}

Eigen::VectorXd BlockOperator::residual_transpose_product(const Vector& y) const {
  ++products_;
  const Vector through_ffn = ffn_transpose_product(y);
  if (weights_.architecture().parallel) return through_ffn + attention_transpose_product(y);
  return through_ffn + attention_transpose_product(y + through_ffn);
}

LinearOperator BlockOperator::ffn() const {
  return {weights_.hidden_size(),
          [this](const Vector& x) -> Vector {
            ++products_;
            return ffn_product(x);
          },
          [this](const Vector& y) -> Vector {
            ++products_;
            return ffn_transpose_product(y);
          }};
}

LinearOperator BlockOperator::residual() const {
  return {weights_.hidden_size(), [this](const Vector& x) { return residual_product(x); },
          [this](const Vector& y) { return residual_transpose_product(y); }};
}

LinearOperator BlockOperator::block() const {
  return {weights_.hidden_size(),
          [this](const Vector& x) -> Vector { return x + residual_product(x); },
          [this](const Vector& y) -> Vector { return y + residual_transpose_product(y); }};
}

}  // namespace azimuth
