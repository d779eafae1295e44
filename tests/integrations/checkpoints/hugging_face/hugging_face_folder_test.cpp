#include "azimuth/hugging_face_folder.h"

#include <gmock/gmock.h>

#include <functional>
#include <iterator>
#include <map>
#include <numeric>

#include "azimuth/open_model.h"
#include "integrations/checkpoints/pytorch/pytorch_writer.h"

namespace azimuth {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::ThrowsMessage;
using namespace azimuth::testing;

constexpr const char* kConfig =
    R"({"model_type":"llama","num_attention_heads":2,"num_key_value_heads":1,"hidden_size":8,
        "intermediate_size":12,"num_hidden_layers":1,"vocab_size":16,"bos_token_id":1,
        "eos_token_id":2})";

// Numbers that differ from place to place and from tensor to tensor.
SafetensorsTensor tensor(const std::string& name, int rows, int columns) {
  std::vector<float> numbers(static_cast<std::size_t>(std::max(rows, 1) * columns));
  std::iota(numbers.begin(), numbers.end(), static_cast<float>(name.size()));
  const std::string shape = (rows > 0 ? std::to_string(rows) + "," : "") + std::to_string(columns);
  return {name, R"("F32")", "[" + shape + "]", f32_data(numbers)};
}

// 8 wide, 2 heads that share one KV head of 4, one block, FFN of 12, 16 tokens.
std::vector<SafetensorsTensor> small_llama() {
  const std::string block = "model.layers.0.";
  return {tensor("model.embed_tokens.weight", 16, 8),
          tensor(block + "input_layernorm.weight", 0, 8),
          tensor(block + "self_attn.q_proj.weight", 8, 8),
          tensor(block + "self_attn.k_proj.weight", 4, 8),
          tensor(block + "self_attn.v_proj.weight", 4, 8),
          tensor(block + "self_attn.o_proj.weight", 8, 8),
          tensor(block + "post_attention_layernorm.weight", 0, 8),
          tensor(block + "mlp.gate_proj.weight", 12, 8),
          tensor(block + "mlp.up_proj.weight", 12, 8),
          tensor(block + "mlp.down_proj.weight", 8, 12),
          {"model.layers.0.attn.mask", R"("BOOL")", "[4]", std::string(4, '\1')},
          tensor("model.norm.weight", 0, 8)};
}

std::string file_of(std::vector<SafetensorsTensor> tensors) {
  SafetensorsWriter writer;
  writer.tensors = std::move(tensors);
  return writer.bytes();
}

/// The files of a folder by name: a hostile folder is a valid one with one file changed.
using Files = std::map<std::string, std::string>;

Files small_folder() {
  return {{"config.json", kConfig}, {"model.safetensors", file_of(small_llama())}};
}

std::string index_of(const std::map<std::string, std::string>& weight_map) {
  std::string text;
  for (const auto& [name, shard] : weight_map) {
    text += (text.empty() ? "\"" : ",\"") + name + "\":\"" + shard + "\"";
  }
  return R"({"metadata":{"total_size":1},"weight_map":{)" + text + "}}";
}

std::string shard(int number) {
  return "model-0000" + std::to_string(number) + "-of-00002.safetensors";
}

// The first five tensors in one shard, the others in another.
std::map<std::string, std::string> small_weight_map() {
  std::map<std::string, std::string> map;
  const auto tensors = small_llama();
  for (std::size_t i = 0; i < tensors.size(); ++i) map[tensors[i].name] = shard(i < 5 ? 1 : 2);
  return map;
}

Files small_sharded_folder() {
  const auto tensors = small_llama();
  return {{"config.json", kConfig},
          {"model.safetensors.index.json", index_of(small_weight_map())},
          {shard(1), file_of({tensors.begin(), tensors.begin() + 5})},
          {shard(2), file_of({tensors.begin() + 5, tensors.end()})}};
}

void write(const TemporaryFolder& folder, const Files& files) {
  for (const auto& [name, bytes] : files) folder.write(name, bytes);
}

ModelWeights load(const Files& files) {
  const TemporaryFolder folder;
  write(folder, files);
  return load_hugging_face(folder.path());
}

