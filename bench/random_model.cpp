#include "random_model.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace azimuth::bench {
namespace {

using Buffers = std::vector<std::vector<std::byte>>;

// Stores numbers, cut to bfloat16's, as `type`: as float32 they are the same. Blocks of quantised
// types are filled with their own random bits and a scale that keeps the size of the numbers.
std::vector<std::byte> stored(const Eigen::MatrixXf& rows, StoredType type, std::mt19937& random) {
  TensorView view{type, {rows.cols(), rows.rows()}, nullptr};  // a column of `rows` is a stored row
  std::vector<std::byte> bytes(static_cast<std::size_t>(view.bytes()));
  if (type == StoredType::f32 || type == StoredType::bf16) {
    const std::size_t size = bytes.size() / static_cast<std::size_t>(rows.size());
    for (Eigen::Index i = 0; i < rows.size(); ++i) {
      const std::uint32_t cut = std::bit_cast<std::uint32_t>(rows.data()[i]) & 0xffff0000;
      const std::uint32_t word = type == StoredType::f32 ? cut : cut >> 16;  // little-endian
      std::memcpy(bytes.data() + static_cast<std::size_t>(i) * size, &word, size);
    }
  } else {
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    const auto block = static_cast<std::size_t>(block_bytes(type));
    const std::uint16_t scale = 0x1800;    // 2^-9 as float16
    const std::uint16_t minimum = 0xa000;  // -2^-7
    for (std::size_t at = 0; at < bytes.size(); at += block) {
      std::memcpy(bytes.data() + at, &scale, 2);
      if (type == StoredType::q4_1) std::memcpy(bytes.data() + at + 2, &minimum, 2);
    }
  }
  return bytes;
}

}  // namespace

ModelWeights random_model(const RandomModel& options) {
  constexpr std::int64_t kVocab = 64;
  const std::int64_t d = options.hidden_size;
  const std::int64_t f = options.ffn_size;
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  NamedTensors tensors;
  const auto buffers = std::make_shared<Buffers>();
  const auto add = [&](const std::string& name, const std::vector<std::int64_t>& shape,
                       const std::vector<std::byte>& bytes, StoredType type) {
    buffers->push_back(bytes);
    NamedTensor tensor;
    tensor.name = name + ".weight";
    tensor.view = {type, shape, buffers->back().data()};
    tensors.parameter_count += tensor.view.size();
    tensors.tensors.push_back(std::move(tensor));
  };
  const auto direction = [&](std::int64_t size) -> Eigen::VectorXf {
    return Eigen::VectorXf::NullaryExpr(size, [&](auto) { return normal(random); }).normalized();
  };
  // An output is a column of `rows`.
  const auto random_rows = [&](std::int64_t outputs, std::int64_t inputs) -> Eigen::MatrixXf {
    const float scale = 1 / std::sqrt(static_cast<float>(inputs));
    return scale *
           Eigen::MatrixXf::NullaryExpr(inputs, outputs, [&](auto) { return normal(random); });
  };
  const auto matrix = [&](const std::string& name, const Eigen::MatrixXf& rows) {
    add(name, {rows.cols(), rows.rows()}, stored(rows, options.type, random), options.type);
  };
  const auto vector = [&](const std::string& name) {
    const Eigen::MatrixXf ones = Eigen::MatrixXf::Ones(d, 1);
    add(name, {d}, stored(ones, StoredType::f32, random), StoredType::f32);
  };
  add("embed_tokens", {kVocab, d},
      stored(Eigen::MatrixXf::NullaryExpr(d, kVocab, [&](auto) { return normal(random); }),
             StoredType::f32, random),
      StoredType::f32);
  for (std::int64_t b = 0; b < options.blocks; ++b) {
    const std::string block = "layers." + std::to_string(b) + ".";
    vector(block + "input_layernorm");
    matrix(block + "self_attn.v_proj", random_rows(d, d));
    matrix(block + "self_attn.o_proj", random_rows(d, d));
    vector(block + "post_attention_layernorm");
    Eigen::MatrixXf gate = random_rows(f, d);
    Eigen::MatrixXf up = random_rows(f, d);
    Eigen::MatrixXf down = random_rows(d, f);
    const auto strength = static_cast<float>(options.planted);
    const Eigen::VectorXf read = strength * direction(d);
    gate.col(0) += read;
    up.col(0) += read;
    down.row(0) += strength * direction(d);
    matrix(block + "mlp.gate_proj", gate);
    matrix(block + "mlp.up_proj", up);
    matrix(block + "mlp.down_proj", down);
  }
  tensors.storage = buffers;
  return ModelWeights::from_tensors(Architecture::llama({.heads = d / 64}), std::move(tensors));
}

}  // namespace azimuth::bench
