#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include "azimuth/device_tensor.h"
#include "azimuth/host_map.h"

namespace azimuth::testing {

/// Called before each product of a weight matrix, with the number of vectors that it is multiplied
/// with: where a test holds an analysis, or says what it costs, whoever reads a clock and when.
using ProductHook = std::function<void(Eigen::Index vectors)>;

class HookedMap final : public LinearMap {
 public:
  HookedMap(HostMap map, ProductHook hook) : map_(std::move(map)), hook_(std::move(hook)) {}

  std::int64_t rows() const override { return map_.rows(); }
  std::int64_t columns() const override { return map_.columns(); }
  void apply(const Eigen::Ref<const Eigen::MatrixXf>& X, Eigen::Ref<Eigen::MatrixXf> Y,
             Workers& workers) const override {
    hook_(X.cols());
    map_.apply(X, Y, workers);
  }
  void apply(const Eigen::Ref<const Eigen::MatrixXd>& X, Eigen::Ref<Eigen::MatrixXd> Y,
             Workers& workers) const override {
    hook_(X.cols());
    map_.apply(X, Y, workers);
  }
  void apply_transpose(const Eigen::Ref<const Eigen::MatrixXf>& X, Eigen::Ref<Eigen::MatrixXf> Y,
                       Workers& workers) const override {
    hook_(X.cols());
    map_.apply_transpose(X, Y, workers);
  }
  void apply_transpose(const Eigen::Ref<const Eigen::MatrixXd>& X, Eigen::Ref<Eigen::MatrixXd> Y,
                       Workers& workers) const override {
    hook_(X.cols());
    map_.apply_transpose(X, Y, workers);
  }
  void unpack_rows(std::int64_t first, Eigen::Ref<Eigen::MatrixXf> out) const override {
    map_.unpack_rows(first, out);
  }

 private:
  HostMap map_;
  ProductHook hook_;
};

/// A matrix in host memory that passes for one elsewhere.
class HookedTensor final : public DeviceTensor {
 public:
  HookedTensor(TensorView view, ProductHook hook)
      : view_(std::move(view)), hook_(std::move(hook)) {}

  std::shared_ptr<const LinearMap> map(const MatrixPart& part, Nudge nudge) const override {
    return std::make_shared<HookedMap>(HostMap(view_, part, nudge), hook_);
  }
  std::uint64_t word_sum() const override { return azimuth::word_sum(view_); }
  void read_rows(std::int64_t first_row, std::int64_t count, std::byte* out) const override {
    std::copy_n(view_.data + first_row * view_.row_bytes(), count * view_.row_bytes(), out);
  }

 private:
  TensorView view_;
  ProductHook hook_;
};

}  // namespace azimuth::testing
