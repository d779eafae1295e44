// Models whose weights are quantised, against Transformers' pass with the weights that the methods'
// own programs give back: tests/data/quantised/README.md.

#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "azimuth/decoded_rows.h"
#include "azimuth/hugging_face_config.h"
#include "azimuth/hugging_face_folder.h"
#include "azimuth/lora_adapter.h"
#include "azimuth/safetensors_file.h"
#include "hugging_face/quantisation.h"
#include "integrations/checkpoints/hugging_face/quantised_folder.h"
#include "support/one_token_norms.h"

namespace azimuth::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kGptOss = "gpt_oss_mxfp4";

// The LLaMAs.
std::vector<std::string> cases() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kQuantised)) {
    const std::string name = entry.path().filename();
    if (exists(entry.path() / "config.json") && name != kGptOss) names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

json expected_of(const std::string& folder) {
  return json::parse(contents_of(kQuantised / folder / "hidden_states.json"));
}

void expect_norms(const ModelWeights& weights, const json& expected) {
  const Passes found = passes(weights, expected["token_ids"].get<std::vector<std::int64_t>>());
  EXPECT_LT(difference(found.initial, expected["norms"].get<Norms>()), 1e-5);
  EXPECT_LT(difference(found.zero_attention, expected["zero_attention_norms"].get<Norms>()), 1e-5);
}

// Decoded, and nothing else done with them.
NamedTensors decoded(const std::filesystem::path& folder) {
  const HuggingFaceConfig config = HuggingFaceConfig::open(folder / "config.json");
  return decode_quantised(*config.quantisation,
                          SafetensorsFile::open(folder / "model.safetensors").tensors());
}

std::vector<TensorView> quantised_in(const NamedTensors& all) {
  std::vector<TensorView> views;
  for (const NamedTensor& tensor : all.tensors) {
    if (tensor.view.type == StoredType::in_pieces) views.push_back(tensor.view);
  }
  return views;
}

std::vector<float> numbers_of(const TensorView& view, std::int64_t first, std::int64_t count,
                              Nudge nudge = {}) {
  std::vector<float> numbers(static_cast<std::size_t>(count * view.columns()));
  unpack(view, first, count, numbers.data(), nudge);
  return numbers;
}

class Quantised : public ::testing::TestWithParam<std::string> {
 protected:
  const std::filesystem::path folder_ = kQuantised / GetParam();
};

TEST_P(Quantised, NormsAreThoseOfTransformers) {
  const ModelWeights weights = load_hugging_face(folder_);
  EXPECT_THAT(weights.warnings(), IsEmpty());
  expect_norms(weights, expected_of(GetParam()));
}

TEST_P(Quantised, NumbersAreCountedAndNotTheirPieces) {
  const ModelWeights weights = load_hugging_face(folder_);
  const json config = json::parse(contents_of(folder_ / "config.json"));
  const auto size = [&](const char* key) { return config[key].get<std::int64_t>(); };
  const std::int64_t d = size("hidden_size");
  const std::int64_t attention =
      2 * d * size("head_dim") * (size("num_attention_heads") + size("num_key_value_heads"));
  const std::int64_t block = attention + 3 * d * size("intermediate_size") + 2 * d;
  EXPECT_EQ(weights.sizes().parameter_count,
            size("num_hidden_layers") * block + 2 * d * size("vocab_size") + d);
}

TEST_P(Quantised, RowsAreTheSameHoweverManyAreAskedFor) {
  const NamedTensors all = decoded(folder_);
  ASSERT_THAT(quantised_in(all), ::testing::SizeIs(::testing::Ge(13u)));
  for (const TensorView& view : quantised_in(all)) {
    const std::int64_t rows = view.rows();
    const std::vector<float> whole = numbers_of(view, 0, rows);
    for (const std::int64_t at_once : {1, 3}) {
      std::vector<float> pieces;
      for (std::int64_t row = 0; row < rows; row += at_once) {
        const auto some = numbers_of(view, row, std::min(at_once, rows - row));
        pieces.insert(pieces.end(), some.begin(), some.end());
      }
      EXPECT_EQ(pieces, whole);
    }
    const TensorView part = part_of(view, 2, {3, view.columns()});
    EXPECT_EQ(numbers_of(part, 1, 2), numbers_of(view, 3, 2));
  }
}

// Half of the distance to the next level is never more than half of what two neighbours differ by.
TEST_P(Quantised, NudgesGoEitherWayByHalfAStep) {
  const NamedTensors all = decoded(folder_);
  for (const TensorView& view : quantised_in(all)) {
    const std::vector<float> plain = numbers_of(view, 0, view.rows());
    const std::vector<float> nudged = numbers_of(view, 0, view.rows(), {true, 7});
    EXPECT_NE(numbers_of(view, 0, view.rows(), {true, 8}), nudged);
    // The same again, whoever asks for it.
    EXPECT_EQ(
        numbers_of(view, 1, 1, {true, 7}),
        std::vector<float>(nudged.begin() + view.columns(), nudged.begin() + 2 * view.columns()));
    double up = 0;
    double largest = 0;
    double largest_step = 0;
    for (std::size_t i = 0; i < plain.size(); ++i) {
      EXPECT_NE(nudged[i], plain[i]);
      up += nudged[i] > plain[i];
      largest = std::max<double>(largest, std::abs(plain[i]));
      largest_step = std::max<double>(largest_step, std::abs(nudged[i] - plain[i]));
    }
    EXPECT_NEAR(up / static_cast<double>(plain.size()), 0.5, 0.12);
    // From 8 bits to the 15 steps of 4, a seventh of the largest of which is half of one.
    EXPECT_GT(largest_step, largest / 600);
    EXPECT_LT(largest_step, largest / 6);
  }
}

// Every stored piece is part of the digest and of the fingerprint; what is not is left out by name.
TEST_P(Quantised, DigestsAreThoseOfAllPieces) {
  const ModelWeights weights = load_hugging_face(folder_);
  const std::string digest = weights.digest();
  const std::string fingerprint = weights.fingerprint();
  EXPECT_EQ(digest.size(), 64u);
  const QuantisedFolder original(folder_);
  std::set<std::string> tried;
  for (const SafetensorsTensor& tensor : original.tensors) {
    if (!tensor.name.starts_with("model.layers.1.mlp.up_proj.")) continue;
    const std::string piece = tensor.name.substr(27);
    const bool is_idle = piece == "weight.quant_map" || piece == "activation_scale";
    QuantisedFolder changed = original;
    std::string& data = changed.tensor(tensor.name).data;
    data[0] = static_cast<char>(data[0] ^ 1);  // the lowest bit, but of JSON
    const TemporaryFolder folder;
    try {
      const ModelWeights other = load_hugging_face(changed.write(folder));
      EXPECT_EQ(other.digest() == digest, is_idle) << piece;
      EXPECT_EQ(other.fingerprint() == fingerprint, is_idle) << piece;
      tried.insert(piece);
    } catch (const FileError&) {
    }
  }
  EXPECT_GE(tried.size(), 2u);  // levels and scales
}

INSTANTIATE_TEST_SUITE_P(Methods, Quantised, ::testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param; });

