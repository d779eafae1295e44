#pragma once

#include <Eigen/Core>
#include <Eigen/QR>
#include <Eigen/SVD>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "azimuth/model_weights.h"

namespace azimuth::testing {

/// A random LLaMA large enough to be told from another, and what may be done to it. Models of
/// different seeds share what a common language gives their embeddings, and nothing else.
class AuditedModel {
 public:
  static constexpr int ffn = 128, heads = 4, kv_heads = 2, head_size = 16, vocab = 768, blocks = 4;
  std::vector<std::pair<std::string, Eigen::MatrixXf>> tensors;  ///< Hugging Face names
  bool quantised_embedding = false;                              ///< stored as Q8_0

  explicit AuditedModel(unsigned seed, int hidden = 32) : random_(seed) {
    std::mt19937 language(99);
    const Eigen::MatrixXf meaning = gaussian(language, vocab, 24);
    add("model.embed_tokens.weight",
        meaning * gaussian(random_, 24, hidden) / 5 + gaussian(random_, vocab, hidden) / 3);
    for (int b = 0; b < blocks; ++b) {
      const auto matrix = [&](const std::string& name, int rows, int columns) {
        add(at(b, name), gaussian(random_, rows, columns) / 5);
      };
      const auto norm = [&](const std::string& name) {
        add(at(b, name), (gaussian(random_, hidden, 1).array() / 4).exp().matrix());
      };
      norm("input_layernorm");
      matrix("self_attn.q_proj", heads * head_size, hidden);
      matrix("self_attn.k_proj", kv_heads * head_size, hidden);
      matrix("self_attn.v_proj", kv_heads * head_size, hidden);
      matrix("self_attn.o_proj", hidden, heads * head_size);
      norm("post_attention_layernorm");
      matrix("mlp.gate_proj", ffn, hidden);
      matrix("mlp.up_proj", ffn, hidden);
      matrix("mlp.down_proj", hidden, ffn);
    }
    add("model.norm.weight", Eigen::MatrixXf::Ones(hidden, 1));
  }

  static std::string at(int block, const std::string& name) {
    return "model.layers." + std::to_string(block) + "." + name + ".weight";
  }
  Eigen::MatrixXf& tensor(const std::string& name) {
    for (auto& [n, matrix] : tensors) {
      if (n == name) return matrix;
    }
    throw std::out_of_range(name);
  }
  int block_count() const { return static_cast<int>(tensors.size() - 2) / 9; }
  int hidden() const { return static_cast<int>(tensors.front().second.cols()); }

  AuditedModel& add_noise(float deviation) {
    for (auto& [name, matrix] : tensors) {
      if (matrix.cols() > 1) {
        matrix += deviation / 5 * gaussian(random_, matrix.rows(), matrix.cols());
      }
    }
    return *this;
  }

  /// New row i is old row order[i], which may be fewer.
  AuditedModel& take_neurons(int block, const std::vector<int>& order) {
    for (const char* name : {"mlp.gate_proj", "mlp.up_proj"}) {
      tensor(at(block, name)) = tensor(at(block, name))(order, Eigen::all).eval();
    }
    tensor(at(block, "mlp.down_proj")) =
        tensor(at(block, "mlp.down_proj"))(Eigen::all, order).eval();
    return *this;
  }

  AuditedModel& permute_neurons() {
    for (int b = 0; b < block_count(); ++b) take_neurons(b, shuffled(ffn));
    return *this;
  }

  /// Within heads. (The output is not what is looked at, and stays.)
  AuditedModel& permute_values() {
    for (int b = 0; b < block_count(); ++b) {
      Eigen::MatrixXf& values = tensor(at(b, "self_attn.v_proj"));
      for (int head = 0; head < kv_heads; ++head) {
        auto rows = values.middleRows(head * head_size, head_size);
        rows = rows(shuffled(head_size), Eigen::all).eval();
      }
    }
    return *this;
  }

  AuditedModel& exchange_heads() {
    for (int b = 0; b < block_count(); ++b) {
      Eigen::MatrixXf& values = tensor(at(b, "self_attn.v_proj"));
      const Eigen::MatrixXf first = values.topRows(head_size);
      values.topRows(head_size) = values.bottomRows(head_size).eval();
      values.bottomRows(head_size) = first;
    }
    return *this;
  }

