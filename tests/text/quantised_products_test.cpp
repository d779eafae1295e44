// Rounded decoders against a program of its own: make_quantised.py made quantised.json.

#include "azimuth/quantised_products.h"

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "azimuth/hugging_face_folder.h"
#include "azimuth/open_model.h"
#include "azimuth/perplexity.h"
#include "azimuth/token_ids.h"
#include "integer_products.h"
#include "support/smollm2.h"

namespace azimuth {
namespace {

using torch::Tensor;

const std::filesystem::path kTinyModels = AZIMUTH_TEST_DATA "/architectures";
const std::vector<WeightPlace> kSecondDown = {{2, Role::down_weight}};

Tensor ids_of(const nlohmann::json& json) {
  const std::vector<std::vector<std::int64_t>> rows = json;
  std::vector<Tensor> sequences;
  for (const auto& row : rows) sequences.push_back(torch::tensor(row, torch::kInt64));
  return torch::stack(sequences);
}

class EveryRoundedModel : public ::testing::TestWithParam<std::string> {
 protected:
  EveryRoundedModel()
      : expected_(nlohmann::json::parse(std::ifstream(QUANTISED_MODELS)).at(GetParam())),
        decoder_(load_hugging_face(kTinyModels / GetParam()), at::kCPU, torch::kFloat64),
        ids_(ids_of(expected_.at("ids"))) {}

  // Rounding amplifies what angles in float32 differ by.
  void expect_result(const char* name, Products* products) const {
    SCOPED_TRACE(name);
    const torch::NoGradGuard no_grad;
    const auto& result = expected_.at("results").at(name);
    const std::vector<double> losses = result.at("losses");
    for (std::int64_t s = 0; s < ids_.size(0); ++s) {
      const double found = 15 * std::log(perplexity(decoder_, ids_.narrow(0, s, 1), products));
      EXPECT_NEAR(found, losses[static_cast<std::size_t>(s)], 2e-5);
    }
    const std::vector<double> last = result.at("last_logits");
    const Tensor wanted = torch::tensor(last, torch::kFloat64);
    const Tensor logits = decoder_.forward(ids_.narrow(0, ids_.size(0) - 1, 1), {}, products);
    const Tensor off = (logits[0][-1] - wanted).abs().max() / wanted.abs().max();
    EXPECT_LE(off.item<double>(), 2e-6);
  }

