#include "azimuth/model_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>
#include <set>

#include "azimuth/device_tensor.h"
#include "azimuth/host_map.h"
#include "azimuth/workers.h"
#include "support/tiny_llama.h"

namespace azimuth {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::TinyLlama;

std::string why(const std::function<void()>& f) {
  try {
    f();
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "nothing was thrown";
}

NamedTensors renamed(NamedTensors tensors,
                     const std::vector<std::pair<std::string, std::string>>& changes) {
  for (NamedTensor& tensor : tensors.tensors) {
    for (const auto& [from, to] : changes) {
      const std::size_t at = tensor.name.find(from);
      if (at != std::string::npos) tensor.name.replace(at, from.size(), to);
    }
  }
  return tensors;
}

TEST(ModelWeights, ReadsSizesFromTheWeights) {
  const ModelWeights weights = TinyLlama().weights();
  EXPECT_EQ(weights.hidden_size(), TinyLlama::hidden);
  EXPECT_EQ(weights.ffn_size(), TinyLlama::ffn);
  EXPECT_EQ(weights.vocab_size(), TinyLlama::vocab);
  EXPECT_EQ(weights.head_size(), TinyLlama::hidden / TinyLlama::heads);
  EXPECT_EQ(weights.blocks().size(), 5u);
}

TEST(ModelWeights, KnowsTheNamesOfHuggingFaceMetaAndGguf) {
  const TinyLlama model;
  const std::string fingerprint = model.weights().fingerprint();
  const auto check = [&](const std::vector<std::pair<std::string, std::string>>& changes) {
    const ModelWeights weights = ModelWeights::from_tensors(
        TinyLlama::architecture(), renamed(model.named_tensors(), changes));
    EXPECT_EQ(weights.fingerprint(), fingerprint);
  };
  check({{"model.", "module.model."}});
  check({{"model.", ""}});
  check({{"model.embed_tokens", "tok_embeddings"},
         {"model.layers", "layers"},
         {"self_attn.q_proj", "attention.wq"},
         {"self_attn.k_proj", "attention.wk"},
         {"self_attn.v_proj", "attention.wv"},
         {"self_attn.o_proj", "attention.wo"},
         {"input_layernorm", "attention_norm"},
         {"post_attention_layernorm", "ffn_norm"},
         {"mlp.gate_proj", "feed_forward.w1"},
         {"mlp.up_proj", "feed_forward.w3"},
         {"mlp.down_proj", "feed_forward.w2"},
         {"model.norm", "norm"}});
  check({{"model.embed_tokens", "token_embd"},
         {"model.layers", "blk"},
         {"self_attn.q_proj", "attn_q"},
         {"self_attn.k_proj", "attn_k"},
         {"self_attn.v_proj", "attn_v"},
         {"self_attn.o_proj", "attn_output"},
         {"input_layernorm", "attn_norm"},
         {"post_attention_layernorm", "ffn_norm"},
         {"mlp.gate_proj", "ffn_gate"},
         {"mlp.up_proj", "ffn_up"},
         {"mlp.down_proj", "ffn_down"},
         {"model.norm", "output_norm"}});
}

TEST(ModelWeights, TakesOtherNamesFromATable) {
  const TinyLlama model;
  const NamedTensors odd = renamed(model.named_tensors(), {{"mlp.up_proj.weight", "mlp.rise"}});
  EXPECT_THROW(ModelWeights::from_tensors(TinyLlama::architecture(), odd), std::invalid_argument);
  const ModelWeights weights =
      ModelWeights::from_tensors(TinyLlama::architecture(), odd,
                                 {.patterns = {{Role::up_weight, "model.layers.{}.mlp.rise"}}});
  EXPECT_EQ(weights.fingerprint(), model.weights().fingerprint());
}

TEST(ModelWeights, NamesMissingRolesAndWhatCouldPlayThem) {
  const TinyLlama model;
  EXPECT_THAT(why([&] {
                ModelWeights::from_tensors(
                    TinyLlama::architecture(),
                    renamed(model.named_tensors(), {{"layers.3.mlp.down_proj", "odd"}}));
              }),
              AllOf(HasSubstr("down_weight of block 4"), HasSubstr("are model.odd.weight;")));
  EXPECT_THAT(why([&] {
                Architecture unknown = TinyLlama::architecture();
                unknown.name = "mamba";
                ModelWeights::from_tensors(unknown, model.named_tensors());
              }),
              AllOf(HasSubstr("mamba"), HasSubstr("llama"), HasSubstr("gpt2")));
}

TEST(ModelWeights, NamesATensorOfTheWrongShape) {
  TinyLlama model;
  model.tensor(TinyLlama::in_block(2, "mlp.down_proj.weight")).resize(TinyLlama::hidden, 23);
  EXPECT_THAT(why([&] { model.weights(); }), AllOf(HasSubstr("model.layers.1.mlp.down_proj.weight"),
                                                   HasSubstr("{16, 23}"), HasSubstr("{16, 24}")));
}

TEST(ModelWeights, FingerprintAndDigestFollowEveryWeight) {
  TinyLlama model;
  const std::string before = model.weights().fingerprint();
  const std::string digest = model.weights().digest();
  EXPECT_EQ(digest.size(), 64u);
  EXPECT_EQ(model.weights().digest(), digest);
  model.tensor(TinyLlama::in_block(3, "mlp.up_proj.weight"))(5, 5) += 1e-3f;
  EXPECT_NE(model.weights().fingerprint(), before);
  EXPECT_NE(model.weights().digest(), digest);
  TinyLlama other;
  other.tensor(TinyLlama::in_block(3, "self_attn.q_proj.weight"))(0, 0) += 1;
  EXPECT_EQ(other.weights().fingerprint(), before) << "the pass does not read queries";
  EXPECT_NE(other.weights().digest(), digest) << "the digest is of all tensors";
}

TEST(ModelWeights, ATiedHeadIsOneModelHoweverItIsStored) {
  const TinyLlama model;
  const NamedTensors bare = model.named_tensors();
  const ModelWeights tied = ModelWeights::from_tensors(TinyLlama::architecture(), bare);
  const auto with_head = [&](const NamedTensor& head, std::int64_t counted) {
    NamedTensors tensors = bare;
    tensors.tensors.push_back(head);
    tensors.tensors.back().name = "lm_head.weight";
    tensors.parameter_count += counted;
    return ModelWeights::from_tensors(TinyLlama::architecture(), tensors);
  };
  const NamedTensor& embedding = bare.tensors.front();
  ASSERT_EQ(embedding.name, "model.embed_tokens.weight");
  std::vector<std::byte> copy(embedding.view.data, embedding.view.data + embedding.view.bytes());
  NamedTensor head = embedding;
  head.view.data = copy.data();
  const std::int64_t size = head.view.size();
  for (const ModelWeights& same :
       {with_head(head, size), with_head(head, 0), with_head(embedding, 0)}) {
    EXPECT_EQ(same.digest(), tied.digest());
    EXPECT_EQ(same.sizes().parameter_count, bare.parameter_count);
  }
  NamedTensor flat = head;  // the same bytes in another shape
  flat.view.shape = {TinyLlama::vocab / 2, 2 * TinyLlama::hidden};
  EXPECT_NE(with_head(flat, size).digest(), tied.digest());
  EXPECT_EQ(with_head(flat, size).sizes().parameter_count, bare.parameter_count + size);
  copy.back() ^= std::byte{1};
  EXPECT_NE(with_head(head, size).digest(), tied.digest());
  EXPECT_EQ(with_head(head, size).sizes().parameter_count, bare.parameter_count + size);
}

TEST(ModelWeights, FingerprintDoesNotDependOnThreads) {
  const ModelWeights weights = TinyLlama().weights();
  Workers three(3);
  EXPECT_EQ(weights.fingerprint(three), weights.fingerprint());
}

std::uint16_t rounded(float value) {  // by arithmetic, of a normal number
  int exponent = 0;
  const float mantissa = std::frexp(value, &exponent);
  const float nearest = std::ldexp(std::nearbyint(std::ldexp(mantissa, 8)), exponent - 8);
  return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(nearest) >> 16);
}

/// The weights in another stored type: rounded, or widened to float32.
ModelWeights stored_as(StoredType type, const NamedTensors& tensors) {
  auto storage = std::make_shared<std::vector<std::vector<std::byte>>>();
  NamedTensors stored = tensors;
  for (NamedTensor& tensor : stored.tensors) {
    std::vector<float> values(static_cast<std::size_t>(tensor.view.size()));
    unpack(tensor.view, 0, tensor.view.rows(), values.data());
    std::vector<std::byte> bytes(values.size() * (type == StoredType::f32 ? 4 : 2));
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (type == StoredType::f32) {
        std::memcpy(bytes.data() + 4 * i, &values[i], 4);
      } else {
        const std::uint16_t half = rounded(values[i]);
        std::memcpy(bytes.data() + 2 * i, &half, 2);
      }
    }
    storage->push_back(std::move(bytes));
    tensor.view.type = type;
    tensor.view.data = storage->back().data();
  }
  using Both = std::pair<std::shared_ptr<void>, std::shared_ptr<const void>>;
  stored.storage = std::make_shared<Both>(storage, tensors.storage);
  return ModelWeights::from_tensors(TinyLlama::architecture(), stored);
}

