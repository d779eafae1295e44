#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>

#include "azimuth/gguf_model.h"

namespace azimuth {
namespace {

using ::testing::ElementsAre;

class SmolLM2File : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* path = std::getenv("AZIMUTH_SMOLLM2");
    ASSERT_NE(path, nullptr) << "set AZIMUTH_SMOLLM2 to the path that scripts/fetch_model prints";
    path_ = path;
  }

  std::filesystem::path path_;
};

TEST_F(SmolLM2File, HasItsArchitectureAndSizes) {
  const ModelWeights weights = load_gguf(path_);
  EXPECT_EQ(weights.architecture().name, "llama");
  EXPECT_EQ(weights.architecture().heads, 9);
  EXPECT_EQ(weights.architecture().kv_heads, 3);
  EXPECT_FLOAT_EQ(static_cast<float>(weights.architecture().norm_epsilon), 1e-5f);
  EXPECT_THAT(weights.architecture().special_token_ids, ElementsAre(1, 2, 0));
  EXPECT_EQ(weights.hidden_size(), 576);
  EXPECT_EQ(weights.ffn_size(), 1536);
  EXPECT_EQ(weights.head_size(), 64);
  EXPECT_EQ(weights.vocab_size(), 49152);
  EXPECT_EQ(weights.blocks().size(), 30u);
  EXPECT_EQ(weights.sizes().parameter_count, 134'515'008);
}

TEST_F(SmolLM2File, HasItsMetadataAndTensors) {
  const GgufFile file = GgufFile::open(path_);
  EXPECT_EQ(file.keys().size(), 33u);
  EXPECT_EQ(file.strings("tokenizer.ggml.tokens").size(), 49152u);
  EXPECT_EQ(file.strings("tokenizer.ggml.tokens")[4052],
            "\xc4\xa0"
            "distance");
  EXPECT_EQ(file.integers("tokenizer.ggml.token_type").size(), 49152u);
  const NamedTensors tensors = file.tensors();
  ASSERT_EQ(tensors.tensors.size(), 272u);
  std::map<StoredType, int> types;
  for (const NamedTensor& tensor : tensors.tensors) ++types[tensor.view.type];
  EXPECT_EQ(types[StoredType::q4_1], 210);
  EXPECT_EQ(types[StoredType::f32], 61);
  EXPECT_EQ(types[StoredType::q8_0], 1);
  EXPECT_EQ(tensors.tensors[0].name, "token_embd.weight");
  EXPECT_THAT(tensors.tensors[0].view.shape, ElementsAre(49152, 576));
}

TEST_F(SmolLM2File, IsRefusedWhereverItIsCut) {
  const std::filesystem::path cut = std::filesystem::path(::testing::TempDir()) /
                                    ("azimuth_cut_" + std::to_string(::getpid()) + ".gguf");
  std::filesystem::copy_file(path_, cut, std::filesystem::copy_options::overwrite_existing);
  const std::uintmax_t size = std::filesystem::file_size(path_);
  EXPECT_NO_THROW(load_gguf(cut));
  for (std::uintmax_t percent = 100; percent-- > 0;) {
    std::filesystem::resize_file(cut, size * percent / 100);
    EXPECT_THROW(load_gguf(cut), FileError) << "cut at " << percent << "%";
  }
  std::filesystem::remove(cut);
}

}  // namespace
}  // namespace azimuth
