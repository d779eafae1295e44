#include "decoder_module.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <tuple>
#include <utility>
#include <vector>

#include "analysis/mix.h"
#include "aten_operations.h"
#include "mixer_parameters.h"

namespace azimuth {

using torch::Tensor;

namespace {

// Numbers that are unpacked at once.
constexpr std::int64_t kPiece = 1 << 22;

template <class Unpack>
Tensor matrix(std::int64_t rows, std::int64_t columns, const at::TensorOptions& options,
              const Unpack& unpack) {
  const torch::NoGradGuard no_grad;
  Tensor all = torch::empty({rows, columns}, options);
  const std::int64_t piece = std::max<std::int64_t>(kPiece / columns, 1);
  for (std::int64_t first = 0; first < rows; first += piece) {
    const std::int64_t count = std::min(piece, rows - first);
    Eigen::MatrixXf part(columns, count);
    unpack(first, part);
    all.narrow(0, first, count)
        .copy_(torch::from_blob(part.data(), {count, columns}, torch::kFloat32));
  }
  return all;
}

Tensor matrix(const LinearMap& map, const at::TensorOptions& options) {
  return matrix(map.rows(), map.columns(), options,
                [&](std::int64_t first, Eigen::MatrixXf& part) { map.unpack_rows(first, part); });
}

Tensor vector(const Eigen::VectorXf& numbers, const at::TensorOptions& options) {
  const torch::NoGradGuard no_grad;
  Tensor all = torch::empty({numbers.size()}, options);
  all.copy_(
      torch::from_blob(const_cast<float*>(numbers.data()), {numbers.size()}, torch::kFloat32));
  return all;
}

// That of the parameters: each matrix by itself, and nothing left to be added or multiplied.
Architecture as_used(const ModelWeights& weights) {
  Architecture a = weights.architecture();
  a.head_size = weights.head_size();
  a.norm_offset = 0;
  a.qkv_layout = QkvLayout::by_kind;
  a.gate_up_by_turns = a.transposed_experts = false;
  a.latent.rotated_key_size = 0;  // keys that turn have a matrix of their own
  if (a.delta_rule.strengths_by_key_head()) a.delta_rule.layout = DeltaRuleLayout::apart;
  a.multipliers = {};
  return a;
}

}  // namespace

// Makes the parameters of a module, block by block.
class DecoderModule::Builder final : public MixerParts {
 public:
  Builder(DecoderModule& module, const at::TensorOptions& options, bool mixtures)
      : module_(module), options_(options), mixtures_(mixtures), place_(&module) {
    blocks_ = module.register_module("blocks", std::make_shared<torch::nn::Module>());
  }

  // Of a block that can be run.
  void add(const BlockWeights& block, bool shares_norm) {
    block_ =
        blocks_->register_module(std::to_string(number_++), std::make_shared<torch::nn::Module>());
    place_ = block_.get();
    experts_.clear();
    for (std::size_t m = 0; m < block.mixers.size(); ++m) {
      const Mixer& mixer = block.mixers[m];
      norm_ = mixer.norm.kind == NormKind::none ? 0 : static_cast<std::int64_t>(m + 1);
      walk(mixer, shares_norm || block.mixers.size() == 1, *this);
    }
  }

  void projection(Role weight, Role bias, std::int64_t member, const Projection& projection,
                  bool of_norm) override {
    LinearParameters linear = {weight, number_, member, {}, {}, of_norm ? norm_ : 0};
    // In a model of mixtures a dense FFN is the only one of its block.
    const bool of_ffn =
        weight == Role::gate_weight || weight == Role::up_weight || weight == Role::down_weight;
    if (member < 0 && mixtures_ && of_ffn) member = 0;
    linear.weight = keep(weight, member, matrix(*projection.map, options_));
    if (projection.bias.size() > 0) {
      linear.bias = keep(bias, member, azimuth::vector(projection.bias, options_));
    }
    module_.parameters_.add(projection, std::move(linear));
  }

  void vector(Role role, const Eigen::VectorXf& vector, std::int64_t rows) override {
    const Tensor all = azimuth::vector(vector, options_);
    module_.parameters_.add(vector, keep(role, -1, rows > 1 ? all.view({rows, -1}) : all));
  }

  // Outside the blocks, before the first.
  void norm(Role weight, Role bias, const Norm& norm) {
    if (norm.weight.size() > 0) vector(weight, norm.weight, 1);
    if (norm.bias.size() > 0) vector(bias, norm.bias, 1);
  }