TEST(HuggingFaceFolder, WeightsHaveTheSizesOfTheFileAndOutliveIt) {
  const ModelWeights weights = load(small_folder());
  EXPECT_EQ(weights.architecture().name, "llama");
  EXPECT_THAT(weights.architecture().special_token_ids, ElementsAre(1, 2));
  EXPECT_EQ(weights.hidden_size(), 8);
  EXPECT_EQ(weights.ffn_size(), 12);
  EXPECT_EQ(weights.vocab_size(), 16);
  EXPECT_EQ(weights.head_size(), 4);
  EXPECT_EQ(weights.blocks().size(), 1u);
  EXPECT_EQ(weights.sizes().parameter_count, 16 * 8 + 3 * 8 + 24 * 8 + 3 * 12 * 8);
  const std::int64_t ids[] = {1};
  EXPECT_EQ(weights.embed(ids)(3, 0), 25 + 8 + 3);  // 25 letters in the name of the embedding
}

TEST(HuggingFaceFolder, ShardsAreTheSameWeights) {
  const ModelWeights whole = load(small_folder());
  const ModelWeights sharded = load(small_sharded_folder());
  EXPECT_EQ(sharded.digest(), whole.digest());
  EXPECT_EQ(sharded.sizes().parameter_count, whole.sizes().parameter_count);
  const std::int64_t ids[] = {1};
  EXPECT_EQ(sharded.embed(ids), whole.embed(ids));
}

TEST(HuggingFaceFolder, EveryTensorIsReadFromTheShardThatTheIndexNames) {
  Files files = small_sharded_folder();
  auto tensors = small_llama();
  SafetensorsTensor other = tensors[0];
  other.data = std::string(other.data.size(), '\0');
  files[shard(2)] = file_of({other, tensors[5], tensors[6], tensors[7], tensors[8], tensors[9],
                             tensors[10], tensors[11]});
  EXPECT_EQ(load(files).digest(), load(small_folder()).digest());
  auto map = small_weight_map();
  map[other.name] = shard(2);
  files["model.safetensors.index.json"] = index_of(map);
  EXPECT_NE(load(files).digest(), load(small_folder()).digest());
}

TEST(HuggingFaceFolder, SingleFileGoesBeforeTheIndex) {
  Files files = small_folder();
  files["model.safetensors.index.json"] = "nothing of use";
  EXPECT_EQ(load(files).digest(), load(small_folder()).digest());
}

TEST(HuggingFaceFolder, SafetensorsGoBeforePyTorch) {
  for (Files files : {small_folder(), small_sharded_folder()}) {
    files["pytorch_model.bin"] = "nothing of use";
    files["pytorch_model.bin.index.json"] = "nothing of use";
    EXPECT_EQ(load(files).digest(), load(small_folder()).digest());
  }
}

struct BadFolder {
  const char* name;
  std::function<void(Files&)> damage;  ///< of the small folder with shards
  std::string words;                   ///< behind the folder's name
};

void PrintTo(const BadFolder& folder, std::ostream* out) { *out << folder.name; }

const std::string kIndex = "model.safetensors.index.json";
const std::string kEmbedding = "model.embed_tokens.weight";

// The index says that the embedding is in `file`.
std::function<void(Files&)> embedding_in(const std::string& file) {
  return [file](Files& files) {
    auto map = small_weight_map();
    map[kEmbedding] = file;
    files[kIndex] = index_of(map);
  };
}

std::function<void(Files&)> config_with(const std::string& from, const std::string& to) {
  return [from, to](Files& files) {
    std::string& text = files["config.json"];
    text.replace(text.find(from), from.size(), to);
  };
}

const std::string kOutside = "/" + kIndex + ": tensor " + kEmbedding + ": its file '";

