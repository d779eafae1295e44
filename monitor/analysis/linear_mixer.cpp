#include "analysis/linear_mixer.h"

#include <utility>
#include <variant>

#include "analysis/host_operations.h"
#include "analysis/mix.h"
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

std::string not_linear(const LowRankResidual&) {
  return "a norm stands within its low-rank residual";
}
std::string not_linear(const PerLayerInput&) { return "each token has an input of its own"; }
std::string not_linear(const DeltaRule&) { return "a delta rule is not linear in one token"; }
std::string not_linear(const StateSpace&) { return "a state space is not linear in one token"; }
std::string not_linear(const SelectiveStateSpace&) {
  return "a state space is not linear in one token";
}
std::string not_linear(const ShortConvolution&) {
  return "a gated convolution is not linear in one token";
}

}  // namespace

bool LinearMixer::is_held(const Mixer& mixer) {
  if (const auto* const attention = std::get_if<Attention>(&mixer.work)) {
    return attention->gate || attention->sinks;
  }
  return std::holds_alternative<LatentAttention>(mixer.work) ||
         std::holds_alternative<Experts>(mixer.work);
}

LinearMixer::LinearMixer(const Mixer& mixer, const Eigen::MatrixXd& states, Workers& workers)
    : mixer_(&mixer) {
  Eigen::MatrixXd X;
  if (is_held(mixer) && states.cols() > 0) {
    X = HostOperations<double>(workers).normalised(mixer.norm, states);
  }
  std::visit([&](const auto& work) { hold(work, X, workers); }, mixer.work);
}

void LinearMixer::hold(const Attention& attention, const Eigen::MatrixXd& X, Workers& workers) {
  if (!attention.value) reason_ = "its values are those of another block";
  if (attention.value_norm.kind != NormKind::none) {
    reason_ = "the value of each head is normalised";
  }
  if (!reason_.empty() || !is_held(*mixer_)) return;
  if (X.cols() == 0) {
    reason_ = attention.gate ? "no direction to fix the gate of attention at"
                             : "no direction to fix the share of attention's sinks at";
    return;
  }
  HostOperations<double> operations(workers);
  // What becomes of a value of 1.
  const Eigen::MatrixXd ones = Eigen::MatrixXd::Ones(attention.value.map->rows(), X.cols());
  Eigen::MatrixXd factors = attended(attention, X, ones, operations);
  multiply_by_gate(attention, X, factors, operations);
  gate_ = factors.rowwise().mean();
}

void LinearMixer::hold(const LatentAttention& attention, const Eigen::MatrixXd& X,
                       Workers& workers) {
  if (X.cols() == 0) {
    reason_ = "no direction to fix the norm within attention at";
    return;
  }
  Eigen::MatrixXd latent = HostOperations<double>(workers).product(attention.latent, X);
  centre(attention.norm, latent);
  const Eigen::ArrayXXd mean_squares = latent.array().square().colwise().mean();
  latent_scale_ = (mean_squares + attention.norm.epsilon).rsqrt().mean();
}

void LinearMixer::hold(const FeedForward& ffn, const Eigen::MatrixXd&, Workers& workers) {
  if (ffn.gate_cut) {
    reason_ = "its FFN cuts its gate";
    return;
  }
  ffns_.push_back({&ffn, fit_ffn(ffn, workers)});
}

void LinearMixer::hold(const Experts& mixture, const Eigen::MatrixXd& X, Workers& workers) {
  if (mixture.norms.any()) {
    reason_ = "norms stand within its mixture";
    return;
  }
  if (X.cols() == 0) {
    reason_ = "no direction to take experts by";
    return;
  }
  HostOperations<double> operations(workers);
  const Shares<double> shares = operations.shares(mixture.routing, mixture.choice_bias,
                                                  operations.product(mixture.router, X));
  std::vector<double> held;
  for (std::size_t expert = 0; expert < mixture.experts.size(); ++expert) {
    const std::vector<Eigen::Index> tokens = shares.tokens_of(expert);
    if (tokens.empty()) continue;
    if (static_cast<Eigen::Index>(tokens.size()) < X.cols()) {
      experts_.clear();
      reason_ = "its high-norm tokens take different experts";
      return;
    }
    experts_.push_back(static_cast<std::int32_t>(expert));
    held.push_back(shares.of(expert, tokens).mean());
  }
  const auto fitted = [&](const FeedForward& ffn, const FfnInput& input, double output_share) {
    FfnFit fit = fit_ffn(ffn, workers, input);
    fit.up *= output_share;
    fit.gate *= output_share;
    return Fitted{&ffn, std::move(fit)};
  };
  for (std::size_t i = 0; i < held.size(); ++i) {
    const FeedForward& ffn = mixture.experts[static_cast<std::size_t>(experts_[i])];
    const bool scales = mixture.routing.scales_input;
    const FfnInput input = {scales ? held[i] : 1, mixture.input ? &mixture.input : nullptr};
    ffns_.push_back(fitted(ffn, input, scales ? 1 : held[i]));
  }
  if (mixture.shared) {
    const double share = mixture.shared_gate ? shared_share(mixture, X, operations).mean() : 1;
    shared_ = fitted(*mixture.shared, {}, share);
  }
}

