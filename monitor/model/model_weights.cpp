#include "azimuth/model_weights.h"

#include <algorithm>
#include <array>
#include <set>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "azimuth/device_tensor.h"
#include "azimuth/workers.h"
#include "model/block_reader.h"
#include "model/finite.h"
#include "model/found_roles.h"
#include "model/normalise.h"
#include "model/qkv_rows.h"
#include "model/role_facts.h"
#include "model/standing.h"
#include "model/tensors_by_role.h"

namespace azimuth {
namespace {

bool has_a_row_a_token(Role role) {
  return role == Role::token_embedding || role == Role::head_weight;
}

// Whether every format lays out a tensor of this role alike: matrices are transposed, permuted and
// fused, and so are their biases.
bool is_laid_out_alike(Role role) {
  switch (role) {
    case Role::query_bias:
    case Role::key_bias:
    case Role::value_bias:
    case Role::query_key_value_bias:
    case Role::query_gate_bias:
    case Role::recurrent_input_bias:
    case Role::recurrent_decay:
    case Role::recurrent_decay_bias:
    case Role::convolution_weight:
    case Role::convolution_bias:
    case Role::step_bias:
    case Role::skip:
    case Role::recurrent_norm_weight:
    case Role::recurrent_output_bias:
    case Role::output_bias:
    case Role::gate_bias:
    case Role::up_bias:
    case Role::down_bias:
    case Role::gate_up_bias:
    case Role::sink_query_bias:
    case Role::sink_key_bias:
    case Role::latent_query_bias:
    case Role::latent_bias:
    case Role::experts_input_bias:
    case Role::experts_output_bias:
    case Role::shared_up_bias:
    case Role::shared_down_bias:
      return false;
    default:
      return facts_of(role).kind != RoleFacts::Kind::matrix;
  }
}

// What plays the role in the block, the first of several members, in what bind_roles has sorted.
auto placed_at(const std::vector<BoundTensor>& bound, Role role, std::int64_t block) {
  const auto place = [](const BoundTensor& b) { return std::tuple(b.block, b.role); };
  const auto found = std::ranges::lower_bound(bound, std::tuple(block, role), {}, place);
  return found != bound.end() && place(*found) == std::tuple(block, role) ? found : bound.end();
}

}  // namespace

ModelWeights ModelWeights::from_tensors(Architecture architecture, NamedTensors tensors,
                                        const RoleNames& extra) {
  ModelWeights weights;
  weights.architecture_ = std::move(architecture);
  const std::size_t hiding = hiding_prefix(weights.architecture_, tensors.tensors, extra);
  for (NamedTensor& tensor : tensors.tensors) tensor.name.erase(0, hiding);
  for (UnreadableTensor& tensor : tensors.unreadable) {
    tensor.name.erase(0, std::min(hiding, tensor.name.size()));
  }
  FoundRoles found = find_roles(weights.architecture_, tensors.tensors, extra);
  std::vector<const std::string*> placeless;
  for (const NamedTensor* tensor : found.placeless) placeless.push_back(&tensor->name);
  for (const UnreadableTensor& tensor : tensors.unreadable) {
    const auto place = role_of(weights.architecture_, tensor.name, extra);
    if (!place && !tensor.counts) placeless.push_back(&tensor.name);
    if (!place || (tensor.empty && !is_read_by_pass(weights.architecture_, *place))) continue;
    throw std::invalid_argument("tensor " + tensor.name + ": " + tensor.why);
  }
  std::string warning = unplaced(weights.architecture_, placeless, extra);
  if (!warning.empty()) weights.add_warning(std::move(warning));
  weights.bound_ = check_roles(weights.architecture_, tensors.tensors, std::move(found));
  weights.names_ = extra;
  weights.tensors_ = std::make_shared<const NamedTensors>(std::move(tensors));
  weights.build({});
  return weights;
}

std::vector<std::int64_t> ModelWeights::stored_shape(Role role, std::int64_t block) const {
  const auto found = placed_at(bound_, role, block);
  if (found == bound_.end()) return {};
  return tensors_->tensors[found->tensor].view.shape;
}

std::vector<std::string> ModelWeights::stored_names(Role role, std::int64_t block) const {
  std::vector<std::string> names;
  for (const BoundTensor& bound : bound_) {
    if (bound.role == role && bound.block == block) {
      names.push_back(tensors_->tensors[bound.tensor].name);
    }
  }
  return names;
}

std::optional<BoundTensor> ModelWeights::place_of(std::string_view name) const {
  const auto place = role_of(architecture_, name, names_);
  return place ? place : role_of(architecture_, name);
}

std::optional<StoredType> ModelWeights::stored_type(Role role, std::int64_t block) const {
  for (const BoundTensor& bound : bound_) {
    if (bound.role == role && bound.block == block) {
      return tensors_->tensors[bound.tensor].view.type;
    }
  }
  return std::nullopt;
}

std::vector<StoredType> ModelWeights::stored_types() const {
  std::set<StoredType> types;
  for (const BoundTensor& bound : bound_) types.insert(tensors_->tensors[bound.tensor].view.type);
  for (const auto& [place, rows] : rows_) types.insert(rows.view.type);
  return {types.begin(), types.end()};
}

ModelWeights ModelWeights::with_updates(std::vector<LowRankUpdate> updates) const {
  if (!updates.empty() && !unchangeable_.empty()) throw std::invalid_argument(unchangeable_);
  ModelWeights updated = *this;
  for (LowRankUpdate& update : updates) {
    const auto fail = [&](const std::string& why) {
      throw std::invalid_argument("update of " + update.name + ": " + why);
    };
    const auto place = place_of(update.name);
    const auto same = [&](const BoundTensor& b) {
      return b.role == place->role && b.block == place->block && b.member == place->member;
    };
    const auto changed = place ? std::ranges::find_if(bound_, same) : bound_.end();
    if (changed == bound_.end()) fail("the model has no such weight");
    const bool of_a_block = facts_of(place->role).kind == RoleFacts::Kind::matrix;
    if (!of_a_block && !has_a_row_a_token(place->role)) {
      fail("only the matrices of blocks, the embedding and the head can be updated, not " +
           std::string(name_of(place->role)));
    }
    std::vector<std::int64_t> shape = {update.b.rows(), update.a.cols()};
    const bool of_an_expert = facts_of(place->role).place == RoleFacts::Place::expert &&
                              architecture_.has(MixerKind::experts, place->block);
    const bool transposed = of_an_expert ? architecture_.transposed_experts : transposed_;
    if (transposed && of_a_block) std::ranges::reverse(shape);
    const std::vector<std::int64_t>& expected = tensors_->tensors[changed->tensor].view.shape;
    if (shape != expected || update.b.cols() != update.a.rows()) {
      fail("a product of " + shape_text(std::array{update.b.rows(), update.b.cols()}) + " and " +
           shape_text(std::array{update.a.rows(), update.a.cols()}) + " does not fit a weight of " +
           shape_text(expected));
    }
    if (std::ranges::any_of(updated.updates_, same, &BoundUpdate::place)) fail("appears twice");
    const bool of_columns = place->role == Role::token_embedding;
    const std::int64_t lengths = of_columns ? update.a.cols() : update.b.rows();
    if (update.magnitude.size() > 0 && update.magnitude.size() != lengths) {
      fail("a magnitude of " + std::to_string(update.magnitude.size()) + " numbers does not fit " +
           std::to_string(lengths) + (of_columns ? " columns" : " rows"));
    }
    if (place->role == Role::query_key_value_weight) {
      if (!update.qkv_layout) fail("the layout of its queries, keys and values is not known");
      const auto rows = qkv_rows(architecture_, head_size_, *update.qkv_layout);
      update.b = update.b(rows, Eigen::all).eval();
      if (update.magnitude.size() > 0) update.magnitude = update.magnitude(rows).eval();
      update.qkv_layout = architecture_.qkv_layout;
    }
    updated.updates_.push_back({*place, std::make_shared<const LowRankUpdate>(std::move(update))});
  }
  std::ranges::sort(updated.updates_, {}, [](const BoundUpdate& u) {
    return std::tuple(u.place.block, u.place.role, u.place.member);
  });
  updated.build({});
  return updated;
}

ModelWeights ModelWeights::with_tensors(NamedTensors replacements) const {
  if (replacements.tensors.empty()) return *this;
  if (!unchangeable_.empty()) throw std::invalid_argument(unchangeable_);
  ModelWeights replaced = *this;
  NamedTensors all = *tensors_;
  std::vector<std::size_t> done;
  for (NamedTensor& tensor : replacements.tensors) {
    const auto place = place_of(tensor.name);
    const auto same = [&](const BoundTensor& b) {
      return b.role == place->role && b.block == place->block && b.member == place->member;
    };
    const auto bound = place ? std::ranges::find_if(bound_, same) : bound_.end();
    if (bound == bound_.end()) reject(tensor, "the model has none in its place");
    if (!is_laid_out_alike(place->role)) {
      reject(tensor,
             "is not the embedding, the head, positions, a norm or a router, which alone can "
             "be replaced");
    }
    if (std::ranges::count(done, bound->tensor) > 0) reject(tensor, "appears twice");
    done.push_back(bound->tensor);
    const std::vector<std::int64_t>& shape = tensor.view.shape;
    const std::vector<std::int64_t>& replaced_shape = all.tensors[bound->tensor].view.shape;
    if (!tensor.row_ids.empty()) {
      replaced.replace_rows(*place, tensor);
      continue;
    }
    if (has_a_row_a_token(place->role)
            ? shape.size() != 2 || shape[0] < 1 || shape[1] != hidden_size_
            : shape != replaced_shape) {
      reject(tensor, "shape " + shape_text(shape) + " does not fit " +
                         (has_a_row_a_token(place->role)
                              ? "hidden size " + std::to_string(hidden_size_)
                              : "in the place of " + shape_text(replaced_shape)));
    }
    std::erase_if(replaced.rows_, [&](const auto& rows) { return same(rows.first); });
    all.parameter_count += tensor.view.size() - all.tensors[bound->tensor].view.size();
    all.tensors[bound->tensor] = std::move(tensor);
  }
  using Storages = std::pair<std::shared_ptr<const void>, std::shared_ptr<const void>>;
  all.storage = std::make_shared<const Storages>(tensors_->storage, replacements.storage);
  replaced.tensors_ = std::make_shared<const NamedTensors>(std::move(all));
  replaced.build(nudge_);
  std::erase_if(replaced.architecture_.special_token_ids,
                [&](std::int64_t id) { return id >= replaced.vocab_size_; });
  return replaced;
}

void ModelWeights::replace_rows(const BoundTensor& place, const NamedTensor& tensor) {
  const std::vector<std::int64_t> expected = stored_shape(place.role, place.block);
  if (!has_a_row_a_token(place.role) || tensor.view.shape != expected) {
    reject(tensor, "rows of shape " + shape_text(tensor.view.shape) + " do not fit in " +
                       shape_text(expected));
  }
  std::set<std::int64_t> ids;
  for (const std::int64_t id : tensor.row_ids) {
    if (id < 0 || id >= expected.front()) {
      reject(tensor, "there is no row " + std::to_string(id) + " among " +
                         std::to_string(expected.front()));
    }
    if (!ids.insert(id).second) reject(tensor, "row " + std::to_string(id) + " appears twice");
  }
  rows_.emplace_back(place, tensor);
}

bool ModelWeights::has(Role role, std::int64_t block) const {
  return placed_at(bound_, role, block) != bound_.end();
}

void ModelWeights::build(Nudge nudge) {
  const TensorsByRole tensors(*tensors_, bound_, updates_, nudge);
  const std::int64_t block_count = bound_.back().block;
  const ModelSizes sizes = ModelSizes::of(architecture_, tensors, block_count);
  nudge_ = nudge;
  vocab_size_ = sizes.vocab;
  hidden_size_ = sizes.hidden;
  ffn_size_ = sizes.ffn;
  head_size_ = sizes.head;
  transposed_ = sizes.transposed;
  embedding_scales_ = embedding_scales(tensors);
  blocks_.clear();
  const BlockReader reader(architecture_, tensors, sizes);
  inputs_ = reader.token_inputs(block_count);
  for (std::int64_t b = 1; b <= block_count; ++b) blocks_.push_back(reader.read(b));
}

std::int64_t ModelWeights::embedding_row(const NamedTensor& table, std::int64_t id) const {
  std::int64_t row = id;
  if (table.placement() == Placement::host_rows) {
    const auto found = std::ranges::find(table.row_ids, id);
    row = found == table.row_ids.end() ? -1 : found - table.row_ids.begin();
  }
  if (row >= 0 && id < vocab_size_) return row;
  throw std::out_of_range("no embedding of token id " + std::to_string(id) + " (vocabulary of " +
                          std::to_string(vocab_size_) + ")");
}

// The tensor of rows that holds the one of a token; null where it is the embedding's own.
const NamedTensor* ModelWeights::replaced_row(std::int64_t id) const {
  for (const auto& [place, tensor] : rows_) {
    if (place.role != Role::token_embedding) continue;
    if (std::ranges::find(tensor.row_ids, id) != tensor.row_ids.end()) return &tensor;
  }
  return nullptr;
}

// Of DoRA (azimuth/low_rank_update.h): the length that each column of the embedding is to have,
// through the length that it has with its update. Reads the whole embedding.
Eigen::VectorXf ModelWeights::embedding_scales(const TensorsByRole& tensors) const {
  constexpr std::int64_t kRows = 64;
  const LowRankUpdate* update = tensors.update(Role::token_embedding, 0);
  if (update == nullptr || update->magnitude.size() == 0) return {};
  const TensorView& view = in_host_memory(tensors.at(Role::token_embedding, 0));
  const Nudge nudge = nudge_for(nudge_, tensors.index(Role::token_embedding, 0));
  Eigen::VectorXd squares = Eigen::VectorXd::Zero(hidden_size_);
  Eigen::MatrixXf rows;
  for (std::int64_t first = 0; first < vocab_size_; first += kRows) {
    rows.resize(hidden_size_, std::min(kRows, vocab_size_ - first));
    unpack(view, first, rows.cols(), rows.data(), nudge);
    rows += update->a.transpose() * update->b.middleRows(first, rows.cols()).transpose();
    squares += rows.cast<double>().rowwise().squaredNorm();
  }
  const Eigen::ArrayXd lengths = squares.array().sqrt();
  // A column of zeros stays one.
  const Eigen::ArrayXd scales =
      (lengths > 0).select(update->magnitude.cast<double>().array() / lengths, 0.0);
  return scales.cast<float>().matrix();
}

Eigen::MatrixXf ModelWeights::token_embeddings(std::span<const std::int64_t> token_ids) const {
  const TensorsByRole tensors(*tensors_, bound_, updates_, nudge_);
  const NamedTensor& table = tensors.at(Role::token_embedding, 0);
  const Nudge nudge = nudge_for(nudge_, tensors.index(Role::token_embedding, 0));
  const bool in_part = table.placement() == Placement::host_rows;
  const TensorView& rows = in_part ? table.view : in_host_memory(table);
  const LowRankUpdate* update = tensors.update(Role::token_embedding, 0);
  Eigen::MatrixXf states(hidden_size_, static_cast<std::int64_t>(token_ids.size()));
  for (std::int64_t i = 0; i < states.cols(); ++i) {
    const std::int64_t id = token_ids[static_cast<std::size_t>(i)];
    if (const NamedTensor* const replaced = replaced_row(id)) {
      unpack(replaced->view, embedding_row(*replaced, id), 1, states.col(i).data(), nudge);
    } else {
      unpack(rows, embedding_row(table, id), 1, states.col(i).data(), nudge);
    }
    if (update != nullptr) states.col(i) += update->a.transpose() * update->b.row(id).transpose();
    if (embedding_scales_.size() > 0) states.col(i).array() *= embedding_scales_.array();
  }
  return states;
}

Eigen::MatrixXf ModelWeights::embed(std::span<const std::int64_t> token_ids) const {
  const TensorsByRole tensors(*tensors_, bound_, updates_, nudge_);
  Eigen::MatrixXf states = token_embeddings(token_ids);
  states *= static_cast<float>(architecture_.embedding_multiplier);
  if (architecture_.learned_positions) {
    const NamedTensor& positions = tensors.at(Role::position_embedding, 0);
    const std::int64_t row = architecture_.first_position_row;
    if (positions.view.shape.size() != 2 || positions.view.shape[1] != hidden_size_ ||
        positions.view.shape[0] <= row) {
      reject(positions, "shape " + shape_text(positions.view.shape) + " does not fit hidden size " +
                            std::to_string(hidden_size_));
    }
    Eigen::VectorXf first(hidden_size_);
    unpack(in_host_memory(positions), row, 1, first.data(),
           nudge_for(nudge_, tensors.index(Role::position_embedding, 0)));
    states.colwise() += first;
  }
  if (architecture_.embedding_norm) {
    const Norm norm = tensors.norm(Role::embedding_norm_weight, Role::embedding_norm_bias, 0,
                                   hidden_size_, architecture_);
    states = normalise<double>(norm, states.cast<double>()).cast<float>();
  }
  return states;
}

ModelWeights ModelWeights::nudged(std::uint64_t seed) const {
  ModelWeights copy = *this;
  copy.build({true, seed});
  return copy;
}

std::optional<NonfiniteTensor> ModelWeights::first_nonfinite(
    std::span<const std::int64_t> token_ids, Workers& workers) const {
  const auto is_read_finite = [&](const BoundTensor& bound) {
    const NamedTensor& tensor = tensors_->tensors[bound.tensor];
    if (bound.role == Role::token_embedding) {
      return std::ranges::all_of(token_ids, [&](std::int64_t id) {
        const NamedTensor* const replaced = replaced_row(id);
        const NamedTensor& table = replaced != nullptr ? *replaced : tensor;
        return is_finite(table.view, embedding_row(table, id));
      });
    }
    if (bound.role == Role::per_layer_embedding) {
      return std::ranges::all_of(token_ids, [&](std::int64_t id) {
        return is_finite(tensor.view, per_layer_row(tensor, id));
      });
    }
    if (bound.role == Role::position_embedding) {
      return is_finite(in_host_memory(tensor), architecture_.first_position_row);
    }
    return is_finite(tensor, workers);
  };
  for (const BoundTensor& bound : bound_) {
    if (!is_read_by_pass(architecture_, bound)) continue;
    if (!is_read_finite(bound))
      return NonfiniteTensor{tensors_->tensors[bound.tensor].name, bound.block};
    for (const BoundUpdate& u : updates_) {
      if (u.place.role != bound.role || u.place.block != bound.block ||
          u.place.member != bound.member) {
        continue;
      }
      if (!u.update->a.allFinite() || !u.update->b.allFinite()) {
        return NonfiniteTensor{u.update->name, bound.block, true};
      }
    }
  }
  return std::nullopt;
}

}  // namespace azimuth