  Tensor keep(Role role, std::int64_t member, Tensor tensor) {
    const std::string name(name_of(role));
    torch::nn::Module& place = member < 0 ? *place_ : expert(member);
    const std::string within = block_ == nullptr ? "" : "blocks.{}.";
    module_.names_.patterns[role] = within + (member < 0 ? "" : "experts.{}.") + name;
    const auto there = place.named_parameters(/*recurse=*/false);
    const Tensor* const same = there.find(name);
    if (same == nullptr) return place.register_parameter(name, std::move(tensor));
    // A norm that two mixers read is one parameter.
    const bool alike = same->sizes() == tensor.sizes() &&
                       same->isclose(tensor, 0, 0, /*equal_nan=*/true).all().item<bool>();
    if (!alike) throw std::invalid_argument(name + " is two in one block");
    return *same;
  }

 private:
  torch::nn::Module& expert(std::int64_t member) {
    if (experts_.empty()) {
      all_experts_ = block_->register_module("experts", std::make_shared<torch::nn::Module>());
    }
    while (member >= std::ssize(experts_)) {
      experts_.push_back(all_experts_->register_module(std::to_string(experts_.size()),
                                                       std::make_shared<torch::nn::Module>()));
    }
    return *experts_[static_cast<std::size_t>(member)];
  }

