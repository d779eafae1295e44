#include "analysis/mixer_output.h"

#include "analysis/host_operations.h"
#include "analysis/run_block.h"

namespace azimuth {
namespace {

template <class Scalar>
using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;

}  // namespace

Eigen::MatrixXd mixer_output(const Mixer& mixer, const Eigen::MatrixXd& H, Workers& workers) {
  HostOperations<double> operations(workers);
  Carried<Eigen::MatrixXd> nothing;
  return output_of(mixer, H, nothing, operations);
}

template <class Scalar>
Pass<Scalar>::Pass(const ModelWeights& weights, std::span<const std::int64_t> ids,
                   Eigen::Index initial, Workers& workers)
    : initial_(initial), workers_(workers), H_(weights.embed(ids).template cast<Scalar>()) {
  HostOperations<Scalar> operations(workers_);
  const Matrix rows = weights.per_layer_rows(ids).template cast<Scalar>();
  carried_ = carried_from(weights.token_inputs(), H_, rows, operations);
}

template <class Scalar>
std::int64_t Pass<Scalar>::run(const BlockWeights& block) {
  HostOperations<Scalar> operations(workers_);
  run_block(block, initial_, H_, carried_, operations);
  return operations.experts_taken();
}

template class Pass<float>;
template class Pass<double>;

}  // namespace azimuth