TEST(QuantisedDigests, DifferWhereTheSameBytesMeanOtherNumbers) {
  QuantisedFolder gptq(kQuantised / "gptq");
  const TemporaryFolder one;
  const TemporaryFolder two;
  const ModelWeights v1 = load_hugging_face(gptq.write(one));
  gptq.config["quantization_config"]["checkpoint_format"] = "gptq_v2";
  const ModelWeights v2 = load_hugging_face(gptq.write(two));
  EXPECT_NE(v1.digest(), v2.digest());
  EXPECT_NE(v1.bfloat16_digest(*std::make_unique<Workers>()),
            v2.bfloat16_digest(*std::make_unique<Workers>()));
}

TEST(QuantisedNudges, AreHalfAStepOfALevel) {
  const NamedTensors int8 = decoded(kQuantised / "compressed_int8");
  const NamedTensors fp8 = decoded(kQuantised / "fp8_tensor");
  const auto moved_by = [](const NamedTensors& all) {
    const auto found = std::ranges::find(all.tensors, "model.layers.0.self_attn.q_proj.weight",
                                         &NamedTensor::name);
    const std::vector<float> plain = numbers_of(found->view, 0, 1);
    const std::vector<float> nudged = numbers_of(found->view, 0, 1, {true, 3});
    std::vector<std::pair<float, float>> all_moves;
    for (std::size_t i = 0; i < plain.size(); ++i) {
      all_moves.emplace_back(std::abs(plain[i]), std::abs(nudged[i] - plain[i]));
    }
    return all_moves;
  };
  // Levels are whole numbers: twice the move divides every number.
  for (const auto& [number, move] : moved_by(int8)) {
    EXPECT_NEAR(std::remainder(number / (2 * move), 1.0f), 0, 1e-3);
  }
  // Of a float of 3 bits behind the point, from 1/30 to 1/16 of the number.
  for (const auto& [number, move] : moved_by(fp8)) {
    EXPECT_GE(move / number, 1 / 31.0f);
    EXPECT_LE(move / number, 1 / 15.9f);
  }
}

