#include <gmock/gmock.h>
#include <torch/nn.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "azimuth/analysis.h"
#include "test_support.h"
#include "tiny_models.h"

namespace azimuth::testing {
namespace {

using ::testing::DoubleNear;
using ::testing::Each;

/// Every weight gets a value of its own that depends on the step alone, so that a snapshot of the
/// weights of two steps has the fingerprint of neither.
void write_pattern(const NamedParameters& parameters, std::int64_t step) {
  const torch::NoGradGuard no_grad;
  double number = 1;
  for (const auto& [name, parameter] : parameters) {
    const torch::Tensor values =
        torch::arange(parameter.numel()).mul(number).add(static_cast<double>(step)).sin();
    parameter.copy_(values.view(parameter.sizes()));
    number += 0.25;
  }
}

void expect_embedding(const Observation& o, const torch::Tensor& embedding) {
  for (std::size_t t = 0; t < o.probe.token_ids.size(); ++t) {
    const double norm = embedding[o.probe.token_ids[t]].to(torch::kFloat64).norm().item<double>();
    EXPECT_NEAR(o.blocks[0].norms[t], norm, 1e-6 * norm);
  }
}

TEST(Snapshot, HasTheBytesOfTheParameters) {
  for (const auto type : {torch::kFloat32, torch::kBFloat16, torch::kFloat16}) {
    SCOPED_TRACE(c10::toString(type));
    TinyLlama model;
    model->to(type);
    Watch watch;
    Attachment watched = watch.monitor->attach(model, TinyLlamaImpl::architecture());
    watch.drained();
    const ModelWeights at_attach = copy_of(parameters_of(*model), TinyLlamaImpl::architecture());
    write_pattern(parameters_of(*model), 7);
    watched.step({.step = 1});
    watch.drained();
    EXPECT_TRUE(watch.monitor->finish(kGenerous));
    const ModelWeights at_end = copy_of(parameters_of(*model), TinyLlamaImpl::architecture());

    const auto observations = watch.exporter->observations();
    ASSERT_EQ(observations.size(), 3u);
    EXPECT_EQ(observations[0].model.weights_digest, at_attach.digest());
    EXPECT_EQ(observations[1].model.weights_digest, "");
    EXPECT_EQ(observations[1].model.weights_fingerprint, at_end.fingerprint());
    EXPECT_EQ(observations[2].model.weights_digest, at_end.digest());
    for (std::size_t i : {1, 2}) expect_embedding(observations[i], model->embedding->weight);
  }
}

// Random parameters of a hybrid: a delta rule, whose convolution has three dimensions, then gated
// attention.
NamedParameters hybrid_parameters() {
  constexpr std::int64_t d = kHidden;
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> shapes = {
      {"embed_tokens.weight", {kVocabulary, d}},
      {"layers.0.linear_attn.in_proj_qkv.weight", {2 * 2 * 3 + 4 * 5, d}},
      {"layers.0.linear_attn.in_proj_z.weight", {4 * 5, d}},
      {"layers.0.linear_attn.in_proj_b.weight", {4, d}},
      {"layers.0.linear_attn.in_proj_a.weight", {4, d}},
      {"layers.0.linear_attn.A_log", {4}},
      {"layers.0.linear_attn.dt_bias", {4}},
      {"layers.0.linear_attn.conv1d.weight", {2 * 2 * 3 + 4 * 5, 1, 4}},
      {"layers.0.linear_attn.norm.weight", {5}},
      {"layers.0.linear_attn.out_proj.weight", {d, 4 * 5}},
      {"layers.1.self_attn.q_proj.weight", {2 * d, d}},
      {"layers.1.self_attn.k_proj.weight", {d / 2, d}},
      {"layers.1.self_attn.v_proj.weight", {d / 2, d}},
      {"layers.1.self_attn.o_proj.weight", {d, d}},
  };
  for (const std::string block : {"layers.0.", "layers.1."}) {
    shapes.insert(shapes.end(), {{block + "input_layernorm.weight", {d}},
                                 {block + "post_attention_layernorm.weight", {d}},
                                 {block + "mlp.gate_proj.weight", {kFfn, d}},
                                 {block + "mlp.up_proj.weight", {kFfn, d}},
                                 {block + "mlp.down_proj.weight", {d, kFfn}}});
  }
  NamedParameters parameters;
  for (const auto& [name, shape] : shapes) parameters.emplace_back(name, torch::randn(shape));
  return parameters;
}

// That a monitor sees of parameters at a step what a pass over them sees.
void expect_seen(NamedParameters parameters, const Architecture& architecture) {
  Watch watch;
  Attachment watched = watch.monitor->attach([&] { return parameters; }, architecture);
  watch.drained();
  write_pattern(parameters, 3);
  watched.step({.step = 1});
  const auto observations = watch.drained();
  ASSERT_EQ(observations.size(), 2u);
  const ModelWeights now = copy_of(parameters, architecture);
  const Observation& o = observations[1];
  EXPECT_EQ(o.model.weights_fingerprint, now.fingerprint());
  Workers workers;
  const HiddenStates<float> states = single_token_pass<float>(now, o.probe.token_ids, workers);
  for (std::size_t l = 0; l < states.initial.size(); ++l) {
    for (std::size_t t = 0; t < o.probe.token_ids.size(); ++t) {
      const double norm = states.initial[l].col(static_cast<Eigen::Index>(t)).norm();
      EXPECT_NEAR(o.blocks[l].norms[t], norm, 1e-5 * norm) << "block " << l;
    }
  }
  EXPECT_TRUE(watch.monitor->finish(kGenerous));
  EXPECT_EQ(watch.exporter->observations().back().model.weights_digest, now.digest());
}

TEST(Snapshot, IsOfAHybridToo) {
  Architecture architecture;
  architecture.name = "qwen3_5_text";
  architecture.heads = kHeads;
  architecture.kv_heads = kHeads / 2;
  architecture.gated_attention = true;
  architecture.delta_rule = {.key_heads = 2, .value_heads = 4, .key_size = 3, .value_size = 5};
  architecture.convolution_taps = 4;
  architecture.blocks = {{{MixerKind::delta_rule}, {MixerKind::feed_forward}},
                         {{MixerKind::attention}, {MixerKind::feed_forward}}};
  expect_seen(hybrid_parameters(), architecture);
}

// Random parameters of two blocks of Gemma 3n, with two residual streams. The second block reads
// the values of the first; the table of per-layer inputs has none of the last tokens.
NamedParameters gemma_parameters() {
  constexpr std::int64_t d = kHidden;
  constexpr std::int64_t p = 3;
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> shapes = {
      {"embed_tokens.weight", {kVocabulary, d}},
      {"embed_tokens_per_layer.weight", {kVocabulary - 4, 2 * p}},
      {"per_layer_model_projection.weight", {2 * p, d}},
      {"per_layer_projection_norm.weight", {p}},
      {"altup_projections.0.weight", {d, d}},
      {"layers.0.self_attn.v_proj.weight", {d / 2, d}},
  };
  for (const std::string block : {"layers.0.", "layers.1."}) {
    for (const char* norm :
         {"input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm",
          "post_feedforward_layernorm", "altup.router_norm", "laurel.post_laurel_norm",
          "post_per_layer_input_norm"}) {
      shapes.push_back({block + norm + ".weight", {d}});
    }
    shapes.insert(shapes.end(), {{block + "altup.correct_output_scale", {d}},
                                 {block + "altup.modality_router.weight", {2, d}},
                                 {block + "altup.prediction_coefs.weight", {4, 2}},
                                 {block + "altup.correction_coefs.weight", {2, 2}},
                                 {block + "laurel.linear_left.weight", {5, d}},
                                 {block + "laurel.linear_right.weight", {d, 5}},
                                 {block + "per_layer_input_gate.weight", {p, d}},
                                 {block + "per_layer_projection.weight", {d, p}},
                                 {block + "self_attn.o_proj.weight", {d, d}},
                                 {block + "mlp.gate_proj.weight", {kFfn, d}},
                                 {block + "mlp.up_proj.weight", {kFfn, d}},
                                 {block + "mlp.down_proj.weight", {d, kFfn}}});
  }
  NamedParameters parameters;
  for (const auto& [name, shape] : shapes) parameters.emplace_back(name, torch::randn(shape));
  return parameters;
}

TEST(Snapshot, IsOfSeveralStreamsToo) {
  Architecture architecture;
  architecture.name = "gemma3n_text";
  architecture.heads = kHeads;
  architecture.kv_heads = kHeads / 2;
  architecture.head_size = kHidden / kHeads;
  architecture.norm_placement = NormPlacement::sandwich;
  architecture.value_norm = true;
  architecture.per_layer_size = 3;
  architecture.per_layer_in_part = true;
  architecture.streams = 2;
  architecture.stream_output_scale = true;
  architecture.blocks.assign(
      2, {{MixerKind::attention}, {MixerKind::low_rank_residual, true}, {MixerKind::feed_forward}});
  architecture.attention.assign(2, {.kv_heads = kHeads / 2, .head_size = kHidden / kHeads});
  architecture.attention.back().values_of = 1;
  architecture.special_token_ids = {kVocabulary - 1};
  expect_seen(gemma_parameters(), architecture);
}

// The weights change as soon as `step` returns, while the analysis of the last step still runs.
TEST(Snapshot, IsOfOneStep) {
  TinyLlama model;
  const NamedParameters parameters = parameters_of(*model);
  std::map<std::int64_t, std::string> fingerprints;
  std::map<std::int64_t, torch::Tensor> embeddings;
  Watch watch;
  Attachment watched = watch.monitor->attach(model, TinyLlamaImpl::architecture());
  watch.drained();
  for (std::int64_t step = 1; step <= 300; ++step) {
    write_pattern(parameters, step);
    fingerprints[step] = fingerprint_of(*model, TinyLlamaImpl::architecture());
    embeddings[step] = model->embedding->weight.detach().clone();
    watched.step({.step = step});
    if (step % 10 == 0) watch.drained();
  }
  const auto observations = watch.drained();
  ASSERT_GT(observations.size(), 30u);
  for (std::size_t i = 1; i < observations.size(); ++i) {
    const Observation& o = observations[i];
    EXPECT_EQ(o.model.weights_fingerprint, fingerprints.at(o.step)) << "step " << o.step;
    expect_embedding(o, embeddings.at(o.step));
  }
}

TEST(Snapshot, ManyStepsApart) {
  TinyLlama model;
  Watch watch(3);
  Attachment watched = watch.monitor->attach(model, TinyLlamaImpl::architecture());
  std::map<std::int64_t, std::string> fingerprints;
  for (std::int64_t step = 1; step <= 9; ++step) {
    write_pattern(parameters_of(*model), step);
    fingerprints[step] = fingerprint_of(*model, TinyLlamaImpl::architecture());
    watch.drained();
    watched.step({.step = step});
  }
  const auto observations = watch.drained();
  ASSERT_EQ(observations.size(), 4u);
  for (std::size_t i : {1, 2, 3}) {
    EXPECT_EQ(observations[i].step, static_cast<std::int64_t>(3 * i));
    EXPECT_EQ(observations[i].model.weights_fingerprint, fingerprints[observations[i].step]);
  }
}

TEST(Snapshot, CountsTiedParametersOnce) {
  TinyGpt2 model(/*conv1d=*/true);
  Watch watch;
  watch.monitor->attach(model, TinyGpt2Impl::architecture());
  std::int64_t expected = 0;
  for (const auto& [name, parameter] : parameters_of(*model)) {
    if (name != "lm_head.weight") expected += parameter.numel();
  }
  const auto observations = watch.drained();
  EXPECT_EQ(observations.at(0).model.parameter_count, expected);
  EXPECT_EQ(observations[0].model.weights_digest,
            copy_of(parameters_of(*model), TinyGpt2Impl::architecture()).digest());
}

TEST(Snapshot, StridedParametersAreStraightened) {
  TinyLlama model;
  const auto strided = [&] {
    NamedParameters parameters = parameters_of(*model);
    for (auto& [name, tensor] : parameters) {
      if (tensor.dim() == 2) {
        tensor = tensor.detach().t().contiguous().t();
      } else {  // every second of a longer vector
        tensor = torch::stack({tensor.detach(), torch::zeros_like(tensor)}, 1).select(1, 0);
      }
      EXPECT_FALSE(tensor.is_contiguous());
    }
    return parameters;
  };
  Watch watch;
  watch.monitor->attach(strided, TinyLlamaImpl::architecture());
  EXPECT_TRUE(watch.monitor->finish(kGenerous));
  const auto observations = watch.exporter->observations();
  ASSERT_EQ(observations.size(), 2u);
  const ModelWeights expected = copy_of(parameters_of(*model), TinyLlamaImpl::architecture());
  for (const Observation& o : observations) {
    EXPECT_EQ(o.model.weights_digest, expected.digest());
    expect_embedding(o, model->embedding->weight);
  }
}

/// The parameters of a model, some of which a test can take away or replace.
struct Replaceable {
  NamedParameters operator()() const {
    NamedParameters parameters = parameters_of(**model);
    std::erase_if(parameters, [this](const auto& p) {
      return replaced->contains(p.first) && !replaced->at(p.first).defined();
    });
    for (auto& [name, tensor] : parameters) {
      if (const auto found = replaced->find(name); found != replaced->end()) tensor = found->second;
    }
    return parameters;
  }
  std::shared_ptr<TinyLlama> model = std::make_shared<TinyLlama>();
  std::shared_ptr<std::map<std::string, torch::Tensor>> replaced =
      std::make_shared<std::map<std::string, torch::Tensor>>();
};

TEST(Snapshot, ReplacedParameterIsSeen) {
  Replaceable source;
  Watch watch;
  Attachment watched = watch.monitor->attach(source, TinyLlamaImpl::architecture());
  (*source.replaced)["model.embed_tokens.weight"] = torch::full({kVocabulary, kHidden}, 3.0f);
  watch.drained();
  watched.step({.step = 1});
  const auto observations = watch.drained();
  ASSERT_EQ(observations.size(), 2u);
  EXPECT_THAT(observations[1].blocks[0].norms, Each(DoubleNear(12, 1e-5)));
}

struct Fault {
  const char* name;
  torch::Tensor replacement;
  const char* logged;
};

class FaultyParameter : public ::testing::TestWithParam<Fault> {};

TEST_P(FaultyParameter, MakesTheSnapshotFailAndComesBack) {
  const std::string name = "model.layers.1.mlp.down_proj.weight";
  Replaceable source;
  Watch watch;
  Attachment watched = watch.monitor->attach(source, TinyLlamaImpl::architecture());
  watch.drained();
  (*source.replaced)[name] = GetParam().replacement;
  watched.step({.step = 1});
  watched.step({.step = 2});
  EXPECT_EQ(watch.drained().size(), 1u);
  EXPECT_EQ(watch.monitor->status().snapshots.at("failed"), 2u);
  EXPECT_TRUE(watch.logged(name));
  EXPECT_TRUE(watch.logged(GetParam().logged));
  source.replaced->clear();
  watched.step({.step = 3});
  EXPECT_EQ(watch.drained().size(), 2u);
}

INSTANTIATE_TEST_SUITE_P(
    , FaultyParameter,
    ::testing::Values(Fault{"Disappeared", {}, "has disappeared"},
                      Fault{"OtherShape", torch::ones({kFfn, kHidden}), "{16, 40}"},
                      Fault{"OtherType", torch::ones({kHidden, kFfn}, torch::kBFloat16),
                            "BFloat16"},
                      Fault{"Sparse", torch::ones({kHidden, kFfn}).to_sparse(), "not dense"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace azimuth::testing
