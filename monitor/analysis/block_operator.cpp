#include "analysis/block_operator.h"

#include <algorithm>
#include <variant>

namespace azimuth {
namespace {

// What float32 rounds off of a product with L, relative to σ_1: far below any tolerance of a
// direction, and less to read and to multiply.
constexpr double kFloatRounding = 2e-6;

Eigen::Index hidden_size(const Mixer& mixer) {
  const auto* const attention = std::get_if<Attention>(&mixer.work);
  return attention != nullptr ? attention->output.map->rows()
                              : std::get<FeedForward>(mixer.work).down.map->rows();
}

}  // namespace

std::string BlockOperator::why_not(const BlockWeights& block, const Eigen::MatrixXd& states) {
  if (block.streams) return "there are several residual streams";
  if (block.mixer<Experts>() != nullptr) return "experts route";
  if (block.mixer<LatentAttention>() != nullptr) return "a norm stands within its attention";
  if (block.mixer<DeltaRule>() != nullptr) return "a delta rule is not linear in one token";
  if (block.mixer<StateSpace>() != nullptr || block.mixer<SelectiveStateSpace>() != nullptr) {
    return "a state space is not linear in one token";
  }
  if (block.mixer<ShortConvolution>() != nullptr) {
    return "a gated convolution is not linear in one token";
  }
  if (block.mixer<PerLayerInput>() != nullptr) return "each token has an input of its own";
  const auto* const attention = block.work<Attention>();
  if (attention == nullptr) return "";
  if (!attention->value) return "its values are those of another block";
  if (attention->value_norm.kind != NormKind::none) return "the value of each head is normalised";
  return attention->gate && states.cols() == 0 ? "no direction to fix the gate of attention at"
                                               : "";
}

BlockOperator::BlockOperator(const BlockWeights& block, const Eigen::MatrixXd& states,
                             Workers& workers)
    : workers_(workers), size_(hidden_size(block.mixers.front())) {
  // Attention comes first: it reads what the block does.
  for (const Mixer& mixer : block.mixers) mixers_.emplace_back(mixer, states, workers);
}

template <class Scalar>
BlockOperator::Matrix<Scalar> BlockOperator::residual_product(const Matrix<Scalar>& X) const {
  ++products_;
  Matrix<Scalar> written = Matrix<Scalar>::Zero(X.rows(), X.cols());
  Matrix<Scalar> read;
  for (const LinearMixer& mixer : mixers_) {
    if (!mixer.beside()) read = X + written;
    written += mixer.apply<Scalar>(read, workers_);
  }
  return written;
}

template <class Scalar>
BlockOperator::Matrix<Scalar> BlockOperator::residual_transpose_product(
    const Matrix<Scalar>& Y) const {
  ++products_;
  Matrix<Scalar> written = Matrix<Scalar>::Zero(Y.rows(), Y.cols());
  Matrix<Scalar> read = Y;
  for (auto mixer = mixers_.rbegin(); mixer != mixers_.rend(); ++mixer) {
    written += mixer->apply_transpose<Scalar>(read, workers_);
    if (!mixer->beside()) read = Y + written;
  }
  return written;
}

LinearOperator BlockOperator::ffn() const {
  const LinearMixer& mixer = *std::ranges::find_if(mixers_, [](const LinearMixer& m) {
    return std::holds_alternative<FeedForward>(m.mixer().work);
  });
  LinearOperator F;
  F.size = size_;
  F.apply = [this, &mixer](const Eigen::MatrixXd& X) {
    ++products_;
    return mixer.apply<double>(X, workers_);
  };
  F.apply_transpose = [this, &mixer](const Eigen::MatrixXd& Y) {
    ++products_;
    return mixer.apply_transpose<double>(Y, workers_);
  };
  return F;
}

LinearOperator BlockOperator::residual() const {
  LinearOperator R;
  R.size = size_;
  R.apply = [this](const Eigen::MatrixXd& X) { return residual_product(X); };
  R.apply_transpose = [this](const Eigen::MatrixXd& Y) { return residual_transpose_product(Y); };
  return R;
}

LinearOperator BlockOperator::block() const {
  LinearOperator L;
  L.size = size_;
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