TEST(QuantisedBase, TakesAnAdapter) {
  const ModelWeights base = load_hugging_face(kQuantised / "bnb_nf4");
  const ModelWeights tuned = with_lora_adapter(base, kQuantised / "bnb_nf4_adapter");
  expect_norms(tuned, expected_of("bnb_nf4_adapter"));
  EXPECT_NE(tuned.digest(), base.digest());
}

TEST(QuantisedBase, WithAValueThatIsNoNumberIsNamed) {
  QuantisedFolder fp8(kQuantised / "fp8_blocks");
  const std::string name = "model.layers.1.mlp.up_proj.weight";
  fp8.set<std::uint8_t>(name, 30, 0x7f);
  const TemporaryFolder folder;
  Workers workers;
  const std::vector<std::int64_t> ids = {1};
  const auto found = load_hugging_face(fp8.write(folder)).first_nonfinite(ids, workers);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name, name);
  EXPECT_FALSE(load_hugging_face(kQuantised / "fp8_blocks").first_nonfinite(ids, workers));
}

// ---- what lies there as it is

constexpr const char* kPlain = "model.layers.0.mlp.down_proj";

// Transformers computes with it, and so does the pass.
TEST(PlainWeights, NeedNotBeNamedWhereTransformersTakesThem) {
  QuantisedFolder fp8(kQuantised / "fp8_powers");
  fp8.config["quantization_config"].erase("modules_to_not_convert");
  const TemporaryFolder one;
  expect_norms(load_hugging_face(fp8.write(one)), expected_of("fp8_powers"));
  QuantisedFolder compressed(kQuantised / "compressed_packed");
  compressed.config["quantization_config"]["ignore"] = {"lm_head"};
  const TemporaryFolder two;
  expect_norms(load_hugging_face(compressed.write(two)), expected_of("compressed_packed"));
}

