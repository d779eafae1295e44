#include "model/tensors_by_role.h"

#include <stdexcept>

#include "azimuth/device_tensor.h"
#include "azimuth/host_map.h"
#include "model/low_rank_map.h"
#include "model/row_scaled_map.h"
#include "model/stacked_map.h"

namespace azimuth {
namespace {

void expect_shape(const NamedTensor& tensor, const std::vector<std::int64_t>& shape) {
  if (tensor.view.shape != shape) {
    reject(tensor, "shape " + shape_text(tensor.view.shape) + " where " + shape_text(shape) +
                       " is expected");
  }
}

std::shared_ptr<const LinearMap> stored_map(const NamedTensor& tensor, Nudge nudge,
                                            const MatrixPart& part) {
  if (tensor.placement() == Placement::device) return tensor.device->map(part, nudge);
  return std::make_shared<HostMap>(in_host_memory(tensor), part, nudge);
}

}  // namespace

void reject(const NamedTensor& tensor, const std::string& why) {
  throw std::invalid_argument("tensor " + tensor.name + ": " + why);
}

const TensorView& in_host_memory(const NamedTensor& tensor) {
  switch (tensor.placement()) {
    case Placement::nowhere:
      reject(tensor, "has no data");
    case Placement::host_rows:
      reject(tensor, "has only some of its rows");
    case Placement::device:
      reject(tensor, "does not lie in host memory");
    case Placement::host:
      break;
  }
  return tensor.view;
}

Nudge nudge_for(Nudge nudge, std::size_t tensor) {
  return {nudge.active, nudge.seed * 0x9e3779b97f4a7c15ull + tensor};
}

TensorsByRole::TensorsByRole(const NamedTensors& tensors, std::span<const BoundTensor> bound,
                             std::span<const BoundUpdate> updates, Nudge nudge)
    : tensors_(tensors), nudge_(nudge) {
  for (const BoundTensor& b : bound) index_[{b.role, b.block, b.member}] = b.tensor;
  for (const BoundUpdate& u : updates) {
    updates_[{u.place.role, u.place.block, u.place.member}] = u.update.get();
  }
}

const LowRankUpdate* TensorsByRole::update(Role role, std::int64_t block,
                                           std::int64_t member) const {
  const auto found = updates_.find({role, block, member});
  return found == updates_.end() ? nullptr : found->second;
}

Eigen::VectorXf TensorsByRole::vector(Role role, std::int64_t block, std::int64_t size,
                                      std::int64_t member) const {
  const NamedTensor& tensor = at(role, block, member);
  expect_shape(tensor, {size});
  Eigen::VectorXf all(size);
  unpack(in_host_memory(tensor), 0, 1, all.data(), nudge_for(nudge_, index(role, block, member)));
  return all;
}

Eigen::VectorXf TensorsByRole::vector_or_empty(Role role, std::int64_t block, std::int64_t size,
                                               std::int64_t member) const {
  return has(role, block, member) ? vector(role, block, size, member) : Eigen::VectorXf();
}

Eigen::VectorXf TensorsByRole::all_rows(Role role, std::int64_t block) const {
  const NamedTensor& tensor = at(role, block);
  Eigen::VectorXf all(tensor.view.size());
  unpack(in_host_memory(tensor), 0, tensor.view.rows(), all.data(),
         nudge_for(nudge_, index(role, block)));
  return all;
}

Eigen::MatrixXf TensorsByRole::taps(Role role, std::int64_t block, std::int64_t channels,
                                    std::int64_t taps) const {
  const NamedTensor& tensor = at(role, block);
  if (tensor.view.shape != std::vector{channels, taps}) expect_shape(tensor, {channels, 1, taps});
  Eigen::MatrixXf all(taps, channels);
  unpack(in_host_memory(tensor), 0, channels, all.data(), nudge_for(nudge_, index(role, block)));
  return all;
}

double TensorsByRole::number(Role role, std::int64_t block) const {
  const NamedTensor& tensor = at(role, block);
  if (tensor.view.size() != 1) {
    reject(tensor, "shape " + shape_text(tensor.view.shape) + " where one number is expected");
  }
  float number = 0;
  unpack(in_host_memory(tensor), 0, 1, &number, nudge_for(nudge_, index(role, block)));
  return number;
}

Norm TensorsByRole::norm(Role weight, Role bias, std::int64_t block, std::int64_t size,
                         const Architecture& architecture) const {
  if (!has(weight, block)) return {};
  Norm norm = {architecture.norm, architecture.norm_epsilon, vector(weight, block, size),
               vector_or_empty(bias, block, size)};
  norm.weight.array() += static_cast<float>(architecture.norm_offset);
  return norm;
}

Projection TensorsByRole::runs(Role weight, Role bias, std::int64_t block, const Shape& shape,
                               std::span<const std::pair<std::int64_t, std::int64_t>> runs) const {
  std::vector<std::shared_ptr<const LinearMap>> parts;
  std::int64_t size = 0;
  for (const auto& [first, count] : runs) {
    parts.push_back(map(weight, block, 0, shape, first, count));
    size += count;
  }
  const Eigen::VectorXf all = vector_or_empty(bias, block, shape.outputs);
  Projection projection;
  if (all.size() > 0) {
    projection.bias.resize(size);
    for (std::int64_t next = 0; const auto& [first, count] : runs) {
      projection.bias.segment(next, count) = all.segment(first, count);
      next += count;
    }
  }
  projection.map =
      parts.size() == 1 ? parts.front() : std::make_shared<StackedMap>(std::move(parts));
  return projection;
}

std::shared_ptr<const LinearMap> TensorsByRole::map(Role role, std::int64_t block,
                                                    std::int64_t member, const Shape& shape,
                                                    std::int64_t first, std::int64_t count,
                                                    std::int64_t stride) const {
  const NamedTensor& tensor = at(role, block, member);
  expect_shape(tensor, shape.transposed ? std::vector{shape.inputs, shape.outputs}
                                        : std::vector{shape.outputs, shape.inputs});
  const MatrixPart part = {first, count, shape.transposed, stride};
  auto stored = stored_map(tensor, nudge_for(nudge_, index(role, block, member)), part);
  const LowRankUpdate* change = update(role, block, member);
  if (change == nullptr) return stored;
  // A nudge moves the base's weights alone: the update is small beside them, and so is its
  // rounding.
  const auto outputs = Eigen::seqN(first, count, stride);
  auto sum =
      std::make_shared<LowRankMap>(std::move(stored), change->a, change->b(outputs, Eigen::all));
  if (change->magnitude.size() == 0) return sum;
  return std::make_shared<RowScaledMap>(std::move(sum), change->magnitude(outputs));
}

}  // namespace azimuth
