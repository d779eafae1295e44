#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "azimuth/model_weights.h"
#include "azimuth/snapshot_source.h"
#include "support/hooked_tensor.h"

namespace azimuth::testing {

/// A random LLaMA of a few thousand parameters in which a high-norm direction is planted as it
/// arises in real models: block 1's attention marks initial tokens, block 2's FFN turns the mark
/// into a vector of length `explosion` along `direction`, the last block takes `decay` of it away
/// again.
struct TinyLlama {
  static constexpr int hidden = 16, ffn = 24, heads = 4, kv_heads = 2, vocab = 64;
  int blocks = 5;
  double explosion = 1000;
  double decay = 0.8;
  Eigen::VectorXf direction;                                     ///< unit
  std::vector<std::pair<std::string, Eigen::MatrixXf>> tensors;  ///< Hugging Face names

  explicit TinyLlama(double explosion_ = 1000, unsigned seed = 1) : explosion(explosion_) {
    std::mt19937 random(seed);
    direction = gaussian(random, hidden, 1, 1).col(0).normalized();
    build(random);
  }

  static Architecture architecture() {
    return Architecture::llama({.heads = heads, .kv_heads = kv_heads, .special_token_ids = {1}});
  }

  Eigen::MatrixXf& tensor(const std::string& name) {
    for (auto& [n, matrix] : tensors) {
      if (n == name) return matrix;
    }
    throw std::out_of_range(name);
  }
  static std::string in_block(int block, const std::string& name) {
    return "model.layers." + std::to_string(block - 1) + "." + name;
  }

  /// Turns the planted direction towards a fixed other one.
  void turn(double degrees) {
    const float radians = static_cast<float>(degrees * 3.14159265358979 / 180);
    Eigen::VectorXf other = Eigen::VectorXf::Unit(hidden, 3);
    other = (other - other.dot(direction) * direction).normalized();
    set_direction(std::cos(radians) * direction + std::sin(radians) * other);
  }
  void set_direction(const Eigen::VectorXf& u) {
    direction = u.normalized();
    plant();
  }

  /// The weights as float32, copied.
  NamedTensors named_tensors() const {
    auto storage = std::make_shared<std::vector<std::vector<float>>>();
    NamedTensors named;
    for (const auto& [name, matrix] : tensors) {
      std::vector<float> values(static_cast<std::size_t>(matrix.size()));
      Eigen::Map<Eigen::Matrix<float, -1, -1, Eigen::RowMajor>>(values.data(), matrix.rows(),
                                                                matrix.cols()) = matrix;
      storage->push_back(std::move(values));
      NamedTensor tensor;
      tensor.name = name;
      tensor.view.shape = matrix.cols() == 1
                              ? std::vector<std::int64_t>{matrix.rows()}
                              : std::vector<std::int64_t>{matrix.rows(), matrix.cols()};
      tensor.view.data = reinterpret_cast<const std::byte*>(storage->back().data());
      named.parameter_count += matrix.size();
      named.tensors.push_back(std::move(tensor));
    }
    named.storage = storage;
    return named;
  }

  ModelWeights weights() const {
    return ModelWeights::from_tensors(architecture(), named_tensors());
  }

 private:
  static Eigen::MatrixXf gaussian(std::mt19937& random, int rows, int columns, float deviation) {
    std::normal_distribution<float> normal(0, deviation);
    return Eigen::MatrixXf::NullaryExpr(rows, columns, [&] { return normal(random); });
  }

