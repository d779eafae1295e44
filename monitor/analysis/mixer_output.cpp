#include "analysis/mixer_output.h"

#include "analysis/host_operations.h"
#include "analysis/mix.h"

namespace azimuth {
namespace {

template <class Scalar>
using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;

}  // namespace

template <class Scalar>
Matrix<Scalar> mixer_output(const Mixer& mixer, const Matrix<Scalar>& H, Workers& workers) {
  HostOperations<Scalar> operations(workers);
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

template Matrix<float> mixer_output<float>(const Mixer&, const Matrix<float>&, Workers&);
template Matrix<double> mixer_output<double>(const Mixer&, const Matrix<double>&, Workers&);
template std::int64_t run_block<float>(const BlockWeights&, Eigen::Index, Matrix<float>&, Workers&);
template std::int64_t run_block<double>(const BlockWeights&, Eigen::Index, Matrix<double>&,
                                        Workers&);

}  // namespace azimuth