std::string bfloat16_digest(const ModelWeights& weights) {
  Workers workers(2);
  return weights.bfloat16_digest(workers);
}

TEST(ModelWeights, Bfloat16DigestSurvivesAChangeOfType) {
  TinyLlama model;
  const NamedTensors wide = model.named_tensors();
  const ModelWeights original = model.weights();
  const ModelWeights narrow = stored_as(StoredType::bf16, wide);
  EXPECT_EQ(bfloat16_digest(original).size(), 64u);
  EXPECT_EQ(bfloat16_digest(narrow), bfloat16_digest(original));
  EXPECT_NE(narrow.digest(), original.digest());
  EXPECT_EQ(narrow.stored_types(), std::vector{StoredType::bf16});

  float& weight = model.tensor(TinyLlama::in_block(3, "self_attn.q_proj.weight"))(1, 2);
  weight = 1;
  const std::string before = bfloat16_digest(model.weights());
  weight = 1 + 0x1p-8f;  // half-way to the next, which is odd
  EXPECT_EQ(bfloat16_digest(model.weights()), before);
  weight = 1 + 0x1p-8f + 0x1p-20f;
  EXPECT_NE(bfloat16_digest(model.weights()), before);
}

TEST(ModelWeights, Bfloat16DigestIsOfShapesAndPlacesToo) {
  const TinyLlama model;
  const auto swapped = [&](const char* a, const char* b) {
    NamedTensors tensors = model.named_tensors();
    const auto at = [&](const char* name) -> TensorView& {
      return std::ranges::find(tensors.tensors, TinyLlama::in_block(2, name), &NamedTensor::name)
          ->view;
    };
    std::swap(at(a), at(b));
    return bfloat16_digest(ModelWeights::from_tensors(TinyLlama::architecture(), tensors));
  };
  const std::string digest = bfloat16_digest(model.weights());
  EXPECT_NE(swapped("mlp.gate_proj.weight", "mlp.up_proj.weight"), digest);
  EXPECT_NE(swapped("input_layernorm.weight", "post_attention_layernorm.weight"), digest);
  Workers three(3);
  EXPECT_EQ(model.weights().bfloat16_digest(three), digest);
}