  void build(std::mt19937& random) {
    const int head = hidden / heads;
    tensors.emplace_back("model.embed_tokens.weight", gaussian(random, vocab, hidden, 0.5f));
    tensor("model.embed_tokens.weight").col(0).array() += 4;  // what all tokens have in common
    tensor("model.embed_tokens.weight").col(1).setZero();     // where the mark will stand
    for (int b = 1; b <= blocks; ++b) {
      const auto add = [&](const std::string& name, Eigen::MatrixXf m) {
        tensors.emplace_back(in_block(b, name), std::move(m));
      };
      add("input_layernorm.weight", gaussian(random, hidden, 1, 0.05f).array() + 1);
      add("self_attn.q_proj.weight", gaussian(random, hidden, hidden, 0.1f));
      add("self_attn.k_proj.weight", gaussian(random, kv_heads * head, hidden, 0.1f));
      add("self_attn.v_proj.weight", gaussian(random, kv_heads * head, hidden, 0.02f));
      add("self_attn.o_proj.weight", gaussian(random, hidden, hidden, 0.02f));
      add("post_attention_layernorm.weight", gaussian(random, hidden, 1, 0.05f).array() + 1);
      add("mlp.gate_proj.weight", gaussian(random, ffn, hidden, 0.1f));
      add("mlp.up_proj.weight", gaussian(random, ffn, hidden, 0.1f));
      add("mlp.down_proj.weight", gaussian(random, hidden, ffn, 0.05f));
    }
    tensors.emplace_back("model.norm.weight", Eigen::MatrixXf::Ones(hidden, 1));
    plant();
  }

  void plant() {
    const Eigen::VectorXf mark = Eigen::VectorXf::Unit(hidden, 1);
    // The mark: value 0 reads what all tokens have in common, the output writes it as `mark`.
    tensor(in_block(1, "self_attn.v_proj.weight")).row(0) = Eigen::VectorXf::Unit(hidden, 0);
    tensor(in_block(1, "self_attn.o_proj.weight")).col(0) = 0.4f * mark;
    // The explosion: FFN row 0 of block 2 sees the mark.
    tensor(in_block(2, "mlp.gate_proj.weight")).row(0) = 8 * mark;
    tensor(in_block(2, "mlp.up_proj.weight")).row(0) = 4 * mark;
    tensor(in_block(2, "mlp.down_proj.weight")).col(0) =
        static_cast<float>(explosion / 20) * direction;
    // The decay: the last block's FFN sees the direction, which fills its input, and takes it away.
    const float z = std::sqrt(static_cast<float>(hidden));
    tensor(in_block(blocks, "mlp.gate_proj.weight")).row(0) = 2 * direction;
    tensor(in_block(blocks, "mlp.up_proj.weight")).row(0) = direction;
    tensor(in_block(blocks, "mlp.down_proj.weight")).col(0) =
        -static_cast<float>(decay * explosion / (2 * z * z)) * direction;
  }
};

/// A training program for the monitor's own tests: its weights are a TinyLlama that the test
/// changes between steps. `before_capture`, if set, is called by each capture and may throw;
/// `on_product`, if set before `attach`, by each product of one matrix of block 1.
class TinySource final : public SnapshotSource {
 public:
  explicit TinySource(
      std::shared_ptr<TinyLlama> model,
      std::vector<std::int64_t> special_token_ids = TinyLlama::architecture().special_token_ids)
      : model_(std::move(model)) {
    architecture_.special_token_ids = std::move(special_token_ids);
  }

  std::function<void()> before_capture;
  ProductHook on_product;

  const Architecture& architecture() const override { return architecture_; }
  std::int64_t vocab_size() const override { return TinyLlama::vocab; }
  std::int64_t hidden_size() const override { return TinyLlama::hidden; }
  std::int64_t block_count() const override { return model_->blocks; }
  ModelWeights capture(std::span<const std::int64_t>, bool) override {
    if (before_capture) before_capture();
    NamedTensors tensors = model_->named_tensors();
    if (on_product) hook(tensors);
    return ModelWeights::from_tensors(architecture_, std::move(tensors));
  }
  std::int64_t extra_bytes() const override { return 4096; }

 private:
  void hook(NamedTensors& tensors) const {
    const std::string name = TinyLlama::in_block(1, "mlp.down_proj.weight");
    NamedTensor& tensor = *std::ranges::find(tensors.tensors, name, &NamedTensor::name);
    tensor.device = std::make_shared<HookedTensor>(tensor.view, on_product);
    tensor.view.data = nullptr;
  }

  std::shared_ptr<TinyLlama> model_;
  Architecture architecture_ = TinyLlama::architecture();
};

}  // namespace azimuth::testing
