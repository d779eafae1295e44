// Every architecture as llama.cpp's converters write it, against Transformers' own forward pass:
// tests/data/gguf/README.md says how the files were made.

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "azimuth/gguf_model.h"
#include "azimuth/hugging_face_config.h"
#include "azimuth/hugging_face_folder.h"
#include "integrations/checkpoints/gguf/gguf_writer.h"
#include "integrations/checkpoints/known_names.h"
#include "support/member_count.h"
#include "support/one_token_norms.h"
#include "support/same_architecture.h"

namespace azimuth {
namespace {

using namespace azimuth::testing;
using nlohmann::json;

const std::filesystem::path kData = AZIMUTH_TEST_DATA;

struct Converted {
  std::string file = {};
  std::string model;  ///< the folder that it was made from
  /// GGUF does not say which activation: the model's own is not that of its family.
  bool other_activation = false;
};

void PrintTo(const Converted& converted, std::ostream* out) { *out << converted.file; }

// The files, of a split one its first part: each made from the folder of its name, if nothing else
// is said.
std::vector<Converted> converted() {
  const std::map<std::string, Converted> special = {
      {"gpt_neox_sequential", {.model = "gpt_neox_sequential", .other_activation = true}},
      {"gpt_oss_mxfp4", {.model = "../quantised/gpt_oss_mxfp4"}},
      {"llama_fused", {.model = "llama_biases"}},
      {"qwen3_split-00001-of-00004", {.model = "qwen3"}},
  };
  std::vector<Converted> files;
  for (const auto& entry : std::filesystem::directory_iterator(kData / "gguf")) {
    const std::string name = entry.path().stem();
    const bool later_part =
        name.find("-of-") != std::string::npos && name.find("-00001-") == std::string::npos;
    if (entry.path().extension() != ".gguf" || name == "stored_types" || later_part) continue;
    const auto found = special.find(name);
    Converted& file =
        files.emplace_back(found == special.end() ? Converted{.model = name} : found->second);
    file.file = name;
  }
  std::ranges::sort(files, {}, &Converted::file);
  return files;
}

class GgufArchitectures : public ::testing::TestWithParam<Converted> {
 protected:
  const std::filesystem::path file_ = kData / "gguf" / (GetParam().file + ".gguf");
  const std::filesystem::path model_ = kData / "architectures" / GetParam().model;
  const json expected_ = json::parse(std::ifstream(model_ / "hidden_states.json"));
  const std::vector<std::int64_t> ids_ = expected_.at("token_ids");

  double tolerance() const { return GetParam().other_activation ? 1e-3 : 1e-5; }

