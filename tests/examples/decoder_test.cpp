#include "decoder.h"

#include <gtest/gtest.h>
#include <torch/utils.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "azimuth/analysis.h"
#include "azimuth/gguf_model.h"
#include "load_decoder.h"
#include "support/smollm2.h"
#include "token_ids.h"

namespace azimuth::examples {
namespace {

nlohmann::json read_json(const char* file) { return nlohmann::json::parse(std::ifstream(file)); }

class Smollm2 : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { model_ = load_decoder(testing::smollm2_path()); }
  static void TearDownTestSuite() { model_ = {}; }

  torch::NoGradGuard no_grad_;
  static inline LoadedDecoder model_;
};

TEST_F(Smollm2, LogitsAgreeWithTransformers) {
  const auto expected = read_json(EXPECTED_LOGITS);
  const auto ids = token_ids(OPTICKS_IDS, testing::smollm2_path(), model_.config.vocab)
                       .slice(0, 0, expected["tokens"].get<std::int64_t>());
  const auto logits = model_.decoder->forward(ids.unsqueeze(0)).squeeze(0);
  ASSERT_EQ(expected["positions"].size(), 5u);
  for (const auto& at : expected["positions"]) {
    const auto here = logits[at["position"].get<std::int64_t>()];
    for (const char* kind : {"top", "fixed"}) {
      const auto& token_ids = at[std::string(kind) + "_ids"];
      const auto& values = at[std::string(kind) + "_logits"];
      ASSERT_EQ(token_ids.size(), values.size());
      for (std::size_t i = 0; i < token_ids.size(); ++i) {
        EXPECT_NEAR(here[token_ids[i].get<std::int64_t>()].item<double>(), values[i].get<double>(),
                    2e-3)
            << "position " << at["position"] << ", id " << token_ids[i];
      }
    }
    EXPECT_EQ(here.argmax().item<std::int64_t>(), at["top_ids"][0].get<std::int64_t>());
  }
}

TEST_F(Smollm2, HiddenStatesOfSingleTokensAgreeWithTheCore) {
  const auto ids = read_json(REFERENCE)["token_ids"].get<std::vector<std::int64_t>>();
  std::vector<torch::Tensor> hidden_states;
  model_.decoder->forward(torch::tensor(ids, torch::kInt64).unsqueeze(1), &hidden_states);

  Workers workers;
  const auto pass = single_token_pass<float>(load_gguf(testing::smollm2_path()), ids, workers);
  ASSERT_EQ(hidden_states.size(), 31u);
  ASSERT_EQ(pass.initial.size(), hidden_states.size());
  for (std::size_t block = 0; block < hidden_states.size(); ++block) {
    const auto norms = hidden_states[block].squeeze(1).norm(2, 1);
    for (std::size_t token = 0; token < ids.size(); ++token) {
      const double expected = norms[static_cast<std::int64_t>(token)].item<double>();
      EXPECT_NEAR(pass.initial[block].col(static_cast<Eigen::Index>(token)).norm() / expected, 1,
                  1e-4)
          << "block " << block << ", id " << ids[token];
    }
  }
}

}  // namespace
}  // namespace azimuth::examples
