#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "azimuth/device_tensor.h"
#include "azimuth/linear_map.h"
#include "azimuth/tensor_view.h"

namespace azimuth {

/// A weight matrix in an ATen tensor, multiplied where it lies: on an accelerator only the vectors
/// go there and back. Products of bfloat16 and float16 weights are summed in float32, never in
/// TF32, whatever the process allows its library. Weights in host memory are the business of
/// HostMap, since ATen's CPU products run in the thread pool that training uses.
///
/// Shares ownership of the tensor, which nobody may write to any more. Methods throw c10::Error
/// where the device fails. Exercised with CPU tensors only.
///
///     TorchMap map(weight.clone(), {.first_output = 0, .outputs = weight.size(0)});
class TorchMap final : public LinearMap {
 public:
  /// `stored` is {outputs, inputs}, or {inputs, outputs} if `part.transposed`, of float32, float16
  /// or bfloat16. Throws std::invalid_argument if it is not, or if `part` lies outside it. A nudge
  /// moves the weights by the same halves of a unit as in HostMap, as they are multiplied.
  TorchMap(at::Tensor stored, MatrixPart part, Nudge nudge = {});

  std::int64_t rows() const override { return part_.outputs; }
  std::int64_t columns() const override;
  void apply(const Eigen::Ref<const Eigen::MatrixXf>& X, Eigen::Ref<Eigen::MatrixXf> Y,
             Workers& workers) const override;
  void apply(const Eigen::Ref<const Eigen::MatrixXd>& X, Eigen::Ref<Eigen::MatrixXd> Y,
             Workers& workers) const override;
  void apply_transpose(const Eigen::Ref<const Eigen::MatrixXf>& X, Eigen::Ref<Eigen::MatrixXf> Y,
                       Workers& workers) const override;
  void apply_transpose(const Eigen::Ref<const Eigen::MatrixXd>& X, Eigen::Ref<Eigen::MatrixXd> Y,
                       Workers& workers) const override;
  void unpack_rows(std::int64_t first, Eigen::Ref<Eigen::MatrixXf> out) const override;

 private:
  at::Tensor weights(at::ScalarType type) const;

  at::Tensor stored_;
  MatrixPart part_;
  Nudge nudge_;
};

/// A whole matrix in an ATen tensor, on whatever device: its maps are TorchMaps. Shares ownership
/// of the tensor, which nobody may write to any more. Methods throw c10::Error where the device
/// fails.
class TorchTensor final : public DeviceTensor {
 public:
  /// Of float32, float16 or bfloat16. Throws std::invalid_argument if it is not.
  explicit TorchTensor(at::Tensor stored);

  std::shared_ptr<const LinearMap> map(const MatrixPart& part, Nudge nudge) const override;
  std::uint64_t word_sum() const override;
  void read_rows(std::int64_t first_row, std::int64_t count, std::byte* out) const override;

 private:
  at::Tensor stored_;
};

}  // namespace azimuth
