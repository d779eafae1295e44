#pragma once

#include <torch/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "azimuth/libtorch.h"
#include "azimuth/model_weights.h"
#include "azimuth/snapshot_source.h"

namespace azimuth {

/// Snapshots of named ATen tensors. Those in host memory are copied into one buffer; on another
/// device the matrices that the pass multiplies with are cloned there, on the current stream, so
/// that no later step can tear them, and the rest comes to the buffer: with `everything` also what
/// the digest alone reads, since the device has less room.
class TorchSource final : public SnapshotSource {
 public:
  TorchSource(ParameterSource parameters, Architecture architecture, RoleNames extra);

  const Architecture& architecture() const override { return architecture_; }
  std::int64_t vocab_size() const override { return vocab_size_; }
  std::int64_t hidden_size() const override { return hidden_size_; }
  std::int64_t block_count() const override { return block_count_; }
  std::string description() const override { return description_; }
  std::vector<std::string> warnings() const override { return warnings_; }
  ModelWeights capture(std::span<const std::int64_t> token_ids, bool everything) override;
  std::int64_t extra_bytes() const override;

 private:
  // What a tensor that plays a role was at attach, and has to stay.
  struct Expected {
    std::string name;
    Role role;
    bool is_read;  // by the pass
    std::vector<std::int64_t> shape;
    StoredType type;
  };

  // One tensor of a snapshot in the making.
  struct Copy {
    NamedTensor tensor;
    torch::Tensor from;
    std::size_t offset = 0;
  };

  std::vector<torch::Tensor> find_parameters() const;
  Copy plan_copy(const Expected& expected, torch::Tensor parameter,
                 std::span<const std::int64_t> token_ids, bool whole) const;
  std::shared_ptr<std::byte> buffer_of(std::size_t bytes);

  ParameterSource parameters_;
  Architecture architecture_;
  RoleNames extra_;
  std::string description_;
  std::vector<std::string> warnings_;
  std::vector<Expected> expected_;
  std::int64_t vocab_size_ = 0;
  std::int64_t hidden_size_ = 0;
  std::int64_t block_count_ = 0;
  std::int64_t parameter_count_ = 0;
  std::shared_ptr<std::byte> buffer_;
  std::size_t buffer_bytes_ = 0;
  std::int64_t device_bytes_ = 0;
};

}  // namespace azimuth
