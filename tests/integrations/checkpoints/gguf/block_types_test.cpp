// Models whose matrices are stored in each quantised type, experts merged into one tensor,
// against the same models in float32 as the gguf package dequantises them: made of the blocks in
// tests/data/gguf/stored_types.gguf.

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "azimuth/gguf_model.h"
#include "integrations/checkpoints/gguf/gguf_writer.h"
#include "support/one_token_norms.h"

namespace azimuth {
namespace {

using namespace azimuth::testing;

constexpr std::uint64_t kSize = 256;  // of hidden states, of the one head, of the FFN
constexpr std::uint64_t kExperts = 3;
constexpr std::uint64_t kTokens = 8;

// A block as it is stored, and its numbers in float32.
struct StoredBlock {
  std::string stored;
  std::string numbers;
};

struct BlockType {
  std::string name;
  std::uint32_t type = 0;    ///< ggml's number
  std::uint64_t length = 0;  ///< numbers in a block
  std::vector<StoredBlock> blocks;
};

void PrintTo(const BlockType& type, std::ostream* out) { *out << type.name; }

// Every quantised type, with the blocks of its second row: their scales are those of weights.
std::vector<BlockType> block_types() {
  const std::string path = AZIMUTH_TEST_DATA "/gguf/stored_types.gguf";
  std::ifstream stream(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(stream)), {});
  const NamedTensors tensors = GgufFile::open(path).tensors();
  const std::vector<GgufTensor> written = taken_apart(bytes, tensors).tensors;
  std::vector<BlockType> types;
  for (std::size_t i = 0; i + 2 < written.size(); ++i) {
    const TensorView& view = tensors.tensors[i].view;
    if (written[i + 2].name != written[i].name + ".steps") continue;
    BlockType& type = types.emplace_back();
    type.name = written[i].name;
    type.type = written[i].type;
    type.length = static_cast<std::uint64_t>(block_length(view.type));
    const auto half = [](const GgufTensor& t) { return t.data.substr(t.data.size() / 2); };
    const std::string stored = half(written[i]);
    const std::string numbers = half(written[i + 1]);
    const auto size = static_cast<std::size_t>(block_bytes(view.type));
    for (std::size_t b = 0; b * size < stored.size(); ++b) {
      type.blocks.push_back(
          {stored.substr(b * size, size), numbers.substr(b * 4 * type.length, 4 * type.length)});
    }
  }
  return types;
}

// The same random mixture twice.
class TwoModels {
 public:
  explicit TwoModels(const BlockType& type) : type_(type) {
    for (GgufWriter* file : {&stored, &unpacked}) {
      file->keys = {{"general.architecture", text("llama")},
                    {"llama.attention.head_count", u32(1)},
                    {"llama.attention.layer_norm_rms_epsilon", f32(1e-5f)},
                    {"llama.expert_count", u32(kExperts)},
                    {"llama.expert_used_count", u32(1)}};
    }
    matrix("token_embd", {kSize, kTokens});
    vector("output_norm");
    vector("blk.0.attn_norm");
    for (const char* name : {"q", "k", "v", "output"}) {
      matrix("blk.0.attn_" + std::string(name), {kSize, kSize});
    }
    vector("blk.0.ffn_norm");
    floats("blk.0.ffn_gate_inp", {kSize, kExperts});
    for (const char* name : {"gate", "up", "down"}) experts(name);
  }

  GgufWriter stored;
  GgufWriter unpacked;

 private:
  static std::uint64_t size_of(const std::vector<std::uint64_t>& dims) {
    std::uint64_t size = 1;
    for (const std::uint64_t dim : dims) size *= dim;
    return size;
  }

  // Blocks in random order.
  void matrix(const std::string& name, const std::vector<std::uint64_t>& dims) {
    GgufTensor as_stored{name + ".weight", dims, type_.type, ""};
    GgufTensor as_numbers{name + ".weight", dims, 0, ""};
    for (std::uint64_t i = 0; i < size_of(dims); i += type_.length) {
      const StoredBlock& block = type_.blocks[random_() % type_.blocks.size()];
      as_stored.data += block.stored;
      as_numbers.data += block.numbers;
    }
    stored.tensors.push_back(std::move(as_stored));
    unpacked.tensors.push_back(std::move(as_numbers));
  }

  // Merged where they are quantised, each a tensor of its own where they are float32.
  void experts(const std::string& name) {
    matrix("blk.0.ffn_" + name + "_exps", {kSize, kSize, kExperts});
    const std::string all = unpacked.tensors.back().data;
    unpacked.tensors.pop_back();
    constexpr std::uint64_t kBytes = 4 * kSize * kSize;
    for (std::uint64_t expert = 0; expert < kExperts; ++expert) {
      unpacked.tensors.push_back({"blk.0.ffn_" + name + "." + std::to_string(expert) + ".weight",
                                  {kSize, kSize},
                                  0,
                                  all.substr(expert * kBytes, kBytes)});
    }
  }

  void floats(const std::string& name, const std::vector<std::uint64_t>& dims) {
    GgufTensor tensor{name + ".weight", dims, 0, ""};
    std::normal_distribution<float> normal;
    for (std::uint64_t i = 0; i < size_of(dims); ++i) tensor.data += raw(normal(random_));
    stored.tensors.push_back(tensor);
    unpacked.tensors.push_back(tensor);
  }

  void vector(const std::string& name) { floats(name, {kSize}); }

  const BlockType& type_;
  std::mt19937 random_{1};
};

class BlockTypes : public ::testing::TestWithParam<BlockType> {};

TEST_P(BlockTypes, GiveTheModelOfTheirNumbers) {
  const TwoModels models(GetParam());
  const TemporaryFile stored(models.stored.bytes());
  const TemporaryFile unpacked(models.unpacked.bytes());
  const ModelWeights found = load_gguf(stored.path());
  const ModelWeights expected = load_gguf(unpacked.path());
  ASSERT_EQ(found.stored_types().size(), 2u);
  EXPECT_EQ(name_of(found.stored_types()[1]), GetParam().name);

  const std::vector<std::int64_t> ids = {0, 1, 2, 3, 4, 5, 6, 7};
  const Passes pass = passes(found, ids);
  const Passes same = passes(expected, ids);
  EXPECT_LT(difference(pass.initial, same.initial), 1e-6);
  EXPECT_LT(difference(pass.zero_attention, same.zero_attention), 1e-6);
  EXPECT_GT(difference({pass.initial[0]}, {pass.initial[1]}), 1e-3) << "the block does something";

  // Of all experts, and of what the pass does not read.
  Workers workers;
  EXPECT_EQ(found.bfloat16_digest(workers), expected.bfloat16_digest(workers));
  EXPECT_NE(found.digest(workers), expected.digest(workers));
}

TEST_P(BlockTypes, AreRefusedWhereARowIsNoWholeBlock) {
  GgufWriter file = TwoModels(GetParam()).stored;
  const std::uint64_t columns = GetParam().length + 16;
  file.tensors.back().dims[0] = columns;
  const TemporaryFile temporary(file.bytes());
  try {
    load_gguf(temporary.path());
    FAIL() << "was read";
  } catch (const FileError& error) {
    EXPECT_NE(
        std::string(error.what())
            .find("tensor blk.0.ffn_down_exps.weight: its rows of " + std::to_string(columns) +
                  " numbers are not whole blocks of " + std::to_string(GetParam().length)),
        std::string::npos)
        << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(Gguf, BlockTypes, ::testing::ValuesIn(block_types()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace azimuth