  DecoderModule& module_;
  at::TensorOptions options_;
  bool mixtures_;
  torch::nn::Module* place_;
  std::int64_t number_ = 0;
  std::int64_t norm_ = 0;  // from 1, of the mixer that is walked; 0: it has none
  std::shared_ptr<torch::nn::Module> blocks_, block_, all_experts_;
  std::vector<std::shared_ptr<torch::nn::Module>> experts_;
};

DecoderModule::DecoderModule(const ModelWeights& weights, at::Device device, at::ScalarType type)
    : torch::nn::Module("Decoder"),
      architecture_(as_used(weights)),
      weights_(weights.for_sequences()) {
  if (type != torch::kFloat32 && type != torch::kBFloat16 && type != torch::kFloat64) {
    throw std::invalid_argument("a decoder's type is float32, bfloat16 or float64");
  }
  const at::TensorOptions options = torch::dtype(type).device(device);
  Builder builder(*this, options, architecture_.experts > 0);
  std::vector<std::int64_t> ids;
  embedding_ = builder.keep(Role::token_embedding, -1,
                            matrix(weights.vocab_size(), weights.hidden_size(), options,
                                   [&](std::int64_t first, Eigen::MatrixXf& part) {
                                     ids.resize(static_cast<std::size_t>(part.cols()));
                                     std::iota(ids.begin(), ids.end(), first);
                                     part = weights.token_embeddings(ids);
                                   }));
  if (weights_.positions != nullptr) {
    positions_ = builder.keep(Role::position_embedding, -1, matrix(*weights_.positions, options));
  }
  builder.norm(Role::embedding_norm_weight, Role::embedding_norm_bias, weights_.embedding_norm);
  builder.norm(Role::final_norm_weight, Role::final_norm_bias, weights_.final_norm);
  if (weights_.head) {
    builder.projection(Role::head_weight, Role::head_bias, -1, weights_.head, /*of_norm=*/false);
  } else {
    LinearParameters head = {Role::token_embedding, 0, -1, embedding_, {}, 0};
    if (weights_.head.bias.size() > 0) {
      head.bias = builder.keep(Role::head_bias, -1, vector(weights_.head.bias, options));
    }
    parameters_.add(weights_.head, std::move(head));
  }
  for (const BlockWeights& block : weights_.blocks) builder.add(block, architecture_.shared_norm);
}

Tensor DecoderModule::embedded(const Tensor& ids, AtenOperations& ops) const {
  Tensor states = at::embedding(embedding_, ids.flatten());
  if (architecture_.embedding_multiplier != 1) states = states * architecture_.embedding_multiplier;
  if (positions_.defined()) {
    const std::int64_t left = positions_.size(0) - architecture_.first_position_row;
    if (ops.length() > left) {
      throw std::invalid_argument("a sequence of " + std::to_string(ops.length()) +
                                  " tokens, where the model has " + std::to_string(left) +
                                  " positions");
    }
    const Tensor rows = positions_.narrow(0, architecture_.first_position_row, ops.length());
    states = states + rows.repeat({ops.batch(), 1});
  }
  return ops.normalised(weights_.embedding_norm, states);
}

Tensor DecoderModule::forward(const Tensor& ids, const Decoder::Tap& tap,
                              Products* products) const {
  if (ids.dim() != 2 || ids.scalar_type() != torch::kInt64 || ids.numel() == 0) {
    throw std::invalid_argument("token ids are not a matrix of int64, {batch, tokens}");
  }
  if (ids.is_cpu()) {
    for (const std::int64_t id : {ids.min().item<std::int64_t>(), ids.max().item<std::int64_t>()}) {
      if (id < 0 || id >= vocab_size()) {
        throw std::out_of_range("token id " + std::to_string(id) + " is not in the vocabulary of " +
                                std::to_string(vocab_size()));
      }
    }
  }
  AtenOperations ops(parameters_, products, ids.size(0), ids.size(1));
  const Tensor states = embedded(ids.to(embedding_.device()), ops);
  if (tap) tap(0, 0, states.view({ops.batch(), ops.length(), -1}));
  return logits(states, 0, tap, ops);
}

Tensor DecoderModule::continued(std::int64_t block, const Tensor& states,
                                Products* products) const {
  if (block < 0 || block > std::ssize(weights_.blocks) || states.dim() != 3 ||
      states.numel() == 0 || states.size(2) != embedding_.size(1)) {
    throw std::invalid_argument("not the residual stream behind a block");
  }
  AtenOperations ops(parameters_, products, states.size(0), states.size(1));
  return logits(states.flatten(0, 1), static_cast<std::size_t>(block), {}, ops);
}

Tensor DecoderModule::logits(Tensor states, std::size_t first, const Decoder::Tap& tap,
                             AtenOperations& ops) const {
  const auto show = [&](std::int64_t block, std::size_t mixer) {
    if (tap) tap(block, mixer, states.view({ops.batch(), ops.length(), -1}));
  };
  Carried<Tensor> carried;
  for (std::size_t b = first; b < weights_.blocks.size(); ++b) {
    const std::vector<Mixer>& mixers = weights_.blocks[b].mixers;
    Tensor read;
    for (std::size_t m = 0; m < mixers.size(); ++m) {
      if (!mixers[m].beside) read = states;
      states = states + output_of(mixers[m], read, carried, ops);
      show(static_cast<std::int64_t>(b + 1), m + 1);
    }
  }
  Tensor all = ops.product(weights_.head, ops.normalised(weights_.final_norm, states));
  const Sequences& s = architecture_.sequences;
  if (s.logit_scale != 1) all = all * s.logit_scale;
  if (s.logit_cap > 0) all = capped(all, s.logit_cap);
  return all.view({ops.batch(), ops.length(), -1});
}

std::vector<LinearParameters> DecoderModule::linear_maps() const {
  std::vector<LinearParameters> all = parameters_.linear_maps();
  const auto place = [](const LinearParameters& linear) {
    return std::tuple(linear.block, linear.role, linear.member);
  };
  std::ranges::sort(all, {}, place);
  return all;
}

std::string Decoder::why_not(const ModelWeights& weights) {
  class NoParts final : public MixerParts {
    void projection(Role, Role, std::int64_t, const Projection&, bool) override {}
    void vector(Role, const Eigen::VectorXf&, std::int64_t) override {}
  };
  const auto reason = [&](const std::string& why) {
    return "architecture " + weights.architecture().name + " cannot be run: " + why;
  };
  try {
    NoParts parts;
    for (const BlockWeights& block : weights.for_sequences().blocks) {
      if (block.streams) return reason("it has several residual streams");
      for (const Mixer& mixer : block.mixers) {
        const std::string why = walk(mixer, false, parts);
        if (!why.empty()) return reason(why);
      }
    }
  } catch (const std::logic_error& error) {
    return reason(error.what());
  }
  return "";
}

Decoder::Decoder(const ModelWeights& weights, at::Device device, at::ScalarType type) {
  const std::string why = why_not(weights);
  if (!why.empty()) throw std::invalid_argument(why);
  module_ = std::make_shared<DecoderModule>(weights, device, type);
}

Tensor Decoder::forward(const Tensor& ids, const Tap& tap, Products* products) const {
  return module_->forward(ids, tap, products);
}

Tensor Decoder::continued(std::int64_t block, const Tensor& states, Products* products) const {
  return module_->continued(block, states, products);
}

std::vector<LinearParameters> Decoder::linear_maps() const { return module_->linear_maps(); }

std::shared_ptr<torch::nn::Module> Decoder::module() const { return module_; }

const Architecture& Decoder::architecture() const { return module_->architecture(); }

const RoleNames& Decoder::role_names() const { return module_->role_names(); }

std::int64_t Decoder::vocab_size() const { return module_->vocab_size(); }

}  // namespace azimuth