TEST(ModelWeights, Bfloat16DigestLeavesOutAHeadThatRoundsToTheEmbedding) {
  const TinyLlama model;
  const NamedTensors bare = model.named_tensors();
  const std::string tied =
      bfloat16_digest(ModelWeights::from_tensors(TinyLlama::architecture(), bare));
  std::vector<float> head(static_cast<std::size_t>(bare.tensors.front().view.size()));
  std::memcpy(head.data(), bare.tensors.front().view.data, head.size() * sizeof(float));
  const auto with_head = [&] {
    NamedTensors tensors = bare;
    tensors.tensors.push_back(bare.tensors.front());
    tensors.tensors.back().name = "lm_head.weight";
    tensors.tensors.back().view.data = reinterpret_cast<const std::byte*>(head.data());
    return ModelWeights::from_tensors(TinyLlama::architecture(), tensors);
  };
  EXPECT_EQ(bfloat16_digest(with_head()), tied);
  for (float& value : head) {
    value = std::bit_cast<float>(std::uint32_t{rounded(value)} << 16);  // other bytes
  }
  EXPECT_EQ(bfloat16_digest(with_head()), tied);
  EXPECT_NE(with_head().digest(),
            ModelWeights::from_tensors(TinyLlama::architecture(), bare).digest());
  head.back() *= 1.5f;
  EXPECT_NE(bfloat16_digest(with_head()), tied);
}