  nlohmann::json expected_;
  Decoder decoder_;
  Tensor ids_;
};

TEST_P(EveryRoundedModel, RoundsAsThePlainProgramDoes) {
  expect_result("float", nullptr);
  QuantisedProducts products(decoder_, {});
  expect_result("rounded", &products);
  products.keep(kSecondDown);
  expect_result("kept", &products);
  products.keep({});
  expect_result("rounded", &products);
}

TEST_P(EveryRoundedModel, WeightsInFourBitsAndByChannel) {
  QuantisedProducts four(decoder_, {.weight_bits = 4});
  expect_result("four bits", &four);
  QuantisedProducts channels(decoder_, {.per_channel = true});
  expect_result("per channel", &channels);
}

TEST_P(EveryRoundedModel, SmoothQuantIsCalibratedOnOtherText) {
  const Smoothing smooth = smoothing(decoder_, ids_of(expected_.at("calibration")));
  EXPECT_EQ(smooth.size(), expected_.at("norms").get<std::size_t>());
  QuantisedProducts products(decoder_, {}, smooth);
  expect_result("smooth", &products);
  products.keep(kSecondDown);
  expect_result("smooth kept", &products);
}

INSTANTIATE_TEST_SUITE_P(Transformers, EveryRoundedModel,
                         ::testing::Values("gemma2", "gpt2", "llama_biases", "olmo2", "phi",
                                           "qwen3", "qwen3_moe"),
                         [](const auto& info) { return info.param; });

TEST(IntegerProducts, AreExactHoweverTheyAreMade) {
  for (const std::int64_t inputs : {1, 24, 1024, 2999}) {
    const Tensor X = torch::randint(-127, 128, {5, inputs}, torch::kInt8);
    const Tensor W = torch::randint(-127, 128, {7, inputs}, torch::kInt8);
    X[0].fill_(127);  // the largest sums
    W[0].fill_(-127);
    X[1].fill_(127);
    W[1].fill_(127);
    const Tensor expected = X.to(torch::kInt64).matmul(W.t().to(torch::kInt64));
    IntegerProducts products;
    EXPECT_TRUE(products.product(X, W).to(torch::kInt64).equal(expected)) << inputs;
    EXPECT_TRUE(IntegerProducts::by_floats(X, W).to(torch::kInt64).equal(expected)) << inputs;
  }
}

TEST(QuantisedProducts, RefuseWhatIsNotFinite) {
  const Decoder decoder(load_hugging_face(kTinyModels / "llama"), at::kCPU, torch::kFloat32);
  const torch::NoGradGuard no_grad;
  EXPECT_THROW(QuantisedProducts(decoder, {.weight_bits = 3}), std::invalid_argument);
  QuantisedProducts products(decoder, {});
  for (const LinearParameters& linear : decoder.linear_maps()) {
    if (linear.block != 2 || linear.role != Role::up_weight) continue;
    Tensor X = torch::ones({3, 24});
    X[1][2] = std::numeric_limits<float>::infinity();
    EXPECT_THROW(products.product(linear, X), std::domain_error);
    linear.weight[0][0] = std::numeric_limits<float>::quiet_NaN();
  }
  EXPECT_THROW(QuantisedProducts(decoder, {}), std::domain_error);
}

TEST(QuantisedProducts, OfNothingButZerosAreTheBias) {
  const Decoder decoder(load_hugging_face(kTinyModels / "llama_biases"), at::kCPU, torch::kFloat32);
  const torch::NoGradGuard no_grad;
  const LinearParameters linear = decoder.linear_maps().back();
  for (const bool per_channel : {false, true}) {
    QuantisedProducts products(decoder, {.per_channel = per_channel});
    const Tensor zeros = torch::zeros({2, linear.weight.size(1)});
    EXPECT_TRUE(products.product(linear, zeros)[1].equal(linear.bias));
    linear.weight.zero_();
    QuantisedProducts of_zeros(decoder, {.per_channel = per_channel});
    const Tensor ones = torch::ones({2, linear.weight.size(1)});
    EXPECT_TRUE(of_zeros.product(linear, ones)[1].equal(linear.bias));
  }
}

TEST(QuantisedSmollm2, KeepingTheAdvisedHelpsAndKeepingOthersDoesNot) {
  const Decoder decoder(open_model(testing::smollm2_path()), at::kCPU, torch::kFloat32);
  const TokenIds tokens = read_token_ids(OPTICKS_IDS);
  const Tensor ids =
      torch::tensor(torch::IntArrayRef(tokens.ids.data(), 768), torch::kInt64).view({3, 256});
  const auto kept = [](std::initializer_list<std::int64_t> blocks) {
    std::vector<WeightPlace> places;
    for (const std::int64_t block : blocks) places.push_back({block, Role::down_weight});
    return places;
  };
  const double exact = perplexity(decoder, ids);
  QuantisedProducts products(decoder, {});
  const double rounded = perplexity(decoder, ids, &products);
  products.keep(kept({2, 3, 10, 11, 12, 29, 30}));
  const double advised = perplexity(decoder, ids, &products);
  products.keep(kept({14, 15, 17, 21, 24, 25, 26}));
  const double control = perplexity(decoder, ids, &products);
  EXPECT_LT(exact, advised);
  EXPECT_LT(advised, rounded);
  EXPECT_GT((rounded - advised) / (rounded - exact), 0.7);
  EXPECT_NEAR(control, rounded, 0.1 * rounded);
}

}  // namespace
}  // namespace azimuth
