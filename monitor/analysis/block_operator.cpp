#include "analysis/block_operator.h"

#include <algorithm>
#include <variant>

#include "analysis/mixer_output.h"

namespace azimuth {
namespace {

// What float32 rounds off of a product with L, relative to σ_1: far below any tolerance of a
// direction, and less to read and to multiply.
constexpr double kFloatRounding = 2e-6;

// Of what a mixer writes.
Eigen::Index output_size(const Mixer& mixer) {
  return std::visit(
      [](const auto& work) {
        if constexpr (requires { work.experts; }) {
          return work.router.map->columns();
        } else if constexpr (requires { work.down; }) {
          return work.down.map->rows();
        } else {
          return work.output.map->rows();
        }
      },
      mixer.work);
}

}  // namespace

BlockOperator::BlockOperator(const BlockWeights& block, const Eigen::MatrixXd& states,
                             Workers& workers)
    : workers_(workers), size_(output_size(block.mixers.front())), ffn_(block.ffn()) {
  if (block.streams) {
    reason_ = "there are several residual streams";
    return;
  }
  const auto last_held =
      std::ranges::find_if(block.mixers.rbegin(), block.mixers.rend(), LinearMixer::is_held).base();
  Eigen::MatrixXd left = states;  // by the mixers so far
  Eigen::MatrixXd read;
  for (auto mixer = block.mixers.begin(); mixer != block.mixers.end(); ++mixer) {
    if (!mixer->beside) read = left;
    const LinearMixer& linear = mixers_.emplace_back(*mixer, read, workers);
    reason_ = linear.why_not();
    if (reason_.empty() && mixer->stream_scale != 1) reason_ = "what it leaves is scaled";
    if (!reason_.empty()) return;
    experts_.insert(experts_.end(), linear.experts().begin(), linear.experts().end());
    // Where one that follows is held, it is at what this one really writes.
    if (mixer + 1 < last_held && states.cols() > 0) left += mixer_output(*mixer, read, workers);
  }
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

Eigen::MatrixXf BlockOperator::linear_step(const Eigen::MatrixXf& before) const {
  Eigen::MatrixXf H = before;
  Eigen::MatrixXf read;
  for (const LinearMixer& mixer : mixers_) {
    if (!mixer.beside()) read = H;
    H += mixer.output_at(read, workers_);
  }
  return H;
}

LinearOperator BlockOperator::ffn() const {
  const LinearMixer& mixer =
      *std::ranges::find_if(mixers_, [this](const LinearMixer& m) { return &m.mixer() == ffn_; });
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
