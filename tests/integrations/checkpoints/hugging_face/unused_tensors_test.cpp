// What a checkpoint holds beside the model that its configuration describes: used, known to play no
// part, named in a warning, or refused.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "azimuth/analysis.h"
#include "azimuth/hugging_face_config.h"
#include "azimuth/hugging_face_folder.h"
#include "azimuth/roles.h"
#include "azimuth/safetensors_file.h"
#include "integrations/checkpoints/safetensors/safetensors_writer.h"
#include "support/one_token_norms.h"
#include "support/stored_model.h"
#include "support/temporary_folder.h"

namespace azimuth::testing {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using ::testing::ThrowsMessage;

const std::filesystem::path kModelFolders = AZIMUTH_TEST_DATA "/architectures";

std::vector<std::string> models() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kModelFolders)) {
    if (entry.is_directory()) names.push_back(entry.path().filename());
  }
  std::ranges::sort(names);
  return names;
}

/// "layers.0.self_attn.q_proj.weight" -> "layers.0.self_attn.q_proj.unknown".
std::string unknown_beside(const std::string& name) {
  return name.substr(0, name.rfind('.')) + ".unknown";
}

class UnusedTensors : public ::testing::TestWithParam<std::string> {
 protected:
  void expect_refused(const NamedTensors& tensors, const std::string& name) const {
    EXPECT_THAT([&] { ModelWeights::from_tensors(architecture_, tensors); },
                ThrowsMessage<std::invalid_argument>(HasSubstr("tensor " + name + ":")));
  }

  const std::filesystem::path folder_ = kModelFolders / GetParam();
  const StoredModel model_ = stored_model(folder_);
  const Architecture& architecture_ = model_.architecture;
  const NamedTensors& tensors_ = model_.tensors;
};

TEST_P(UnusedTensors, OfABlockAreRefusedByName) {
  int tried = 0;
  for (std::size_t i = 0; i < tensors_.tensors.size(); ++i) {
    const std::string& name = tensors_.tensors[i].name;
    const auto place = role_of(architecture_, name);
    if (!place || place->block == 0) continue;
    const std::string unknown = unknown_beside(name);

    NamedTensors copied = tensors_;
    copied.tensors.push_back(tensors_.tensors[i]);
    copied.tensors.back().name = unknown;
    expect_refused(copied, unknown);

    NamedTensors renamed = tensors_;
    renamed.tensors[i].name = unknown;
    expect_refused(renamed, unknown);
    ++tried;
  }
  EXPECT_GT(tried, 10);
}

TEST_P(UnusedTensors, OfTypesThatAreNotReadAreRefusedByNameToo) {
  const auto block = std::ranges::find_if(tensors_.tensors, [&](const NamedTensor& tensor) {
    const auto place = role_of(architecture_, tensor.name);
    return place && place->block == 1;
  });
  ASSERT_NE(block, tensors_.tensors.end());
  NamedTensors scales = tensors_;
  scales.unreadable.push_back({unknown_beside(block->name), "its type is F8_E8M0", false});
  expect_refused(scales, scales.unreadable.back().name);

  NamedTensors history = tensors_;
  const std::string module = block->name.substr(0, block->name.rfind('.'));
  history.unreadable.push_back({module + "._extra_state", "its type is U8", false});
  EXPECT_NO_THROW(ModelWeights::from_tensors(architecture_, history));

  NamedTensors mask = tensors_;
  mask.unreadable.push_back({unknown_beside(block->name), "its type is BOOL", false, true});
  EXPECT_NO_THROW(ModelWeights::from_tensors(architecture_, mask));
}

TEST_P(UnusedTensors, BesideTheEmbeddingAreRefusedByName) {
  for (const NamedTensor& tensor : tensors_.tensors) {
    const auto place = role_of(architecture_, tensor.name);
    if (!place || place->role != Role::token_embedding) continue;
    for (const char* what : {".lora_A", ".weight_scale_inv"}) {
      NamedTensors more = tensors_;
      more.tensors.push_back(tensor);
      more.tensors.back().name = tensor.name.substr(0, tensor.name.rfind('.')) + what;
      expect_refused(more, more.tensors.back().name);
    }
  }
}

TEST_P(UnusedTensors, OutsideTheBlocksAreCountedAndNamed) {
  // Some of these models see too.
  const auto there = std::ranges::count_if(tensors_.tensors, [&](const NamedTensor& tensor) {
    return !role_of(architecture_, tensor.name) &&
           standing_of(architecture_, tensor.name) != Standing::idle;
  });
  EXPECT_EQ(ModelWeights::from_tensors(architecture_, tensors_).warnings().empty(), there == 0);

  NamedTensors more = tensors_;
  for (const char* name : {"score.weight", "vision_tower.layers.0.weight"}) {
    more.tensors.insert(more.tensors.begin(), tensors_.tensors.front());
    more.tensors.front().name = name;
  }
  EXPECT_THAT(ModelWeights::from_tensors(architecture_, more).warnings(),
              ElementsAre(StartsWith(std::to_string(there + 2) +
                                     " tensors outside the blocks are not used: "
                                     "vision_tower.layers.0.weight, score.weight")));
}