  // Of the blocks that the file has.
  double difference(const Passes& found) const {
    const auto of = [&](const Norms& norms, const char* key) {
      Norms expected = expected_.at(key);
      expected.resize(norms.size());
      return testing::difference(norms, expected);
    };
    return std::max(of(found.initial, "norms"), of(found.zero_attention, "zero_attention_norms"));
  }
};

TEST_P(GgufArchitectures, NormsAreThoseOfTransformers) {
  const ModelWeights weights = load_gguf(file_);
  const GgufFile file = GgufFile::open(file_);
  const std::string prefix = std::string(file.string("general.architecture")) + ".";
  const std::string further = prefix + "nextn_predict_layers";
  ASSERT_EQ(static_cast<std::int64_t>(weights.blocks().size()),
            file.integer(prefix + "block_count") - (file.has(further) ? file.integer(further) : 0));
  EXPECT_LE(difference(passes(weights, ids_)), tolerance());
}

// Coordinate by coordinate: directions are the same too.
TEST_P(GgufArchitectures, HiddenStatesAreThoseOfTheFolder) {
  Workers workers;
  const auto found = single_token_pass<float>(load_gguf(file_), ids_, workers).initial;
  const auto expected = single_token_pass<float>(load_hugging_face(model_), ids_, workers).initial;
  ASSERT_LE(found.size(), expected.size());
  for (std::size_t block = 0; block < found.size(); ++block) {
    EXPECT_LE((found[block] - expected[block]).norm(), 10 * tolerance() * expected[block].norm())
        << "behind block " << block;
  }
}

TEST_P(GgufArchitectures, MetadataSayWhatTheConfigurationSays) {
  static_assert(member_count<Architecture>() == 49, "a field more: it is to be compared here");
  const Architecture found = architecture_from_gguf(GgufFile::open(file_));
  Architecture expected = HuggingFaceConfig::open(model_ / "config.json").architecture;
  expected.blocks.resize(std::min(expected.blocks.size(), found.blocks.size()));
  expected.attention.resize(std::min(expected.attention.size(), found.attention.size()));
  if (found.name == "falcon_h1") {
    EXPECT_NE(expected.multipliers, Multipliers{});
    EXPECT_NE(expected.embedding_multiplier, 1);
    expected.embedding_multiplier = 1;
    expected.multipliers = {};
    expected.state_space.multipliers = found.state_space.multipliers;
    if (!expected.state_space.norm) expected.state_space.gate_last = false;
  }
  if (found.name == "nemotron_h") {  // there is no place for it
    EXPECT_EQ(expected.state_space.step_min, 0.001);
    expected.state_space.step_min = 0;
  }
  if (expected.delta_rule.key_heads > 0) {  // converters sort it
    expected.delta_rule.layout = found.name == "qwen3_next" ? DeltaRuleLayout::strengths_by_key_head
                                                            : DeltaRuleLayout::tiled;
  }
  EXPECT_EQ(found.activation == expected.activation, !GetParam().other_activation);
  EXPECT_FLOAT_EQ(found.norm_epsilon, expected.norm_epsilon);
  EXPECT_EQ(found.norm_offset, 0) << "converters add it to the weights";
  EXPECT_FALSE(found.gate_up_by_turns) << "converters take it apart";
  EXPECT_EQ(found.qkv_layout, QkvLayout::by_kind) << "converters sort it";
  EXPECT_FLOAT_EQ(found.qkv_clip, expected.qkv_clip);
  EXPECT_FLOAT_EQ(found.embedding_multiplier, expected.embedding_multiplier);
  // As the number of standard deviations, in float32.
  EXPECT_THAT(found.gate_sparsity,
              ::testing::Pointwise(::testing::DoubleNear(1e-7), expected.gate_sparsity));
  EXPECT_FLOAT_EQ(found.routing.scale, expected.routing.scale);
  expected.routing.scale = found.routing.scale;
  EXPECT_FLOAT_EQ(found.multipliers.attention_output, expected.multipliers.attention_output);
  EXPECT_FLOAT_EQ(found.multipliers.ffn_output, expected.multipliers.ffn_output);
  expected.multipliers.attention_output = found.multipliers.attention_output;
  expected.multipliers.ffn_output = found.multipliers.ffn_output;
  expect_same(found, expected);
  EXPECT_FALSE(found.transposed_experts) << "converters transpose them";
  // Of `sequences` logits show it: tests/decoder.
  EXPECT_THAT(found.special_token_ids, ::testing::IsSubsetOf(expected.special_token_ids));
  EXPECT_FALSE(found.special_token_ids.empty());
}

// Of the blocks that the model itself has: a block behind them predicts further tokens.
bool is_of_a_block(const Architecture& architecture, const std::string& tensor) {
  if (!tensor.starts_with("blk.")) return false;
  return architecture.blocks.empty() || std::stoull(tensor.substr(4)) < architecture.blocks.size();
}

// Of each block where it differs: values of others, keys for values, streams that nobody reads.
bool plays_a_part_here(const Architecture& a, std::string_view part, std::size_t block) {
  const bool reads_others = !a.attention.empty() && a.attention.at(block).values_of > 0;
  if (part == "attn_k") {
    return !a.attention.empty() && a.attention.at(block).keys_are_values && !reads_others;
  }
  if (part == "attn_norm") return !reads_others || a.streams > 1;
  const bool is_last = block + 1 == a.blocks.size();
  const bool of_streams =
      part == "inp_gate" || part == "proj" || part == "post_norm" || part == "altup_correct_scale";
  return !of_streams || a.streams == 1 || !is_last;
}

bool plays_a_part(const Architecture& architecture, const std::string& tensor) {
  if (tensor == "token_embd_norm.weight") return architecture.embedding_norm;
  if (!tensor.starts_with("blk.")) {
    return !tensor.starts_with("output") && !tensor.starts_with("rope") &&
           !tensor.starts_with("altup_unembd");
  }
  const auto is_one_of = [&](std::initializer_list<const char*> parts) {
    return std::ranges::any_of(
        parts, [&](const char* part) { return tensor.find(part) != std::string::npos; });
  };
  if (!is_of_a_block(architecture, tensor)) return false;
  if (is_one_of({".attn_q_norm.", ".attn_k_norm.", ".ssm_a"})) return false;
  if (is_one_of({".attn_q_a", ".attn_q_b.", ".attn_k_b."})) return false;
  if (is_one_of({".attn_q."})) return architecture.gated_attention || architecture.attention_sinks;
  if (is_one_of({".attn_k."})) return architecture.attention_sinks;
  if (is_one_of({".ssm_dt."})) return architecture.delta_rule.key_heads == 0;
  const std::size_t name = tensor.find('.', 4) + 1;
  return plays_a_part_here(architecture, tensor.substr(name, tensor.find('.', name) - name),
                           std::stoull(tensor.substr(4)));
}

// Each tensor that plays a part is set to 0: the comparison above must see it.
TEST_P(GgufArchitectures, NoTensorOfThePassIsLeftOut) {
  if (GetParam().file.find("-of-") != std::string::npos) return;  // as in one file
  std::ifstream stream(file_, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
  TemporaryFile changed(bytes);
  int zeroed = 0;
  const GgufFile gguf = GgufFile::open(file_);
  const Architecture architecture = architecture_from_gguf(gguf);
  const NamedTensors tensors = gguf.tensors();
  for (const NamedTensor& tensor : tensors.tensors) {
    if (!plays_a_part(architecture, tensor.name)) continue;
    const auto size = static_cast<std::size_t>(tensor.view.bytes());
    const std::string_view data(reinterpret_cast<const char*>(tensor.view.data), size);
    const std::size_t at = bytes.find(data);
    ASSERT_NE(at, std::string::npos);
    std::string zeros = bytes;
    std::fill_n(zeros.begin() + static_cast<std::ptrdiff_t>(at), size, '\0');
    changed.write(zeros);
    EXPECT_GT(difference(passes(load_gguf(changed.path()), ids_)), tolerance())
        << tensor.name << " set to 0";
    ++zeroed;
  }
  EXPECT_GT(zeroed, 10);
}

// The rule of docs/checkpoints.md: what is in a block is used, or refused by name.
TEST_P(GgufArchitectures, UnknownTensorsOfABlockAreRefusedByName) {
  if (GetParam().file.find("-of-") != std::string::npos) return;  // as in one file
  std::ifstream stream(file_, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
  const GgufFile gguf = GgufFile::open(file_);
  const Architecture architecture = architecture_from_gguf(gguf);
  const GgufWriter whole = taken_apart(bytes, gguf.tensors());
  TemporaryFile changed(whole.bytes());
  EXPECT_EQ(load_gguf(changed.path()).digest(), load_gguf(file_).digest());
  const auto expect_refused = [&](const GgufWriter& writer, const std::string& why) {
    changed.write(writer.bytes());
    EXPECT_THAT([&] { load_gguf(changed.path()); },
                ::testing::ThrowsMessage<FileError>(::testing::HasSubstr(why)));
  };
  int tried = 0;
  for (std::size_t i = 0; i < whole.tensors.size(); ++i) {
    const GgufTensor& tensor = whole.tensors[i];
    if (!is_of_a_block(architecture, tensor.name)) continue;
    const std::string unknown = tensor.name.substr(0, tensor.name.rfind('.')) + ".unknown";

    GgufWriter copied = whole;
    copied.tensors.push_back(tensor);
    copied.tensors.back().name = unknown;
    expect_refused(copied, "tensor " + unknown + ": is not known to models of");
    copied.tensors.back().type = 41;
    expect_refused(copied, "tensor " + unknown + ": is not known to models of");

    GgufWriter renamed = whole;
    renamed.tensors[i].name = unknown;
    expect_refused(renamed, "tensor " + unknown + ": is not known to models of");

    GgufWriter of_another_type = whole;
    of_another_type.tensors[i].type = 41;
    expect_refused(of_another_type, "tensor " + tensor.name + ": its type is Q1_0;");
    ++tried;
  }
  EXPECT_GT(tried, 10);
}

TEST(GgufFurtherBlocks, AreSaidAndNotUsed) {
  const ModelWeights weights = load_gguf(kData / "gguf" / "glm4_moe.gguf");
  EXPECT_EQ(weights.blocks().size(), 3u);
  EXPECT_THAT(
      weights.warnings(),
      ::testing::ElementsAre("23 tensors of block 4 are not used: it stands behind the 3 of "
                             "the model, and predicts further tokens"));
}

// The update would be that of another model: multipliers and the order of heads are in the weights.
TEST(GgufLayout, AdaptersThatDoNotFitAreRefused) {
  const auto change = [](const char* file) {
    LowRankUpdate update;
    update.name = "layers.0.mlp.down_proj.weight";
    load_gguf(kData / "gguf" / file).with_updates({update});
  };
  EXPECT_THAT([&] { change("falcon_h1_no_norm.gguf"); },
              ::testing::ThrowsMessage<std::invalid_argument>(::testing::HasSubstr(
                  "has the model's multipliers in its weights, and does not say which they are")));
  for (const char* file : {"qwen3_5_moe_text.gguf", "qwen3_5_text.gguf", "qwen3_next.gguf"}) {
    EXPECT_THAT([&] { change(file); },
                ::testing::ThrowsMessage<std::invalid_argument>(::testing::HasSubstr(
                    "has the heads of delta rules in another order than Transformers")));
  }
  const ModelWeights weights = load_gguf(kData / "gguf" / "qwen3_5_text.gguf");
  EXPECT_EQ(weights.with_updates({}).digest(), weights.digest());
}

GgufWriter taken_apart_file(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
  return taken_apart(bytes, GgufFile::open(file).tensors());
}

void set_key(GgufWriter& writer, const std::string& key, const std::string& value) {
  const auto found =
      std::ranges::find(writer.keys, key, &std::pair<std::string, std::string>::first);
  ASSERT_NE(found, writer.keys.end());
  found->second = value;
}

// Its converter writes the count all the same.
TEST(GgufLayout, AJambaOfOneExpertHasFfns) {
  GgufWriter writer = taken_apart_file(kData / "gguf" / "jamba.gguf");
  set_key(writer, "jamba.expert_count", u32(1));
  set_key(writer, "jamba.expert_used_count", u32(1));
  std::erase_if(writer.tensors, [](const GgufTensor& tensor) {
    return tensor.name.find("_exps.") != std::string::npos ||
           tensor.name.find(".ffn_gate_inp.") != std::string::npos;
  });
  const std::vector<GgufTensor> some = writer.tensors;
  for (const GgufTensor& tensor : some) {
    if (!tensor.name.starts_with("blk.0.ffn_") || tensor.name.find("norm") != std::string::npos) {
      continue;
    }
    for (const char* block : {"blk.1.", "blk.3."}) {
      writer.tensors.push_back(tensor);
      writer.tensors.back().name = block + tensor.name.substr(6);
    }
  }
  const TemporaryFile dense(writer.bytes());
  const ModelWeights weights = load_gguf(dense.path());
  EXPECT_EQ(weights.architecture().experts, 0);
  for (const BlockWeights& block : weights.blocks()) EXPECT_NE(block.work<FeedForward>(), nullptr);
}

// Tools of llama.cpp that write a file again leave out a dimension of 1.
TEST(GgufLayout, GatesOfSharedExpertsMayHaveOneDimension) {
  const std::filesystem::path file = kData / "gguf" / "qwen2_moe.gguf";
  GgufWriter whole = taken_apart_file(file);
  int changed = 0;
  for (GgufTensor& tensor : whole.tensors) {
    if (!tensor.name.ends_with(".ffn_gate_inp_shexp.weight")) continue;
    ASSERT_EQ(tensor.dims.size(), 2u);
    tensor.dims.pop_back();
    ++changed;
  }
  EXPECT_EQ(changed, 2);
  const TemporaryFile flat(whole.bytes());
  EXPECT_EQ(load_gguf(flat.path()).digest(), load_gguf(file).digest());
}

INSTANTIATE_TEST_SUITE_P(Converted, GgufArchitectures, ::testing::ValuesIn(converted()),
                         [](const auto& info) {
                           std::string name = info.param.file;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST(GgufFamilies, AllThatAreKnownAreTested) {
  std::vector<std::string> tested;
  for (const Converted& file : converted()) {
    const GgufFile gguf = GgufFile::open(kData / "gguf" / (file.file + ".gguf"));
    tested.emplace_back(gguf.string("general.architecture"));
  }
  for (const std::string& known : known_to_gguf()) {
    EXPECT_THAT(tested, ::testing::Contains(known));
  }
  EXPECT_GE(tested.size(), 23u);
}

}  // namespace
}  // namespace azimuth