const BadFolder kBadFolders[] = {
    {"NoConfig", [](auto& f) { f.erase("config.json"); },
     ": config.json: is missing: a Hugging Face folder holds it, and one of model.safetensors, "
     "model.safetensors.index.json, pytorch_model.bin and pytorch_model.bin.index.json"},
    {"NoWeights", [](auto& f) { f.erase(kIndex); },
     ": weights: the folder has none of model.safetensors, model.safetensors.index.json, "
     "pytorch_model.bin and pytorch_model.bin.index.json"},
    {"PyTorchOfAnotherFormat",
     [](auto& f) {
       f.erase(kIndex);
       f["pytorch_model.bin"] = "weights";
     },
     "/pytorch_model.bin: format: is neither"},
    {"PyTorchShardAbove",
     [](auto& f) {
       f.erase(kIndex);
       f["pytorch_model.bin.index.json"] = R"({"weight_map":{"a":"../model.bin"}})";
     },
     "/pytorch_model.bin.index.json: tensor a: its file '../model.bin' is not the name of a file"},
    {"PyTorchShardMissing",
     [](auto& f) {
       f.erase(kIndex);
       f["pytorch_model.bin.index.json"] = R"({"weight_map":{"a":"model.bin"}})";
     },
     "/model.bin: cannot be opened: "},
    {"BadConfig", [](auto& f) { f["config.json"] = R"({"model_type":"mamba"})"; },
     "/config.json: key model_type: 'mamba' is not known"},
    {"EmptyConfig", [](auto& f) { f["config.json"] = ""; },
     "/config.json: cannot be read: the file is empty"},
    {"IndexNoJson", [](auto& f) { f[kIndex] = "weights"; }, "/" + kIndex + ": JSON: parse error"},
    {"IndexNotUtf8", [](auto& f) { f[kIndex] = "{\"weight_map\":{\"\xff\":\"b\"}}"; },
     "/" + kIndex + ": JSON: parse error"},
    {"IndexTooDeep", [](auto& f) { f[kIndex] = std::string(100'000, '['); },
     "/" + kIndex + ": JSON: is nested more than 32 deep"},
    {"IndexIsAnArray", [](auto& f) { f[kIndex] = "[]"; },
     "/" + kIndex + ": key weight_map: is missing"},
    {"IndexWithoutMap", [](auto& f) { f[kIndex] = "{}"; },
     "/" + kIndex + ": key weight_map: is missing"},
    {"MapIsAnArray", [](auto& f) { f[kIndex] = R"({"weight_map":[]})"; },
     "/" + kIndex + ": key weight_map: is not an object"},
    {"MapIsEmpty", [](auto& f) { f[kIndex] = R"({"weight_map":{}})"; },
     ": model: architecture llama: no parameter for token_embedding"},
    {"ShardIsANumber", [](auto& f) { f[kIndex] = R"({"weight_map":{"a":1}})"; },
     "/" + kIndex + ": tensor a: its file is not a string"},
    {"TensorTwiceInTheIndex", [](auto& f) { f[kIndex] = R"({"weight_map":{"a":"b","a":"c"}})"; },
     "/" + kIndex + ": JSON: \"a\" appears twice"},
    {"ShardAbove", embedding_in("../model.safetensors"), kOutside + "../model.safetensors' is not"},
    {"ShardBelow", embedding_in("a/model.safetensors"), kOutside + "a/model.safetensors' is not"},
    {"ShardAbsolute", embedding_in("/etc/passwd"), kOutside + "/etc/passwd' is not"},
    {"ShardIsTheFolderAbove", embedding_in(".."), kOutside + "..' is not"},
    {"ShardIsTheFolder", embedding_in("."), kOutside + ".' is not"},
    {"ShardHidden", embedding_in(".model.safetensors"), kOutside + ".model.safetensors' is hidden"},
    {"ShardWithoutName", embedding_in(""), kOutside + "' is not"},
    {"ShardWithANullByte", embedding_in(shard(1) + "\\u0000.bin"),
     kOutside + shard(1) + "\\x00.bin' is not the name of a file in this folder"},
    {"ShardMissing", [](auto& f) { f.erase(shard(2)); }, "/" + shard(2) + ": cannot be opened: "},
    {"ShardCut", [](auto& f) { f[shard(2)].pop_back(); }, "/" + shard(2) + ": tensor "},
    {"ShardIsTheIndex", embedding_in(kIndex), "/" + kIndex + ": header: "},
    {"ShardLacksATensor", embedding_in(shard(2)),
     "/" + shard(2) + ": tensor " + kEmbedding +
         ": is missing, though model.safetensors.index.json says that it is here"},
    {"IndexLacksATensor",
     [](auto& f) {
       auto map = small_weight_map();
       map.erase("model.layers.0.self_attn.v_proj.weight");
       f[kIndex] = index_of(map);
     },
     ": model: architecture llama: no parameter for value_weight of block 1"},
    {"TensorOfAnotherShape",
     [](auto& f) {
       auto tensors = small_llama();
       f[shard(2)] = file_of({tensor(tensors[5].name, 4, 16), tensors[6], tensors[7], tensors[8],
                              tensors[9], tensors[10], tensors[11]});
     },
     ": model: tensor model.layers.0.self_attn.o_proj.weight: shape {4, 16}"},
    {"AnotherHiddenSize", config_with(R"("hidden_size":8)", R"("hidden_size":16)"),
     "/config.json: key hidden_size: is 16, but the weights have 8"},
    {"MoreBlocks", config_with(R"("num_hidden_layers":1)", R"("num_hidden_layers":2)"),
     "/config.json: key num_hidden_layers: is 2, but the weights have 1"},
    {"AnotherVocabulary", config_with(R"("vocab_size":16)", R"("vocab_size":17)"),
     "/config.json: key vocab_size: is 17, but the weights have 16"},
};

class BadHuggingFaceFolder : public ::testing::TestWithParam<BadFolder> {};

TEST_P(BadHuggingFaceFolder, IsOneClearError) {
  Files files = small_sharded_folder();
  GetParam().damage(files);
  const TemporaryFolder folder;
  write(folder, files);
  EXPECT_THAT([&] { load_hugging_face(folder.path()); },
              ThrowsMessage<FileError>(StartsWith(folder.path().string() + GetParam().words)));
}

INSTANTIATE_TEST_SUITE_P(All, BadHuggingFaceFolder, ::testing::ValuesIn(kBadFolders),
                         [](const auto& info) { return std::string(info.param.name); });

// One more tensor, or another in its place, in a shard that the index names.
Files with_tensor(const SafetensorsTensor& other) {
  auto tensors = small_llama();
  std::erase_if(tensors, [&](const SafetensorsTensor& t) { return t.name == other.name; });
  tensors.push_back(other);
  std::map<std::string, std::string> map;
  for (const SafetensorsTensor& t : tensors) map[t.name] = shard(1);
  return {{"config.json", kConfig}, {kIndex, index_of(map)}, {shard(1), file_of(tensors)}};
}

SafetensorsTensor doubles(const std::string& name, int count) {
  return {name, R"("F64")", "[" + std::to_string(count) + "]",
          std::string(static_cast<std::size_t>(8 * count), '\0')};
}

TEST(HuggingFaceFolder, TensorsThatCannotBeReadAndPlayNoRoleChangeNothing) {
  const ModelWeights expected = load(small_folder());
  for (const SafetensorsTensor& other : {
           doubles("model.layers.0.self_attn.rotary_emb.inv_freq", 2),
           SafetensorsTensor{"freqs_cis", R"("C64")", "[2]", std::string(16, '\0')},
           SafetensorsTensor{"lm_head.weight", R"("F32")", "[0]", ""},
           SafetensorsTensor{"lm_head.weight", R"("")", "[]", ""},
       }) {
    SCOPED_TRACE(other.name);
    const ModelWeights weights = load(with_tensor(other));
    EXPECT_EQ(weights.digest(), expected.digest());
    EXPECT_EQ(weights.sizes().parameter_count, expected.sizes().parameter_count);
  }
}

TEST(HuggingFaceFolder, TensorsThatCannotBeReadAndPlayARoleAreNamedWithTheReason) {
  const std::string block = "model.layers.0.self_attn.";
  const std::pair<SafetensorsTensor, std::string> cases[] = {
      {doubles(block + "v_proj.weight", 32), "its type is F64"},
      {doubles(block + "v_proj.bias", 4), "its type is F64"},
      {{block + "o_proj.weight", R"("I8")", "[8,8]", std::string(64, '\0')}, "its type is I8"},
      {{block + "v_proj.bias", R"("F32")", "[0]", ""}, "has a dimension of 0"},
      {doubles("lm_head.weight", 128), "its type is F64"},  // counts in the digest
  };
  for (const auto& [other, why] : cases) {
    EXPECT_THAT([&] { load(with_tensor(other)); },
                ThrowsMessage<FileError>(HasSubstr(": tensor " + other.name + ": " + why)));
  }
}

TEST(HuggingFaceFolder, AnotherConfigIsReadInThePlaceOfItsOwn) {
  const TemporaryFolder folder;
  const TemporaryFolder elsewhere;
  std::string text = kConfig;
  text.replace(text.find(R"("bos_token_id":1)"), 16, R"("bos_token_id":3)");
  const std::filesystem::path config = elsewhere.write("other.json", text);
  for (Files files : {small_folder(), small_sharded_folder()}) {
    write(folder, files);
    const ModelWeights weights = load_hugging_face(folder.path(), config);
    EXPECT_THAT(weights.architecture().special_token_ids, ElementsAre(3, 2));
    EXPECT_THAT(open_model(folder.path(), {.config = config}).architecture().special_token_ids,
                ElementsAre(3, 2));
    std::filesystem::remove(folder / "config.json");
    EXPECT_EQ(load_hugging_face(folder.path(), config).digest(), weights.digest());
    std::filesystem::remove(folder / "model.safetensors");
  }
  EXPECT_THAT([&] { load_hugging_face(folder.path(), elsewhere / "none.json"); },
              ThrowsMessage<FileError>(HasSubstr("none.json: cannot be opened")));
}

TEST(HuggingFaceFolder, NoFolderIsAnError) {
  const TemporaryFolder folder;
  EXPECT_THAT([&] { load_hugging_face(folder.path() / "none"); },
              ThrowsMessage<FileError>(HasSubstr("none: config.json: is missing")));
}

// Models that Transformers itself wrote.
const std::filesystem::path kModels = AZIMUTH_TEST_DATA "/architectures";

TEST(HuggingFaceFolder, WhatTransformersWroteIsRead) {
  int models = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kModels)) {
    if (!entry.is_directory()) continue;
    SCOPED_TRACE(entry.path().filename().string());
    ++models;
    EXPECT_NO_THROW({
      const ModelWeights weights = load_hugging_face(entry.path());
      EXPECT_EQ(weights.vocab_size(), 37);
      EXPECT_EQ(weights.architecture().special_token_ids.front(), 1) << "BOS";
      EXPECT_GT(weights.sizes().parameter_count, 0);
    });
  }
  EXPECT_GE(models, 18) << "one of each family";
}

// The model of architectures/mixtral, whose norms are those of Transformers, by its other names.
const std::filesystem::path kFusedExperts = AZIMUTH_TEST_DATA "/fused_experts";

TEST(HuggingFaceFolder, ExpertsInOneTensorAreThoseOfOneTensorEach) {
  const ModelWeights fused = load_hugging_face(kFusedExperts);
  const ModelWeights expected = load_hugging_face(kModels / "mixtral");
  EXPECT_EQ(fused.digest(), expected.digest());
  EXPECT_EQ(fused.sizes().parameter_count, expected.sizes().parameter_count);
}

TEST(HuggingFaceFolder, ExpertsInOneTensorOfAnotherShapeAreAnError) {
  const std::string bytes = bytes_of(kFusedExperts / "model.safetensors");
  const std::string config = bytes_of(kFusedExperts / "config.json");
  const TemporaryFolder folder;
  folder.write("model.safetensors", bytes);
  const auto load_with = [&](const std::string& from, const std::string& to) {
    std::string changed = config;
    changed.replace(changed.find(from), from.size(), to);
    folder.write("config.json", changed);
    return [&] { load_hugging_face(folder.path()); };
  };
  EXPECT_THAT(load_with(R"("num_local_experts": 4)", R"("num_local_experts": 3)"),
              ThrowsMessage<FileError>(
                  HasSubstr("model: tensor model.layers.0.mlp.experts.gate_up_proj: shape {4, 40, "
                            "24} is not that of matrices of 24 inputs for each of 3 experts")));
  std::string odd = bytes;
  const std::string shape = R"("shape":[4,40,24])";
  odd.replace(odd.find(shape), shape.size(), R"("shape":[4,24,40])");
  folder.write("model.safetensors", odd);
  EXPECT_THAT(load_with("", ""),
              ThrowsMessage<FileError>(HasSubstr("is transposed, and others are not")));
}

TEST(HuggingFaceFolder, RealFileIsRefusedWhereverItIsCut) {
  std::ifstream stream(kModels / "llama" / "model.safetensors", std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(stream), {});
  ASSERT_GT(bytes.size(), 1'000u);
  const TemporaryFolder folder;
  std::filesystem::copy(kModels / "llama" / "config.json", folder.path());
  for (std::size_t percent = 0; percent < 100; ++percent) {
    folder.write("model.safetensors", bytes.substr(0, bytes.size() * percent / 100));
    EXPECT_THAT([&] { load_hugging_face(folder.path()); },
                ThrowsMessage<FileError>(HasSubstr("model.safetensors: ")))
        << "cut at " << percent << "%";
  }
  folder.write("model.safetensors", bytes);
  EXPECT_NO_THROW(load_hugging_face(folder.path()));
}

}  // namespace
}  // namespace azimuth