TEST_P(UnusedTensors, NamesOfWrappersAreTakenOffWhereverTheyStand) {
  const std::string digest = ModelWeights::from_tensors(architecture_, tensors_).digest();
  const auto inside = [](std::string name, const std::string& word) {
    const std::size_t at =
        name.find(".0.") != name.npos ? name.find(".0.") + 3 : name.find(".1.") + 3;
    return at < 3 || at > name.size() ? name : name.insert(at, word);
  };
  const auto with = [&](const auto& rename) {
    NamedTensors renamed = tensors_;
    for (NamedTensor& tensor : renamed.tensors) tensor.name = rename(tensor.name);
    return ModelWeights::from_tensors(architecture_, renamed).digest();
  };
  for (const char* prefix :
       {"module.", "_orig_mod.", "_fsdp_wrapped_module.", "_forward_module.model.",
        "base_model.model.", "pretrained_model.", "net.", "policy.", "state.model.",
        "module._orig_mod.net.", "ema.", "weights.of.mine."}) {
    EXPECT_EQ(with([&](const std::string& name) { return prefix + name; }), digest) << prefix;
  }
  for (const char* word : {"_checkpoint_wrapped_module.", "_fsdp_wrapped_module._orig_mod."}) {
    EXPECT_EQ(with([&](const std::string& name) { return inside(name, word); }), digest) << word;
  }
}

INSTANTIATE_TEST_SUITE_P(Transformers, UnusedTensors, ::testing::ValuesIn(models()),
                         [](const auto& info) { return info.param; });

// Names that are known, of what this model does not have or computes without.
TEST(LeftOutTensors, OfABlockAreRefusedByName) {
  const auto refused = [](const char* model, const std::string& copied, const std::string& name,
                          const char* why) {
    NamedTensors tensors = stored_model(kModelFolders / model).tensors;
    const Architecture architecture =
        HuggingFaceConfig::open(kModelFolders / model / "config.json").architecture;
    const auto found = std::ranges::find(tensors.tensors, copied, &NamedTensor::name);
    ASSERT_NE(found, tensors.tensors.end()) << copied;
    NamedTensor copy = *found;
    copy.name = name;
    tensors.tensors.push_back(copy);
    EXPECT_THAT([&] { ModelWeights::from_tensors(architecture, tensors); },
                ThrowsMessage<std::invalid_argument>(HasSubstr("tensor " + name + ": " + why)));
  };
  const std::string experts = "model.layers.1.block_sparse_moe.experts.";
  refused("mixtral", experts + "3.w1.weight", experts + "4.w1.weight",
          "is of expert 4 (from 0), and there are 4");
  refused("phi", "model.layers.0.input_layernorm.weight",
          "model.layers.0.post_attention_layernorm.weight",
          "is the ffn_norm_weight of block 1, which this phi computes without");
}

TEST(IdleTensors, OfEachFamilyAreLeftAlone) {
  const std::pair<const char*, const char*> idle[] = {
      {"llama", "model.layers.0.self_attn.rotary_emb.inv_freq"},
      {"mistral", "model.layers.1.self_attn.rotary_emb.inv_freq"},
      {"gpt2", "transformer.h.0.attn.bias"},
      {"gpt2", "h.1.attn.masked_bias"},
      {"gpt_neo", "transformer.h.0.attn.attention.bias"},
      {"gpt_neo", "transformer.h.1.attn.attention.masked_bias"},
      {"gptj", "transformer.h.0.attn.bias"},
      {"gptj", "transformer.h.1.attn.masked_bias"},
      {"gpt_neox_parallel", "gpt_neox.layers.0.attention.bias"},
      {"gpt_neox_parallel", "gpt_neox.layers.0.attention.rotary_emb.inv_freq"},
      {"falcon_7b", "transformer.h.0.self_attention.maybe_rotary.inv_freq"},
  };
  for (const auto& [model, name] : idle) {
    NamedTensors tensors = stored_model(kModelFolders / model).tensors;
    const Architecture architecture =
        HuggingFaceConfig::open(kModelFolders / model / "config.json").architecture;
    tensors.tensors.push_back(tensors.tensors.front());
    tensors.tensors.back().name = name;
    EXPECT_THAT(ModelWeights::from_tensors(architecture, tensors).warnings(), IsEmpty()) << name;
  }
}

// ---- the configuration held against the weights