TEST(ModelWeights, Bfloat16DigestOfUpdatesAndRowsFollowsThem) {
  const TinyLlama model;
  const ModelWeights bare = model.weights();
  const auto updated = [&](float a) {
    LowRankUpdate update = {TinyLlama::in_block(2, "mlp.up_proj.weight"),
                            Eigen::MatrixXf::Constant(1, TinyLlama::hidden, a),
                            Eigen::MatrixXf::Ones(TinyLlama::ffn, 1)};
    return bfloat16_digest(bare.with_updates({update}));
  };
  EXPECT_NE(updated(1), bfloat16_digest(bare));
  EXPECT_NE(updated(1), updated(2));
  EXPECT_EQ(updated(1), updated(1 + 0x1p-12f));
  std::vector<float> row(TinyLlama::hidden, 0.5f);
  const auto with_row = [&](std::int64_t id) {
    NamedTensor rows;
    rows.name = "model.embed_tokens.weight";
    rows.view = {StoredType::f32,
                 {TinyLlama::vocab, TinyLlama::hidden},
                 reinterpret_cast<const std::byte*>(row.data())};
    rows.row_ids = {id};
    NamedTensors replaced;
    replaced.tensors = {rows};
    return bfloat16_digest(bare.with_tensors(replaced));
  };
  const std::string third = with_row(3);
  EXPECT_NE(third, bfloat16_digest(bare));
  EXPECT_NE(third, with_row(4));
  row.back() = 0.75f;
  EXPECT_NE(third, with_row(3));
}

// All matrices of 32 columns, so that they can be quantised: one block in each stored type.
TEST(ModelWeights, Bfloat16DigestOfAQuantisedModelIsThatOfItsNumbers) {
  const Architecture architecture = Architecture::llama({.heads = 4, .kv_heads = 4});
  const auto digest_of = [&](StoredType type, bool unpacked) {
    std::mt19937 random(3);
    std::vector<std::vector<std::byte>> storage;
    NamedTensors tensors;
    const auto add = [&](const std::string& name, std::vector<std::int64_t> shape) {
      NamedTensor tensor;
      tensor.name = name;
      tensor.view = {shape.size() == 1 ? StoredType::f32 : type, shape, nullptr};
      std::vector<std::byte> bytes(static_cast<std::size_t>(tensor.view.bytes()));
      for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<std::byte>(random() & 0x3f);  // scales are small positive numbers
      }
      tensor.view.data = bytes.data();
      if (unpacked && type != StoredType::f32) {
        std::vector<std::byte> values(static_cast<std::size_t>(tensor.view.size()) * 4);
        unpack(tensor.view, 0, tensor.view.rows(), reinterpret_cast<float*>(values.data()));
        bytes = std::move(values);
        tensor.view.type = StoredType::f32;
      }
      storage.push_back(std::move(bytes));
      tensor.view.data = storage.back().data();
      tensors.tensors.push_back(tensor);
    };
    add("model.embed_tokens.weight", {32, 32});
    for (const char* name :
         {"self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight",
          "self_attn.o_proj.weight", "mlp.gate_proj.weight", "mlp.up_proj.weight",
          "mlp.down_proj.weight"}) {
      add(TinyLlama::in_block(1, name), {32, 32});
    }
    add(TinyLlama::in_block(1, "input_layernorm.weight"), {32});
    add(TinyLlama::in_block(1, "post_attention_layernorm.weight"), {32});
    add("model.norm.weight", {32});
    return bfloat16_digest(ModelWeights::from_tensors(architecture, tensors));
  };
  std::set<std::string> digests;
  for (const StoredType type : {StoredType::f16, StoredType::q4_0, StoredType::q4_1,
                                StoredType::q5_1, StoredType::q8_0, StoredType::iq4_nl}) {
    EXPECT_EQ(digest_of(type, false), digest_of(type, true)) << name_of(type);
    digests.insert(digest_of(type, false));
  }
  EXPECT_EQ(digests.size(), 6u);
}