template <class Work>
void LinearMixer::hold(const Work& work, const Eigen::MatrixXd&, Workers&) {
  reason_ = not_linear(work);
}

template <class Scalar>
MatrixOf<Scalar> LinearMixer::inner(const Matrix<Scalar>& Z, Workers& workers) const {
  if (const auto* const attention = std::get_if<Attention>(&mixer_->work)) {
    Matrix<Scalar> values = HostOperations<Scalar>(workers).repeated(
        multiply(*attention->value.map, Z, workers), attention->head_size, attention->repeats);
    open_gate(gate_, values);
    return multiply(*attention->output.map, values, workers);
  }
  if (const auto* const attention = std::get_if<LatentAttention>(&mixer_->work)) {
    Matrix<Scalar> latent =
        scale<Scalar>(attention->norm, multiply(*attention->latent.map, Z, workers));
    latent *= static_cast<Scalar>(latent_scale_);
    const Matrix<Scalar> values = multiply(*attention->value.map, latent, workers);
    return multiply(*attention->output.map, values, workers);
  }
  const auto* const mixture = std::get_if<Experts>(&mixer_->work);
  const bool between = mixture != nullptr && mixture->input;
  const Matrix<Scalar> read = between ? multiply(*mixture->input.map, Z, workers) : Z;
  Matrix<Scalar> Y = Matrix<Scalar>::Zero(read.rows(), read.cols());
  for (const Fitted& fitted : ffns_) Y += product(*fitted.ffn, fitted.fit, read, workers);
  if (between) Y = multiply(*mixture->output.map, Y, workers);
  if (shared_) Y += product(*shared_->ffn, shared_->fit, Z, workers);
  return Y;
}

template <class Scalar>
MatrixOf<Scalar> LinearMixer::inner_transpose(const Matrix<Scalar>& Z, Workers& workers) const {
  if (const auto* const attention = std::get_if<Attention>(&mixer_->work)) {
    Matrix<Scalar> values = multiply_transposed(*attention->output.map, Z, workers);
    open_gate(gate_, values);
    return multiply_transposed(*attention->value.map, sum_heads(*attention, values), workers);
  }
  if (const auto* const attention = std::get_if<LatentAttention>(&mixer_->work)) {
    const Matrix<Scalar> values = multiply_transposed(*attention->output.map, Z, workers);
    Matrix<Scalar> latent = scale_transpose<Scalar>(
        attention->norm, multiply_transposed(*attention->value.map, values, workers));
    latent *= static_cast<Scalar>(latent_scale_);
    return multiply_transposed(*attention->latent.map, latent, workers);
  }
  const auto* const mixture = std::get_if<Experts>(&mixer_->work);
  const bool between = mixture != nullptr && mixture->input;
  const Matrix<Scalar> read = between ? multiply_transposed(*mixture->output.map, Z, workers) : Z;
  Matrix<Scalar> Y = Matrix<Scalar>::Zero(read.rows(), read.cols());
  for (const Fitted& fitted : ffns_) Y += transpose_product(*fitted.ffn, fitted.fit, read, workers);
  if (between) Y = multiply_transposed(*mixture->input.map, Y, workers);
  if (shared_) Y += transpose_product(*shared_->ffn, shared_->fit, Z, workers);
  return Y;
}

template <class Scalar>
MatrixOf<Scalar> LinearMixer::apply(const Matrix<Scalar>& X, Workers& workers) const {
  const Matrix<Scalar> Z = scale<Scalar>(mixer_->norm, X);
  return scale<Scalar>(mixer_->output_norm, inner<Scalar>(Z, workers));
}

template <class Scalar>
MatrixOf<Scalar> LinearMixer::apply_transpose(const Matrix<Scalar>& Y, Workers& workers) const {
  const Matrix<Scalar> Z = scale_transpose<Scalar>(mixer_->output_norm, Y);
  return scale_transpose<Scalar>(mixer_->norm, inner_transpose<Scalar>(Z, workers));
}

Eigen::MatrixXf LinearMixer::output_at(const Eigen::MatrixXf& H, Workers& workers) const {
  const Eigen::MatrixXf Z = normalise<float>(mixer_->norm, H);
  return normalise<float>(mixer_->output_norm, inner<float>(Z, workers));
}

template MatrixOf<float> LinearMixer::apply<float>(const MatrixOf<float>&, Workers&) const;
template MatrixOf<double> LinearMixer::apply<double>(const MatrixOf<double>&, Workers&) const;
template MatrixOf<float> LinearMixer::apply_transpose<float>(const MatrixOf<float>&,
                                                             Workers&) const;
template MatrixOf<double> LinearMixer::apply_transpose<double>(const MatrixOf<double>&,
                                                               Workers&) const;

}  // namespace azimuth