/// A folder with a model of tests/data/architectures, some keys of its configuration changed.
class ChangedConfig {
 public:
  ChangedConfig(const std::string& model, const json& changes) {
    for (const auto& entry : std::filesystem::directory_iterator(kModelFolders / model)) {
      std::filesystem::copy(entry.path(), path() / entry.path().filename());
    }
    json config = json::parse(std::ifstream(path() / "config.json"));
    config.update(changes);
    std::filesystem::permissions(path() / "config.json", std::filesystem::perms::owner_all);
    std::ofstream(path() / "config.json") << config;
  }
  const std::filesystem::path& path() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
};

TEST(ConfiguredSizes, AreThoseOfTheWeights) {
  struct Case {
    const char* model;
    json changes;
    const char* why;
  };
  const Case cases[] = {
      {"llama", {{"intermediate_size", 22}}, "key intermediate_size"},
      {"llama", {{"intermediate_size", nullptr}}, "key intermediate_size"},
      {"llama", {{"num_hidden_layers", 1}}, "key num_hidden_layers"},
      {"llama", {{"hidden_size", 64}}, "key hidden_size"},
      {"llama", {{"vocab_size", 7}}, "key vocab_size"},
      {"gpt2", {{"n_positions", 7}}, "key max_position_embeddings"},
      {"gpt2", {{"n_inner", 8}}, "key intermediate_size"},
      {"opt", {{"ffn_dim", 8}}, "key intermediate_size"},
  };
  for (const auto& [model, changes, why] : cases) {
    const ChangedConfig changed(model, changes);
    EXPECT_THAT([&] { load_hugging_face(changed.path()); },
                ThrowsMessage<FileError>(HasSubstr(why)))
        << model << " " << changes;
  }
}

// As tensor-parallel training leaves it: embedding and norms whole, of all else one half.
TEST(ConfiguredSizes, OneRanksShardIsRefused) {
  const ChangedConfig whole("qwen2", json::object());
  const SafetensorsFile file = SafetensorsFile::open(whole.path() / "model.safetensors");
  const TemporaryFolder shard;
  SafetensorsWriter writer;
  for (const NamedTensor& tensor : file.tensors().tensors) {
    const auto has = [&](const char* part) { return tensor.name.find(part) != std::string::npos; };
    std::vector<std::int64_t> shape = tensor.view.shape;
    if (has("q_proj") || has("k_proj") || has("v_proj") || has("gate_proj") || has("up_proj")) {
      shape[0] /= 2;
    } else if (has("o_proj") || has("down_proj")) {
      shape[1] /= 2;
    }
    const TensorView view = {StoredType::f32, shape, nullptr};
    std::string sizes;
    for (const std::int64_t size : shape)
      sizes += (sizes.empty() ? "" : ",") + std::to_string(size);
    writer.tensors.push_back({.name = tensor.name,
                              .shape = "[" + sizes + "]",
                              .data = std::string(static_cast<std::size_t>(view.bytes()), '\0')});
  }
  std::filesystem::copy(whole.path() / "config.json", shard.path() / "config.json");
  shard.write("model.safetensors", writer.bytes());
  EXPECT_THAT([&] { load_hugging_face(shard.path()); },
              ThrowsMessage<FileError>(HasSubstr("key head_dim: is 6, but the weights have 3")));
}

// Transformers drops them too: the norms are those of the model without.
TEST(SwitchedOffBiases, AreNotUsedAndSaid) {
  const ChangedConfig off("llama_biases", {{"attention_bias", false}, {"mlp_bias", false}});
  const ModelWeights weights = load_hugging_face(off.path());
  EXPECT_THAT(weights.warnings(),
              ElementsAre(HasSubstr("biases are not used, since attention_bias is false: model."),
                          HasSubstr("biases are not used, since mlp_bias is false: model.")));
  const Attention& attention = *weights.blocks()[0].work<Attention>();
  const FeedForward& ffn = *weights.blocks()[0].work<FeedForward>();
  EXPECT_EQ(attention.value.bias.size(), 0);
  EXPECT_EQ(attention.output.bias.size(), 0);
  EXPECT_EQ(ffn.up.bias.size(), 0);
  EXPECT_EQ(ffn.down.bias.size(), 0);
  EXPECT_THAT(load_hugging_face(kModelFolders / "llama_biases").warnings(), IsEmpty());
}

TEST(SpecialTokens, OutsideTheVocabularyAreSaid) {
  const ChangedConfig changed("llama", {{"bos_token_id", 100'000}, {"pad_token_id", -1}});
  EXPECT_THAT(load_hugging_face(changed.path()).warnings(),
              ElementsAre(HasSubstr("bos_token_id 100000 lies outside the vocabulary")));
}

TEST(SecondCheckpoints, AreSaid) {
  const ChangedConfig folder("llama", json::object());
  EXPECT_THAT(load_hugging_face(folder.path()).warnings(), IsEmpty());
  std::ofstream(folder.path() / "pytorch_model.bin") << "another";
  EXPECT_THAT(load_hugging_face(folder.path()).warnings(),
              ElementsAre("pytorch_model.bin is not used, since model.safetensors is there"));
}

}  // namespace
}  // namespace azimuth::testing