// A device whose memory the host cannot read: its bytes are kept turned round. Counts what is asked
// of it, and how many bytes were read at once.
class CountingDevice final : public DeviceTensor {
 public:
  CountingDevice(TensorView view, int& uses) : view_(std::move(view)), uses_(uses) {
    for (std::int64_t i = 0; i < view_.bytes(); ++i) there_.push_back(~view_.data[i]);
  }
  void read_rows(std::int64_t first_row, std::int64_t count, std::byte* out) const override {
    largest_read = std::max(largest_read, count * view_.row_bytes());
    std::transform(there_.begin() + first_row * view_.row_bytes(),
                   there_.begin() + (first_row + count) * view_.row_bytes(), out,
                   [](std::byte byte) { return ~byte; });
  }
  static inline std::int64_t largest_read = 0;

  std::shared_ptr<const LinearMap> map(const MatrixPart& part, Nudge nudge) const override {
    ++uses_;
    return std::make_shared<HostMap>(view_, part, nudge);
  }
  std::uint64_t word_sum() const override {
    ++uses_;
    return azimuth::word_sum(view_);
  }

 private:
  TensorView view_;
  std::vector<std::byte> there_;
  int& uses_;
};

void move_to_device(NamedTensor& tensor, int& uses) {
  tensor.device = std::make_shared<CountingDevice>(tensor.view, uses);
  tensor.view.data = nullptr;
}

Eigen::MatrixXf product(const LinearMap& map) {
  Workers workers;
  Eigen::MatrixXf Y(map.rows(), map.columns());
  map.apply(Eigen::MatrixXf::Identity(map.columns(), map.columns()), Y, workers);
  return Y;
}

TEST(ModelWeights, MatricesOnADeviceAreUsedThere) {
  const TinyLlama model;
  NamedTensors tensors = model.named_tensors();
  int uses = 0;
  int moved = 0;
  for (NamedTensor& tensor : tensors.tensors) {
    if (tensor.view.shape.size() != 2 || tensor.name.ends_with("embed_tokens.weight")) continue;
    EXPECT_EQ(tensor.placement(), Placement::host);
    move_to_device(tensor, uses);
    EXPECT_EQ(tensor.placement(), Placement::device);
    ++moved;
  }
  const ModelWeights there = ModelWeights::from_tensors(TinyLlama::architecture(), tensors);
  const ModelWeights here = model.weights();
  EXPECT_EQ(there.fingerprint(), here.fingerprint());
  EXPECT_EQ(there.digest(), here.digest());
  EXPECT_EQ(bfloat16_digest(there), bfloat16_digest(here));
  EXPECT_GT(uses, moved);
  for (const auto& [on_device, on_host] :
       {std::pair(there, here), std::pair(there.nudged(3), here.nudged(3))}) {
    const FeedForward& a = *on_device.blocks()[1].work<FeedForward>();
    const FeedForward& b = *on_host.blocks()[1].work<FeedForward>();
    EXPECT_EQ(product(*a.gate.map), product(*b.gate.map));
    EXPECT_EQ(product(*a.down.map), product(*b.down.map));
    EXPECT_EQ(product(*on_device.blocks()[2].work<Attention>()->value.map),
              product(*on_host.blocks()[2].work<Attention>()->value.map));
  }
  EXPECT_NE(product(*there.nudged(3).blocks()[1].work<FeedForward>()->gate.map),
            product(*there.blocks()[1].work<FeedForward>()->gate.map));
}