TEST(PlainWeights, OfAwqAndGptqAreNamedInTheConfiguration) {
  const std::string why = "tensor " + std::string(kPlain) +
                          ".weight: is not quantised, and quantization_config does not leave it "
                          "out: Transformers would not take it";
  const auto expect = [&](const QuantisedFolder& model, bool refused) {
    const TemporaryFolder folder;
    model.write(folder);
    if (refused) {
      EXPECT_THAT([&] { load_hugging_face(folder.path()); },
                  ::testing::ThrowsMessage<FileError>(HasSubstr(why)));
    } else {
      EXPECT_NO_THROW(load_hugging_face(folder.path()));
    }
  };
  QuantisedFolder awq(kQuantised / "awq");
  json& left_out = awq.config["quantization_config"]["modules_to_not_convert"];
  expect(awq, false);
  for (const char* named : {"down_proj", "model.layers.0", "layers.0.mlp", ".*down.*"}) {
    left_out = {named};
    expect(awq, false);
  }
  for (const json& others : {json(nullptr), json::array(), json({"lm_head", "layers.1."})}) {
    left_out = others;
    expect(awq, true);
  }
  QuantisedFolder gptq(kQuantised / "gptq");
  for (const char* piece : {".qweight", ".qzeros", ".scales", ".g_idx"}) {
    gptq.remove(kPlain + std::string(piece));
  }
  const std::int64_t d = gptq.config["hidden_size"];
  const std::int64_t f = gptq.config["intermediate_size"];
  gptq.tensors.push_back({kPlain + std::string(".weight"), R"("F32")", json({d, f}).dump(),
                          std::string(static_cast<std::size_t>(4 * d * f), '\0')});
  expect(gptq, true);
  json& config = gptq.config["quantization_config"];
  config["modules_in_block_to_quantize"] = {{"self_attn.k_proj"}};
  expect(gptq, false);
  config["modules_in_block_to_quantize"] = nullptr;
  expect(gptq, true);
}

// ---- MXFP4: experts

TEST(Mxfp4, GptOssIsThatOfTransformers) {
  const ModelWeights weights = load_hugging_face(kQuantised / kGptOss);
  EXPECT_THAT(weights.warnings(), IsEmpty());
  expect_norms(weights, expected_of(kGptOss));
  const QuantisedFolder original(kQuantised / kGptOss);
  int tried = 0;
  for (const SafetensorsTensor& tensor : original.tensors) {
    if (!tensor.name.ends_with("_blocks") && !tensor.name.ends_with("_scales")) continue;
    QuantisedFolder changed = original;
    for (char& byte : changed.tensor(tensor.name).data) byte = static_cast<char>(byte ^ 1);
    const TemporaryFolder folder;
    const ModelWeights other = load_hugging_face(changed.write(folder));
    const json expected = expected_of(kGptOss);
    const auto ids = expected["token_ids"].get<std::vector<std::int64_t>>();
    EXPECT_GT(difference(passes(other, ids).initial, expected["norms"].get<Norms>()), 1e-3)
        << tensor.name;
    EXPECT_NE(other.digest(), weights.digest()) << tensor.name;
    ++tried;
  }
  EXPECT_EQ(tried, 8);
}

TEST(Mxfp4, NumbersAreThoseOfTransformers) {
  const json config = {{"quant_method", "mxfp4"}};
  const nlohmann::ordered_json ordered = config;
  const ConfigFields fields("config.json", ordered, "quantization_config.");
  const NamedTensors all =
      decode_quantised(*read_quantisation(fields),
                       SafetensorsFile::open(kQuantised / "mxfp4.safetensors").tensors());
  ASSERT_EQ(all.tensors.size(), 2u);
  const TensorView& expected = all.tensors[0].view;
  const TensorView& found = all.tensors[1].view;
  EXPECT_EQ(all.tensors[1].name, "model.layers.0.mlp.experts.gate_up_proj");
  ASSERT_EQ(found.shape, expected.shape);
  EXPECT_EQ(numbers_of(found, 0, found.rows()), numbers_of(expected, 0, expected.rows()));
  EXPECT_EQ(numbers_of(found, 90, 17), numbers_of(expected, 90, 17));  // of both experts
  const TensorView second = part_of(found, 96, {96, 6});
  EXPECT_EQ(numbers_of(second, 31, 40), numbers_of(expected, 127, 40));
  // What is stored of an expert is its own.
  EXPECT_NE(word_sum(second), word_sum(part_of(found, 0, {96, 6})));
  const auto bytes = stored_bytes(second);
  ASSERT_EQ(bytes.size(), 2u);
  EXPECT_EQ(bytes[0].size(), 6u * 3 * 16);
  EXPECT_EQ(bytes[1].size(), 6u * 3);
  EXPECT_NE(numbers_of(second, 0, 1, {true, 1}), numbers_of(second, 0, 1));
}

}  // namespace
}  // namespace azimuth::testing