  /// The residual stream, with the norms folded into the matrices behind them.
  AuditedModel& rotate() {
    return fold_norms().turn(
        Eigen::HouseholderQR<Eigen::MatrixXf>(gaussian(random_, hidden(), hidden()))
            .householderQ());
  }

  AuditedModel& fold_norms() {
    for (int b = 0; b < block_count(); ++b) {
      const auto fold = [&](const std::string& norm, std::initializer_list<const char*> names) {
        Eigen::MatrixXf& scale = tensor(at(b, norm));
        for (const char* name : names) {
          Eigen::MatrixXf& matrix = tensor(at(b, name));
          matrix = (matrix * scale.col(0).asDiagonal()).eval();
        }
        scale.setOnes();
      };
      fold("input_layernorm", {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"});
      fold("post_attention_layernorm", {"mlp.gate_proj", "mlp.up_proj"});
    }
    return *this;
  }

  /// By an orthogonal matrix, where the norms are folded.
  AuditedModel& turn(const Eigen::MatrixXf& q) {
    tensor("model.embed_tokens.weight") *= q;
    for (int b = 0; b < block_count(); ++b) {
      for (const char* name : {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
                               "mlp.gate_proj", "mlp.up_proj"}) {
        tensor(at(b, name)) *= q;
      }
      for (const char* name : {"self_attn.o_proj", "mlp.down_proj"}) {
        tensor(at(b, name)) = (q.transpose() * tensor(at(b, name))).eval();
      }
    }
    return *this;
  }

  /// Turns the residual stream so that gate and up rows of the first neurons of each block come as
  /// near to those of `other` as one rotation can bring them.
  AuditedModel& turn_onto(AuditedModel& other, int neurons) {
    Eigen::MatrixXf products = Eigen::MatrixXf::Zero(hidden(), hidden());
    fold_norms();
    for (const char* name : {"mlp.gate_proj", "mlp.up_proj"}) {
      const std::string norm = at(2, "post_attention_layernorm");
      const Eigen::MatrixXf theirs =
          other.tensor(at(2, name)).topRows(neurons) * other.tensor(norm).col(0).asDiagonal();
      products += tensor(at(2, name)).topRows(neurons).transpose() * theirs;
    }
    const Eigen::JacobiSVD<Eigen::MatrixXf> svd(products,
                                                Eigen::ComputeFullU | Eigen::ComputeFullV);
    return turn(svd.matrixU() * svd.matrixV().transpose());
  }

  AuditedModel& replace_embeddings() {
    tensor("model.embed_tokens.weight") = gaussian(random_, vocab, hidden());
    return *this;
  }

  AuditedModel& remove_block(int block) {
    const std::string prefix = "model.layers.";
    std::vector<std::pair<std::string, Eigen::MatrixXf>> kept;
    for (auto& [name, matrix] : tensors) {
      if (!name.starts_with(prefix)) {
        kept.emplace_back(name, matrix);
        continue;
      }
      const int number = name[prefix.size()] - '0';
      if (number == block) continue;
      std::string renamed = name;
      if (number > block) --renamed[prefix.size()];
      kept.emplace_back(renamed, matrix);
    }
    tensors = std::move(kept);
    return *this;
  }

  /// Puts the neurons into the order in which those of `release` come that are nearest to them: how
  /// an owner frames somebody whose release he holds.
  AuditedModel& frame(AuditedModel& release) {
    for (int b = 0; b < block_count(); ++b) {
      const auto rows = [&](AuditedModel& model) {
        Eigen::MatrixXf gate = model.tensor(at(b, "mlp.gate_proj")) *
                               model.tensor(at(b, "post_attention_layernorm")).col(0).asDiagonal();
        gate.rowwise().normalize();
        return gate;
      };
      const Eigen::MatrixXf cosines = rows(*this) * rows(release).transpose();
      std::vector<Eigen::Index> nearest(ffn);
      for (int i = 0; i < ffn; ++i) {
        cosines.row(i).maxCoeff(&nearest[static_cast<std::size_t>(i)]);
      }
      std::vector<int> order(ffn);
      std::iota(order.begin(), order.end(), 0);
      std::ranges::stable_sort(order, {},
                               [&](int i) { return nearest[static_cast<std::size_t>(i)]; });
      take_neurons(b, order);
    }
    return *this;
  }

  /// Puts the neurons of each block of `from` behind the own ones, as `map` (from × own
  /// coordinates) finds them: their vectors scaled, and what they add to the residual stream
  /// random.
  AuditedModel& add_neurons(AuditedModel& from, const Eigen::MatrixXf& map, float gate, float up,
                            float down) {
    for (int b = 0; b < block_count(); ++b) {
      const std::string norm = at(b, "post_attention_layernorm");
      const auto add_rows = [&](const char* name, float scale) {
        const Eigen::MatrixXf theirs = scale * from.tensor(at(b, name)) *
                                       from.tensor(norm).col(0).asDiagonal() * map *
                                       tensor(norm).col(0).cwiseInverse().asDiagonal();
        Eigen::MatrixXf& own = tensor(at(b, name));
        const Eigen::Index had = own.rows();
        own.conservativeResize(had + theirs.rows(), Eigen::NoChange);
        own.bottomRows(theirs.rows()) = theirs;
      };
      add_rows("mlp.gate_proj", gate);
      add_rows("mlp.up_proj", up);
      Eigen::MatrixXf& own = tensor(at(b, "mlp.down_proj"));
      const Eigen::Index added = from.tensor(at(b, "mlp.down_proj")).cols();
      own.conservativeResize(Eigen::NoChange, own.cols() + added);
      own.rightCols(added) = gaussian(random_, own.rows(), added) * down / 5;
    }
    return *this;
  }

  static Architecture architecture() {
    Architecture a =
        Architecture::llama({.heads = heads, .kv_heads = kv_heads, .special_token_ids = {1}});
    a.head_size = head_size;
    return a;
  }

  ModelWeights weights(Architecture of = architecture()) const {
    NamedTensors named;
    auto storage = std::make_shared<std::vector<std::string>>();
    for (const auto& [name, matrix] : tensors) {
      NamedTensor tensor;
      tensor.name = name;
      tensor.view.shape = shape(matrix);
      if (quantised_embedding && name == "model.embed_tokens.weight") {
        tensor.view.type = StoredType::q8_0;
        storage->push_back(q8_0(matrix));
      } else {
        storage->push_back(bytes(matrix));
      }
      named.parameter_count += matrix.size();
      named.tensors.push_back(std::move(tensor));
    }
    for (std::size_t i = 0; i < storage->size(); ++i) {
      named.tensors[i].view.data = reinterpret_cast<const std::byte*>((*storage)[i].data());
    }
    named.storage = storage;
    return ModelWeights::from_tensors(std::move(of), std::move(named));
  }

  static std::vector<std::int64_t> shape(const Eigen::MatrixXf& matrix) {
    if (matrix.cols() == 1) return {matrix.rows()};
    return {matrix.rows(), matrix.cols()};
  }
  /// float32, row by row.
  static std::string bytes(const Eigen::MatrixXf& matrix) {
    const Eigen::Matrix<float, -1, -1, Eigen::RowMajor> rows = matrix;
    return {reinterpret_cast<const char*>(rows.data()),
            static_cast<std::size_t>(rows.size()) * sizeof(float)};
  }

 private:
  static Eigen::MatrixXf gaussian(std::mt19937& random, Eigen::Index rows, Eigen::Index columns) {
    std::normal_distribution<float> normal;
    return Eigen::MatrixXf::NullaryExpr(rows, columns, [&] { return normal(random); });
  }

  // Every block of 32 numbers in steps of 1/32, which is 0x2800 in half precision.
  static std::string q8_0(const Eigen::MatrixXf& matrix) {
    std::string out;
    for (Eigen::Index row = 0; row < matrix.rows(); ++row) {
      for (Eigen::Index column = 0; column < matrix.cols(); ++column) {
        if (column % 32 == 0) out += std::string("\x00\x28", 2);
        const float steps = std::clamp(std::round(matrix(row, column) * 32), -127.0f, 127.0f);
        out.push_back(static_cast<char>(static_cast<std::int8_t>(steps)));
      }
    }
    return out;
  }

  std::vector<int> shuffled(int n) {
    std::vector<int> order(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), 0);
    std::ranges::shuffle(order, random_);
    return order;
  }

  void add(const std::string& name, Eigen::MatrixXf matrix) {
    tensors.emplace_back(name, std::move(matrix));
  }

  std::mt19937 random_;
};

}  // namespace azimuth::testing
