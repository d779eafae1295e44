#include "analysis/linear_mixer.h"

#include "analysis/host_operations.h"
#include "analysis/multiply.h"

namespace azimuth {
namespace {

template <class Scalar>
using MatrixOf = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;

template <class Scalar>
void centre(const Norm& norm, MatrixOf<Scalar>& X) {
  if (norm.kind == NormKind::layer) X.rowwise() -= X.colwise().mean().eval();
}

template <class Scalar>
void weigh(const Norm& norm, MatrixOf<Scalar>& X) {
  if (norm.weight.size() > 0) X.array().colwise() *= norm.weight.cast<Scalar>().array();
}

template <class Scalar>
MatrixOf<Scalar> scale(const Norm& norm, MatrixOf<Scalar> X) {
  centre(norm, X);
  weigh(norm, X);
  return X;
}

template <class Scalar>
MatrixOf<Scalar> scale_transpose(const Norm& norm, MatrixOf<Scalar> X) {
  weigh(norm, X);
  centre(norm, X);
  return X;
}

// The transpose of HostOperations::repeated: what is read by several heads, added up.
template <class Scalar>
MatrixOf<Scalar> sum_heads(const Attention& attention, const MatrixOf<Scalar>& repeated) {
  MatrixOf<Scalar> values =
      MatrixOf<Scalar>::Zero(repeated.rows() / attention.repeats, repeated.cols());
  const Eigen::Index size = attention.head_size;
  for (Eigen::Index head = 0; head < repeated.rows() / size; ++head) {
    values.middleRows(head / attention.repeats * size, size) +=
        repeated.middleRows(head * size, size);
  }
  return values;
}

template <class Scalar>
void open_gate(const Eigen::VectorXd& gate, MatrixOf<Scalar>& values) {
  if (gate.size() > 0) values.array().colwise() *= gate.cast<Scalar>().array();
}

template <class Scalar>
MatrixOf<Scalar> product(const Attention& attention, const Eigen::VectorXd& gate,
                         const MatrixOf<Scalar>& Z, Workers& workers) {
  MatrixOf<Scalar> values = HostOperations<Scalar>(workers).repeated(
      multiply(*attention.value.map, Z, workers), attention.head_size, attention.repeats);
  open_gate(gate, values);
  return multiply(*attention.output.map, values, workers);
}

template <class Scalar>
MatrixOf<Scalar> transpose_product(const Attention& attention, const Eigen::VectorXd& gate,
                                   const MatrixOf<Scalar>& Y, Workers& workers) {
  MatrixOf<Scalar> values = multiply_transposed(*attention.output.map, Y, workers);
  open_gate(gate, values);
  return multiply_transposed(*attention.value.map, sum_heads(attention, values), workers);
}

template <class Scalar>
MatrixOf<Scalar> product(const FeedForward& ffn, const FfnFit& fit, const MatrixOf<Scalar>& Z,
                         Workers& workers) {
  MatrixOf<Scalar> inner = fit.up.cast<Scalar>().asDiagonal() * multiply(*ffn.up.map, Z, workers);
  if (ffn.gate) {
    inner += fit.gate.cast<Scalar>().asDiagonal() * multiply(*ffn.gate.map, Z, workers);
  }
  return multiply(*ffn.down.map, inner, workers);
}

template <class Scalar>
MatrixOf<Scalar> transpose_product(const FeedForward& ffn, const FfnFit& fit,
                                   const MatrixOf<Scalar>& Y, Workers& workers) {
  const MatrixOf<Scalar> inner = multiply_transposed(*ffn.down.map, Y, workers);
  const auto through = [&](const Projection& projection, const Eigen::VectorXd& scale) {
    const MatrixOf<Scalar> fitted = scale.cast<Scalar>().asDiagonal() * inner;
    return multiply_transposed(*projection.map, fitted, workers);
  };
  MatrixOf<Scalar> Z = through(ffn.up, fit.up);
  if (ffn.gate) Z += through(ffn.gate, fit.gate);
  return Z;
}

}  // namespace

LinearMixer::LinearMixer(const Mixer& mixer, const Eigen::MatrixXd& states, Workers& workers)
    : mixer_(&mixer) {
  if (const auto* const ffn = std::get_if<FeedForward>(&mixer.work)) fit_ = fit_ffn(*ffn, workers);
  const auto* const attention = std::get_if<Attention>(&mixer.work);
  if (attention == nullptr || !attention->gate) return;
  HostOperations<double> operations(workers);
  Eigen::MatrixXd gates =
      operations.product(attention->gate, operations.normalised(mixer.norm, states));
  operations.sigmoid(gates);
  gate_ = gates.rowwise().mean();
}

template <class Scalar>
MatrixOf<Scalar> LinearMixer::apply(const Matrix<Scalar>& X, Workers& workers) const {
  const Matrix<Scalar> Z = scale<Scalar>(mixer_->norm, X);
  const auto* const attention = std::get_if<Attention>(&mixer_->work);
  return scale<Scalar>(mixer_->output_norm,
                       attention != nullptr
                           ? product(*attention, gate_, Z, workers)
                           : product(std::get<FeedForward>(mixer_->work), fit_, Z, workers));
}

template <class Scalar>
MatrixOf<Scalar> LinearMixer::apply_transpose(const Matrix<Scalar>& Y, Workers& workers) const {
  const Matrix<Scalar> Z = scale_transpose<Scalar>(mixer_->output_norm, Y);
  const auto* const attention = std::get_if<Attention>(&mixer_->work);
  return scale_transpose<Scalar>(
      mixer_->norm, attention != nullptr
                        ? transpose_product(*attention, gate_, Z, workers)
                        : transpose_product(std::get<FeedForward>(mixer_->work), fit_, Z, workers));
}

template MatrixOf<float> LinearMixer::apply<float>(const MatrixOf<float>&, Workers&) const;
template MatrixOf<double> LinearMixer::apply<double>(const MatrixOf<double>&, Workers&) const;
template MatrixOf<float> LinearMixer::apply_transpose<float>(const MatrixOf<float>&,
                                                             Workers&) const;
template MatrixOf<double> LinearMixer::apply_transpose<double>(const MatrixOf<double>&,
                                                               Workers&) const;

}  // namespace azimuth
