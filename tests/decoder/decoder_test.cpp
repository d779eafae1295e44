// The decoder against Transformers' logits: tests/data/logits/README.md says how they were made.

#include "azimuth/decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "azimuth/hugging_face_folder.h"
#include "logits_case.h"
#include "model/role_facts.h"
#include "support/one_token_norms.h"

namespace azimuth {
namespace {

using ::testing::HasSubstr;
using testing::LogitsCase;

const std::filesystem::path kModels = AZIMUTH_TEST_DATA "/architectures";

class EveryDecoder : public ::testing::TestWithParam<std::string> {};

TEST_P(EveryDecoder, LogitsAreThoseOfTransformers) {
  const LogitsCase expected(GetParam());
  EXPECT_LE(expected.difference(expected.weights()), expected.tolerance());
  EXPECT_LE(expected.difference(expected.weights(), torch::kFloat64), expected.tolerance());
}

TEST_P(EveryDecoder, Bfloat16LogitsAreNear) {
  const LogitsCase expected(GetParam());
  const torch::NoGradGuard no_grad;
  const Decoder decoder(expected.weights(), at::kCPU, torch::kBFloat16);
  const torch::Tensor logits = decoder.forward(expected.ids());
  EXPECT_EQ(logits.scalar_type(), torch::kBFloat16);
  // Rounding sends tokens to other experts, and planted defects amplify it.
  if (expected.architecture().experts > 0 || expected.tolerance() > 5e-6) return;
  EXPECT_LE(expected.difference(logits), 0.1);
}

// Every token is a sequence of its own: what the single-token pass is held to.
TEST_P(EveryDecoder, OneTokenHasTheHiddenStatesOfTransformers) {
  const LogitsCase c(GetParam());
  const auto expected = nlohmann::json::parse(std::ifstream(c.folder() / "hidden_states.json"));
  const std::vector<std::int64_t> ids = expected.at("token_ids");
  const torch::NoGradGuard no_grad;
  // Of one token positions do not count, unless they change how much a sink takes.
  if (c.architecture().attention_sinks) return;
  const ModelWeights stored = load_hugging_face(c.folder());
  const bool runs = Decoder::why_not(stored).empty();  // Bamba's heads are here too odd to turn
  const Decoder decoder(runs ? stored : c.weights(), at::kCPU, torch::kFloat32);
  std::vector<torch::Tensor> states(c.weights().blocks().size() + 1);
  decoder.forward(torch::tensor(ids, torch::kInt64).unsqueeze(1),
                  [&](std::int64_t block, std::size_t, const torch::Tensor& all) {
                    states.at(static_cast<std::size_t>(block)) = all.squeeze(1);
                  });
  const double tolerance = std::max(1e-4, 3 * expected.at("float32_difference").get<double>());
  for (std::size_t block = 0; block < states.size(); ++block) {
    const std::vector<double> norms = expected.at("norms").at(block);
    const torch::Tensor found = states[block].to(torch::kFloat64).norm(2, 1);
    EXPECT_LE((found / torch::tensor(norms, torch::kFloat64) - 1).abs().max().item<double>(),
              tolerance)
        << "block " << block;
  }
}

// What a monitor attaches to.
TEST_P(EveryDecoder, ParametersAreAModelAgain) {
  const LogitsCase c(GetParam());
  if (c.architecture().activation == Activation::xielu) return;  // whose numbers are none
  const Decoder decoder(c.weights(), at::kCPU, torch::kFloat32);
  NamedTensors tensors;
  for (const auto& parameter : decoder.module()->named_parameters()) {
    NamedTensor& tensor = tensors.tensors.emplace_back();
    tensor.name = parameter.key();
    tensor.view.shape = parameter.value().sizes().vec();
    tensor.view.data = static_cast<const std::byte*>(parameter.value().data_ptr());
  }
  const ModelWeights again =
      ModelWeights::from_tensors(decoder.architecture(), tensors, decoder.role_names());
  EXPECT_LE(c.difference(again), c.tolerance());
  const std::vector<std::int64_t> ids = {1, 2, 3, 30};
  const testing::Passes expected = testing::passes(c.weights(), ids);
  EXPECT_LE(testing::difference(testing::passes(again, ids).initial, expected.initial), 1e-4);
}

// What smoothing rests on.
TEST_P(EveryDecoder, MapsThatReadANormAreAsWideAsIt) {
  const LogitsCase c(GetParam());
  const Decoder decoder(c.weights(), at::kCPU, torch::kFloat32);
  for (const LinearParameters& linear : decoder.linear_maps()) {
    if (linear.norm == 0) continue;
    EXPECT_EQ(linear.weight.size(1), c.weights().hidden_size())
        << name_of(linear.role) << " of block " << linear.block;
  }
}

// Zeroed, each is seen: of an expert all its tensors, or none where no token takes it.
TEST_P(EveryDecoder, NoTensorIsLeftOut) {
  const LogitsCase c(GetParam());
  const Architecture& a = c.architecture();
  const double right = c.difference(c.weights(), torch::kFloat64);
  std::map<std::pair<std::int64_t, std::int64_t>, std::set<bool>> experts;
  for (const BoundTensor& bound : bind_roles(a, c.tensors().tensors)) {
    // A softmax does not see what all keys have in common, unless they turn.
    if (bound.role == Role::key_bias && !a.sequences.attention.front().rotary) continue;
    NamedTensors changed = c.tensors();
    TensorView& view = changed.tensors[bound.tensor].view;
    std::vector<std::byte> zeros(static_cast<std::size_t>(view.bytes()));
    view.data = zeros.data();
    const bool seen =
        c.difference(ModelWeights::from_tensors(a, changed), torch::kFloat64) > 2 * right;
    const bool of_expert = bound.block > 0 && a.has(MixerKind::experts, bound.block) &&
                           facts_of(bound.role).place == RoleFacts::Place::expert;
    if (of_expert) {
      experts[{bound.block, bound.member}].insert(seen);
    } else {
      EXPECT_TRUE(seen) << c.tensors().tensors[bound.tensor].name << " set to 0";
    }
  }
  std::int64_t taken = 0;
  for (const auto& [expert, seen] : experts) {
    EXPECT_EQ(seen.size(), 1u) << "expert " << expert.second << " of block " << expert.first;
    taken += seen.contains(true) ? 1 : 0;
  }
  EXPECT_GE(2 * taken, std::ssize(experts));
}

// Both mixers of its blocks read one norm, which is one parameter.
TEST(Decoder, SharesANormThatIsNotFinite) {
  const LogitsCase c("phi");
  NamedTensors changed = c.tensors();
  std::vector<std::byte> bytes;
  for (const BoundTensor& bound : bind_roles(c.architecture(), changed.tensors)) {
    if (bound.role != Role::attention_norm_weight || bound.block != 1) continue;
    TensorView& view = changed.tensors[bound.tensor].view;
    bytes.assign(static_cast<std::size_t>(view.bytes()), std::byte{0xff});  // NaN in any type
    view.data = bytes.data();
  }
  ASSERT_FALSE(bytes.empty());
  const Decoder decoder(ModelWeights::from_tensors(c.architecture(), changed), at::kCPU,
                        torch::kFloat32);
  EXPECT_TRUE(decoder.forward(c.ids()).isnan().any().item<bool>());
}

TEST(Decoder, NamesThoseThatItRuns) {
  std::set<std::string> run;
  for (const std::string& name : testing::logits_cases()) {
    run.insert(LogitsCase(name).architecture().name);
  }
  const auto named = Decoder::families();
  EXPECT_THAT(std::vector<std::string>(named.begin(), named.end()),
              ::testing::ElementsAreArray(run));
}

INSTANTIATE_TEST_SUITE_P(Transformers, EveryDecoder, ::testing::ValuesIn(testing::logits_cases()),
                         [](const auto& info) { return info.param; });

// Which of its maps, and what goes in.
class Recorder : public Products {
 public:
  using Place = std::tuple<std::int64_t, Role, std::int64_t>;