TEST(ModelWeights, DigestsOfADeviceAreReadInPieces) {
  constexpr std::int64_t many = 20'000;  // tokens
  const TinyLlama model;
  const auto large = std::make_shared<std::vector<float>>(many * TinyLlama::hidden);
  std::iota(large->begin(), large->end(), 0.0f);
  NamedTensors tensors = model.named_tensors();
  tensors.tensors.front().view.shape[0] = many;
  tensors.tensors.front().view.data = reinterpret_cast<const std::byte*>(large->data());
  tensors.tensors.push_back(tensors.tensors.front());
  tensors.tensors.back().name = "lm_head.weight";
  const auto digests = [&] {
    const ModelWeights weights = ModelWeights::from_tensors(TinyLlama::architecture(), tensors);
    return std::pair(weights.digest(), bfloat16_digest(weights));
  };
  const auto here = digests();
  int uses = 0;
  CountingDevice::largest_read = 0;
  for (NamedTensor& tensor : tensors.tensors) {
    if (tensor.view.shape.size() == 2) move_to_device(tensor, uses);
  }
  EXPECT_EQ(digests(), here) << "the head is a copy of the embedding there too";
  EXPECT_GT(CountingDevice::largest_read, 0);
  EXPECT_LE(CountingDevice::largest_read, 1 << 18);
}

TEST(ModelWeights, AnEmbeddingOfSomeRowsHasThese) {
  const TinyLlama model;
  NamedTensors tensors = model.named_tensors();
  NamedTensor& table =
      *std::ranges::find(tensors.tensors, "model.embed_tokens.weight", &NamedTensor::name);
  const std::vector<std::int64_t> ids = {7, 3};
  std::vector<std::byte> rows;
  for (const std::int64_t id : ids) {
    const std::byte* row = table.view.data + id * table.view.row_bytes();
    rows.insert(rows.end(), row, row + table.view.row_bytes());
  }
  table.view.data = rows.data();
  table.row_ids = ids;
  EXPECT_EQ(table.placement(), Placement::host_rows);
  const ModelWeights part = ModelWeights::from_tensors(TinyLlama::architecture(), tensors);
  const ModelWeights whole = model.weights();
  const std::vector<std::int64_t> asked = {3, 7, 3};
  EXPECT_EQ(part.embed(asked), whole.embed(asked));
  EXPECT_THROW(part.embed(std::vector<std::int64_t>{4}), std::out_of_range);
  EXPECT_EQ(part.fingerprint(), whole.fingerprint());
  EXPECT_EQ(part.digest(), "");
  EXPECT_EQ(bfloat16_digest(part), "");
}

TEST(ModelWeights, RefusesATensorThatIsNotWhereItIsRead) {
  const TinyLlama model;
  const auto refusal = [&](const std::string& name, const auto& change) {
    NamedTensors tensors = model.named_tensors();
    change(*std::ranges::find(tensors.tensors, name, &NamedTensor::name));
    return why([&] {
      ModelWeights::from_tensors(TinyLlama::architecture(), tensors)
          .embed(std::vector<std::int64_t>{1});
    });
  };
  const auto remove = [](NamedTensor& tensor) { tensor.view.data = nullptr; };
  int uses = 0;
  const auto move = [&](NamedTensor& tensor) { move_to_device(tensor, uses); };
  const auto thin = [](NamedTensor& tensor) { tensor.row_ids = {0}; };
  const std::string matrix = TinyLlama::in_block(2, "mlp.down_proj.weight");
  const std::string norm = TinyLlama::in_block(2, "input_layernorm.weight");
  const std::string embedding = "model.embed_tokens.weight";
  for (const std::string& name : {matrix, norm, embedding}) {
    EXPECT_EQ(refusal(name, remove), "tensor " + name + ": has no data");
  }
  EXPECT_EQ(refusal(norm, move), "tensor " + norm + ": does not lie in host memory");
  EXPECT_EQ(refusal(embedding, move), "tensor " + embedding + ": does not lie in host memory");
  EXPECT_EQ(refusal(matrix, thin), "tensor " + matrix + ": has only some of its rows");
}

