// Gemma 3n and 4 in GGUF, whose blocks differ: what the comparison with Transformers does not see.

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "azimuth/gguf_model.h"
#include "integrations/checkpoints/gguf/gguf_writer.h"
#include "support/one_token_norms.h"

namespace azimuth {
namespace {

using namespace azimuth::testing;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

struct GemmaFile {
  explicit GemmaFile(const std::string& name) {
    const std::filesystem::path data = AZIMUTH_TEST_DATA;
    const std::filesystem::path file = data / "gguf" / (name + ".gguf");
    std::ifstream stream(file, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
    writer = taken_apart(bytes, GgufFile::open(file).tensors());
    expected =
        nlohmann::json::parse(std::ifstream(data / "architectures" / name / "hidden_states.json"));
  }

  GgufTensor& tensor(const std::string& name) {
    const auto found = std::ranges::find(writer.tensors, name, &GgufTensor::name);
    if (found == writer.tensors.end()) throw std::out_of_range(name);
    return *found;
  }
  GemmaFile& set(const std::string& key, const std::string& value) {
    const auto found = std::ranges::find(writer.keys, key, [](const auto& k) { return k.first; });
    if (found == writer.keys.end()) throw std::out_of_range(key);
    found->second = value;
    return *this;
  }
  GemmaFile& leave_out(const std::string& key) {
    if (std::erase_if(writer.keys, [&](const auto& k) { return k.first == key; }) != 1) {
      throw std::out_of_range(key);
    }
    return *this;
  }

  double error() const {
    const TemporaryFile file(writer.bytes());
    const Passes found = passes(load_gguf(file.path()), expected.at("token_ids"));
    Norms norms = expected.at("norms");
    norms.resize(found.initial.size());  // of the blocks that the file has
    return difference(found.initial, norms);
  }
  void expect_refused(const std::string& why) const {
    const TemporaryFile file(writer.bytes());
    EXPECT_THAT([&] { load_gguf(file.path()); }, ThrowsMessage<FileError>(HasSubstr(why)));
  }

  GgufWriter writer;
  nlohmann::json expected;
};

// As the converter writes them for tokens that have none, which take the first row.
TEST(GgufGemma, RowsThatFillUpPerLayerInputsAreNotUsed) {
  GemmaFile file("gemma3n_text");
  std::string& data = file.tensor("per_layer_token_embd.weight").data;
  std::fill(data.begin() + 30 * 24 * 4, data.end(), '\0');
  EXPECT_LT(file.error(), 1e-5);
  std::fill(data.begin(), data.end(), '\0');
  EXPECT_GT(file.error(), 1e-3);
}

TEST(GgufGemma, SaysWhichOfSeveralStreamsIsObserved) {
  const TemporaryFile file(GemmaFile("gemma3n_text").writer.bytes());
  EXPECT_THAT(load_gguf(file.path()).warnings(),
              Contains(HasSubstr("of 4 residual streams the first is observed")));
}

TEST(GgufGemma, BlocksWithoutAFactorHaveNone) {
  GemmaFile file("gemma4_text_moe");
  std::erase_if(file.writer.tensors, [](const GgufTensor& tensor) {
    return tensor.name.ends_with("output_scale.weight");
  });
  const TemporaryFile without(file.writer.bytes());
  EXPECT_FALSE(architecture_from_gguf(GgufFile::open(without.path())).block_scale);
  EXPECT_GT(file.error(), 1e-3);
}

TEST(GgufGemma, TheLastBlockIsOfFullAttention) {
  GemmaFile file("gemma4_text_moe");
  file.set("gemma4.attention.sliding_window_pattern", array(7, 2, std::string("\1\1", 2)));
  EXPECT_LT(file.error(), 1e-5);
}

TEST(GgufGemma, MetadataThatDoNotFitAreRefused) {
  const std::string pattern = "attention.sliding_window_pattern";
  const auto flags = [](const std::string& each) { return array(7, each.size(), each); };
  GemmaFile("gemma4_text").leave_out("gemma4." + pattern).expect_refused(pattern + ": is missing");
  GemmaFile("gemma4_text")
      .set("gemma4." + pattern, flags("\1\1"))
      .expect_refused(pattern + ": has 2 entries for 6 blocks");
  GemmaFile("gemma4_text")
      .set("gemma4." + pattern, array(4, 6, std::string(24, '\0')))
      .expect_refused(pattern + ": is neither true nor false");
  GemmaFile("gemma4_text")
      .set("gemma4.attention.shared_kv_layers", u32(6))
      .expect_refused(
          "shared_kv_layers: is 6, and no block before the last so many has values for "
          "block 1");
  GemmaFile("gemma4_text")
      .set("gemma4.attention.key_length_swa", u32(5))
      .expect_refused("key_length_swa: is not attention.value_length_swa");
  GemmaFile("gemma4_text")
      .set("gemma4.attention.head_count_kv", array(4, 2, raw(2u) + raw(1u)))
      .expect_refused("head_count_kv: has 2 numbers for 6 blocks");
  GemmaFile("gemma4_text")
      .set("gemma4.feed_forward_length", u32(18))
      .expect_refused("feed_forward_length: is 18, but the weights have 36 in block 5");
  GemmaFile("gemma4_text_moe")
      .set("gemma4.feed_forward_length", u32(17))
      .expect_refused("feed_forward_length: is 17, but the weights have 18 in block 1");
  GemmaFile("gemma4_text_moe")
      .set("gemma4.expert_feed_forward_length", u32(18))
      .expect_refused("expert_feed_forward_length: is 18, but the weights have 7");
  GemmaFile("gemma3n_text")
      .set("gemma3n.altup.active_idx", u32(1))
      .expect_refused("altup.active_idx: is 1; 0 is supported");
  GemmaFile("gemma3n_text")
      .set("gemma3n.altup.num_inputs", u32(1))
      .expect_refused("altup.num_inputs: is 1; several");
  GemmaFile("gemma3n_text")
      .set("gemma3n.altup.num_inputs", u32(3))
      .expect_refused("tensor altup_proj.weight: does not hold one matrix for each of 2 further");
  GemmaFile("gemma3n_text")
      .set("gemma3n.embedding_length_per_layer_input", u32(0))
      .expect_refused("embedding_length_per_layer_input: is 0");
  const auto cuts = [](float first) { return array(6, 4, raw(first) + std::string(12, '\0')); };
  GemmaFile("gemma3n_text")
      .set("gemma3n.activation_sparsity_scale", cuts(NAN))
      .expect_refused("activation_sparsity_scale: holds what is not a number");
  GemmaFile("gemma3n_text")
      .set("gemma3n.activation_sparsity_scale", cuts(INFINITY))
      .expect_refused("gate_sparsity must lie in [0, 1)");
  GemmaFile("gemma3n_text")
      .set("gemma3n.activation_sparsity_scale", array(6, 1, raw(0.f)))
      .expect_refused("gate_sparsity and blocks must say as much");
}

}  // namespace
}  // namespace azimuth