  torch::Tensor product(const LinearParameters& linear, const torch::Tensor& X) override {
    EXPECT_EQ(X.dim(), 2);
    EXPECT_EQ(X.size(1), linear.weight.size(1));
    inputs[{linear.block, linear.role, linear.member}] = X;
    const torch::Tensor Y = plain_product(linear, X);
    if (linear.norm > 0) normed[{linear.block, linear.norm}].push_back(X);
    return linear.role == Role::down_weight && linear.block == without ? torch::zeros_like(Y) : Y;
  }

  std::map<Place, torch::Tensor> inputs;
  std::map<std::pair<std::int64_t, std::int64_t>, std::vector<torch::Tensor>> normed;
  std::int64_t without = 0;
};

class ReplacedProducts : public ::testing::TestWithParam<std::string> {};

TEST_P(ReplacedProducts, AreGivenEveryMap) {
  const LogitsCase c(GetParam());
  const torch::NoGradGuard no_grad;
  const Decoder decoder(c.weights(), at::kCPU, torch::kFloat64);
  const torch::Tensor plain = decoder.forward(c.ids());
  Recorder recorder;
  EXPECT_TRUE(decoder.forward(c.ids(), {}, &recorder).equal(plain));
  for (const LinearParameters& linear : decoder.linear_maps()) {
    const bool seen = recorder.inputs.contains({linear.block, linear.role, linear.member});
    EXPECT_TRUE(seen || linear.member >= 0) << name_of(linear.role) << " of " << linear.block;
  }
  // All that read a norm read the same, or some tokens of it.
  for (const auto& [norm, inputs] : recorder.normed) {
    const torch::Tensor& all = inputs.front();
    for (const torch::Tensor& some : inputs) {
      EXPECT_TRUE((some.unsqueeze(1) == all).all(-1).any(-1).all().item<bool>())
          << "block " << norm.first << ", mixer " << norm.second;
    }
  }
  recorder.without = 1;
  const torch::Tensor without = decoder.forward(c.ids(), {}, &recorder);
  for (const LinearParameters& linear : decoder.linear_maps()) {
    if (linear.role != Role::down_weight || linear.block != 1) continue;
    linear.weight.zero_();
    if (linear.bias.defined()) linear.bias.zero_();
  }
  EXPECT_FALSE(without.equal(plain));
  EXPECT_TRUE(without.equal(decoder.forward(c.ids())));
}

TEST_P(ReplacedProducts, GoOnFromWhatATapWasShown) {
  const LogitsCase c(GetParam());
  const torch::NoGradGuard no_grad;
  const Decoder decoder(c.weights(), at::kCPU, torch::kFloat64);
  std::map<std::int64_t, torch::Tensor> behind;
  const torch::Tensor ids = torch::cat({c.ids(), c.ids().flip(1)});
  const torch::Tensor logits = decoder.forward(
      ids, [&](std::int64_t block, std::size_t, const torch::Tensor& all) { behind[block] = all; });
  for (const auto& [block, states] : behind) {
    EXPECT_TRUE(torch::allclose(decoder.continued(block, states), logits, 0, 1e-10)) << block;
  }
  EXPECT_THROW(decoder.continued(-1, behind[0]), std::invalid_argument);
  EXPECT_THROW(decoder.continued(std::ssize(behind), behind[0]), std::invalid_argument);
  EXPECT_THROW(decoder.continued(0, behind[0].narrow(2, 0, 1)), std::invalid_argument);
}

INSTANTIATE_TEST_SUITE_P(Transformers, ReplacedProducts,
                         ::testing::Values("deepseek_v3", "falcon_40b", "gemma2_caps", "gpt2",
                                           "gpt_oss", "olmo2", "phi", "qwen2_moe",
                                           "qwen3_moe_dense"),
                         [](const auto& info) { return info.param; });

torch::Tensor logits_of(const Decoder& decoder, const torch::Tensor& ids) {
  const torch::NoGradGuard no_grad;
  return decoder.forward(ids);
}

TEST(Decoder, SequencesOfABatchDoNotMeet) {
  for (const char* name : {"mistral", "bloom", "gpt2", "qwen3_moe", "deepseek_v2", "qwen3_next",
                           "jamba", "nemotron_h", "lfm2"}) {
    const LogitsCase c(name);
    const Decoder decoder(c.weights(), at::kCPU, torch::kFloat64);
    const torch::Tensor two = torch::cat({c.ids(), c.ids().flip(1)});
    const torch::Tensor both = logits_of(decoder, two);
    for (std::int64_t i = 0; i < 2; ++i) {
      const torch::Tensor alone = logits_of(decoder, two.narrow(0, i, 1));
      EXPECT_TRUE(torch::allclose(both.narrow(0, i, 1), alone, 0, 1e-9)) << name;
    }
  }
}

TEST(Decoder, NoTokenSeesALaterOne) {
  for (const char* name : {"llama", "gemma2", "gpt_oss", "falcon_rw", "deepseek_v3", "qwen3_5_text",
                           "jamba", "nemotron_h", "lfm2"}) {
    const LogitsCase c(name);
    const Decoder decoder(c.weights(), at::kCPU, torch::kFloat64);
    torch::Tensor other = c.ids().clone();
    other.select(1, 10).copy_((other.select(1, 10) + 1).remainder(30));
    const torch::Tensor a = logits_of(decoder, c.ids()), b = logits_of(decoder, other);
    EXPECT_TRUE(torch::allclose(a.narrow(1, 0, 10), b.narrow(1, 0, 10), 0, 1e-12)) << name;
    EXPECT_FALSE(torch::allclose(a.narrow(1, 10, 1), b.narrow(1, 10, 1), 0, 1e-4)) << name;
  }
}

TEST(Decoder, IsRefusedByNameWhereItCannotRun) {
  for (const std::string name : {"falcon_h1", "gemma3n_text"}) {
    const ModelWeights weights = load_hugging_face(kModels / name);
    EXPECT_THAT(Decoder::why_not(weights),
                HasSubstr("how " + name + " reads sequences is not known"));
    EXPECT_THROW(Decoder(weights, at::kCPU, torch::kFloat32), std::invalid_argument);
  }
  EXPECT_EQ(Decoder::why_not(load_hugging_face(kModels / "llama")), "");
  EXPECT_THROW(Decoder(load_hugging_face(kModels / "llama"), at::kCPU, torch::kFloat16),
               std::invalid_argument);
}

std::string why_not_without(const std::string& model, const std::string& tensor) {
  const LogitsCase c(model);
  NamedTensors tensors = c.tensors();
  std::erase_if(tensors.tensors, [&](const NamedTensor& t) { return t.name == tensor; });
  return Decoder::why_not(ModelWeights::from_tensors(c.architecture(), tensors));
}

TEST(Decoder, NamesWhatOneTokenDoesWithoutAndIsMissing) {
  EXPECT_THAT(why_not_without("llama", "model.layers.1.self_attn.k_proj.weight"),
              HasSubstr("key_weight of block 2 is missing"));
  EXPECT_THAT(why_not_without("qwen3", "model.layers.0.self_attn.q_norm.weight"),
              HasSubstr("query_norm_weight of block 1 is missing"));
  EXPECT_THAT(why_not_without("llama", "model.norm.weight"),
              HasSubstr("final_norm_weight is missing"));
  EXPECT_THAT(why_not_without("llama", "lm_head.weight"), HasSubstr("head_weight is missing"));
  const LogitsCase c("qwen3");
  Architecture unnormed = c.architecture();
  unnormed.sequences.query_norms = false;
  EXPECT_THAT(Decoder::why_not(ModelWeights::from_tensors(unnormed, c.tensors())),
              HasSubstr("query_norm_weight of block 1 is there, and the model has none"));
}

TEST(Decoder, RefusesWhatAreNoTokensOfIt) {
  const LogitsCase c("gpt2");
  const Decoder decoder(c.weights(), at::kCPU, torch::kFloat32);
  EXPECT_EQ(decoder.vocab_size(), 37);
  EXPECT_THROW(decoder.forward(torch::full({1, 2}, 37, torch::kInt64)), std::out_of_range);
  EXPECT_THROW(decoder.forward(torch::full({1, 2}, -1, torch::kInt64)), std::out_of_range);
  EXPECT_THROW(decoder.forward(torch::zeros({1, 17}, torch::kInt64)), std::invalid_argument);
  EXPECT_THROW(decoder.forward(torch::zeros({4}, torch::kInt64)), std::invalid_argument);
  EXPECT_THROW(decoder.forward(torch::zeros({1, 0}, torch::kInt64)), std::invalid_argument);
  EXPECT_THROW(decoder.forward(torch::zeros({1, 4}, torch::kFloat32)), std::invalid_argument);
}

TEST(Decoder, EveryParameterHasAGradient) {
  for (const char* name : {"llama_biases", "gpt2", "stablelm_sequential", "gpt_oss", "gemma3_text",
                           "deepseek_v2", "qwen3_next", "jamba", "nemotron_h", "lfm2_biases"}) {
    const LogitsCase c(name);
    const Decoder decoder(c.weights(), at::kCPU, torch::kFloat32);
    decoder.forward(torch::arange(32, torch::kInt64).view({2, 16})).square().sum().backward();
    for (const auto& parameter : decoder.module()->named_parameters()) {
      if (parameter.key().find("experts.") != std::string::npos) continue;     // some take no token
      if (parameter.key().find("choice_bias") != std::string::npos) continue;  // it is not added
      const torch::Tensor gradient = parameter.value().grad();
      ASSERT_TRUE(gradient.defined()) << name << ": " << parameter.key();
      EXPECT_GT(gradient.abs().max().item<double>(), 0) << name << ": " << parameter.key();
    }
  }
}

TEST(Decoder, ParametersAreNamedByTheirRoles) {
  const LogitsCase c("qwen3_moe_dense");
  const Decoder decoder(c.weights(), at::kCPU, torch::kBFloat16);
  std::set<std::string> names;
  for (const auto& parameter : decoder.module()->named_parameters()) {
    names.insert(parameter.key());
    EXPECT_EQ(parameter.value().scalar_type(), torch::kBFloat16);
  }
  for (const char* name :
       {"token_embedding", "final_norm_weight", "head_weight", "blocks.0.query_weight",
        "blocks.0.key_norm_weight", "blocks.0.experts.0.up_weight", "blocks.3.router_weight",
        "blocks.3.experts.4.down_weight"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
  const LogitsCase tied("gemma");
  const Decoder of_tied(tied.weights(), at::kCPU, torch::kFloat32);
  EXPECT_EQ(of_tied.module()->named_parameters().find("head_weight"), nullptr);
}

}  // namespace
}  // namespace azimuth
