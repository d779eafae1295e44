#include "analysis/mixer_output.h"

#include "analysis/host_operations.h"
#include "analysis/mix.h"

namespace azimuth {
namespace {

template <class Scalar>
using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;

}  // namespace

Eigen::MatrixXd mixer_output(const Mixer& mixer, const Eigen::MatrixXd& H, Workers& workers) {
  HostOperations<double> operations(workers);
  return output_of(mixer, H, operations);
}

template <class Scalar>
std::int64_t run_block(const BlockWeights& block, Eigen::Index initial, Matrix<Scalar>& H,
                       Workers& workers) {
  HostOperations<Scalar> operations(workers);
  Matrix<Scalar> read;
  for (const Mixer& mixer : block.mixers) {
    if (!mixer.beside) read = H;
    const Eigen::Index count = mixer.mixes_tokens() ? initial : H.cols();
    if (count == 0) continue;
    H.leftCols(count) += output_of<HostOperations<Scalar>>(mixer, read.leftCols(count), operations);
  }
  return operations.experts_taken();
}

template std::int64_t run_block<float>(const BlockWeights&, Eigen::Index, Matrix<float>&, Workers&);
template std::int64_t run_block<double>(const BlockWeights&, Eigen::Index, Matrix<double>&,
                                        Workers&);

}  // namespace azimuth