TEST(FirstNonfinite, IsTheFirstTensorThatThePassReads) {
  const std::vector<std::int64_t> ids = {1, 5};
  Workers workers(2);
  const auto name = [&](const ModelWeights& weights) {
    const auto found = weights.first_nonfinite(ids, workers);
    return found ? found->name + " of block " + std::to_string(found->block) : "none";
  };
  TinyLlama model;
  model.tensor(TinyLlama::in_block(1, "self_attn.q_proj.weight"))(0, 0) = NAN;
  model.tensor("model.norm.weight")(0, 0) = NAN;
  model.tensor("model.embed_tokens.weight")(7, 0) = NAN;
  EXPECT_EQ(name(model.weights()), "none") << "the pass of these tokens reads none of them";
  const std::string down = TinyLlama::in_block(4, "mlp.down_proj.weight");
  model.tensor(down)(15, 23) = -INFINITY;
  EXPECT_EQ(name(model.weights()), down + " of block 4");
  const std::string norm = TinyLlama::in_block(4, "input_layernorm.weight");
  model.tensor(norm)(15, 0) = NAN;
  EXPECT_EQ(name(model.weights()), norm + " of block 4");
  model.tensor("model.embed_tokens.weight")(5, 15) = INFINITY;
  EXPECT_EQ(name(model.weights()), "model.embed_tokens.weight of block 0");
}

TEST(FirstNonfinite, IsFoundOnADeviceAndInAnUpdate) {
  const std::vector<std::int64_t> ids = {1};
  Workers workers;
  TinyLlama model;
  const std::string up = TinyLlama::in_block(2, "mlp.up_proj.weight");
  model.tensor(up)(23, 15) = NAN;
  NamedTensors tensors = model.named_tensors();
  int uses = 0;
  move_to_device(*std::ranges::find(tensors.tensors, up, &NamedTensor::name), uses);
  const auto there =
      ModelWeights::from_tensors(TinyLlama::architecture(), tensors).first_nonfinite(ids, workers);
  ASSERT_TRUE(there);
  EXPECT_EQ(there->name, up);
  EXPECT_FALSE(there->update);

  LowRankUpdate update = {up, Eigen::MatrixXf::Ones(1, TinyLlama::hidden),
                          Eigen::MatrixXf::Ones(TinyLlama::ffn, 1)};
  update.a(0, 3) = NAN;
  const auto updated = TinyLlama().weights().with_updates({update}).first_nonfinite(ids, workers);
  ASSERT_TRUE(updated);
  EXPECT_EQ(updated->name, up);
  EXPECT_EQ(updated->block, 2);
  EXPECT_TRUE(updated->update);
}

TEST(ModelWeights, RejectsIdsOutsideTheVocabulary) {
  const ModelWeights weights = TinyLlama().weights();
  for (std::int64_t id : {-1, TinyLlama::vocab}) {
    EXPECT_THROW(weights.embed(std::vector<std::int64_t>{id}), std::out_of_range);
  }
}

TEST(ModelWeights, IsNotMadeToLookForBlocksThatCannotBeThere) {
  NamedTensors tensors = TinyLlama().named_tensors();
  tensors.tensors.front().name = "model.layers.99998.mlp.up_proj.weight";
  Architecture many = TinyLlama::architecture();
  many.experts = 65'536;
  many.routing.experts_per_token = 1;
  EXPECT_THAT(why([&] { ModelWeights::from_tensors(many, tensors); }), HasSubstr("and more"));
}

TEST(Architecture, ChecksItsHeads) {
  EXPECT_THROW(Architecture::llama({.heads = 0}), std::invalid_argument);
  EXPECT_THROW(Architecture::llama({.heads = 9, .kv_heads = 2}), std::invalid_argument);
  EXPECT_THROW(Architecture::gpt2({.heads = -1}), std::invalid_argument);
}

}  // namespace
}  // namespace azimuth
