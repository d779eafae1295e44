// Every architecture against Transformers' own forward pass: tests/data/architectures/README.md
// says how the models and their hidden states were made.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "azimuth/analysis.h"
#include "azimuth/angle.h"
#include "azimuth/hugging_face_folder.h"
#include "model/role_facts.h"
#include "support/architecture_cases.h"
#include "support/member_count.h"
#include "support/one_token_norms.h"
#include "support/stored_model.h"

namespace azimuth {
namespace {

using nlohmann::json;
using testing::cases;
using testing::difference;
using testing::expected_of;
using testing::kData;
using testing::Passes;
using testing::passes;

Architecture architecture_of(const std::string& name) {
  return testing::stored_model(kData / name).architecture;
}

NamedTensors tensors_of(const std::string& name) {
  return testing::stored_model(kData / name).tensors;
}

double difference(const Passes& passes, const json& expected) {
  return std::max(difference(passes.initial, expected.at("norms")),
                  difference(passes.zero_attention, expected.at("zero_attention_norms")));
}

class EveryArchitecture : public ::testing::TestWithParam<std::string> {
 protected:
  const json expected_ = expected_of(GetParam());
  const std::vector<std::int64_t> ids_ = expected_.at("token_ids");
};

TEST_P(EveryArchitecture, NormsAreThoseOfTransformers) {
  const Passes p = passes(load_hugging_face(kData / GetParam()), ids_);
  const auto tolerance = [&](const char* rounding) {
    return std::max(1e-4, 3 * expected_.at(rounding).get<double>());
  };
  EXPECT_LE(difference(p.initial, expected_.at("norms")), tolerance("float32_difference"));
  EXPECT_LE(difference(p.zero_attention, expected_.at("zero_attention_norms")),
            tolerance("zero_attention_float32_difference"));
}

// The comparison must see when a part of the table is wrong: here the part is broken, tensor by
// tensor and flag by flag.
bool is_of_an_expert(const Architecture& architecture, const BoundTensor& bound) {
  return facts_of(bound.role).place == RoleFacts::Place::expert && bound.block > 0 &&
         architecture.has(MixerKind::experts, bound.block);
}

TEST_P(EveryArchitecture, NoTensorOfThePassIsLeftOut) {
  const Architecture architecture = architecture_of(GetParam());
  const NamedTensors tensors = tensors_of(GetParam());
  int broken = 0;
  // The tokens of the probe do not take every expert: of one, all its tensors are seen, or none.
  std::map<std::pair<std::int64_t, std::int64_t>, std::set<bool>> experts;
  for (const BoundTensor& bound : bind_roles(architecture, tensors.tensors)) {
    if (!is_read_by_pass(architecture, bound)) continue;
    NamedTensors changed = tensors;
    TensorView& view = changed.tensors[bound.tensor].view;
    std::vector<std::byte> zeros(static_cast<std::size_t>(view.bytes()));
    view.data = zeros.data();
    const Passes p = passes(ModelWeights::from_tensors(architecture, changed), ids_);
    ++broken;
    // Where B · C is small, what a step is hardly counts beside D.
    const bool seen = difference(p, expected_) > (bound.role == Role::step_bias ? 1e-4 : 1e-3);
    if (is_of_an_expert(architecture, bound)) {
      experts[{bound.block, bound.member}].insert(seen);
    } else {
      EXPECT_TRUE(seen) << tensors.tensors[bound.tensor].name << " set to 0";
    }
  }
  std::map<std::int64_t, std::int64_t> taken;
  for (const auto& [expert, seen] : experts) {
    EXPECT_EQ(seen.size(), 1u) << "expert " << expert.second << " of block " << expert.first;
    taken[expert.first] += seen.contains(true) ? 1 : 0;
  }
  std::int64_t all_taken = 0;
  for (const auto& [block, count] : taken) {
    EXPECT_GT(count, architecture.routing.experts_per_token) << "block " << block;
    all_taken += count;
  }
  Workers workers;
  const ModelWeights weights = ModelWeights::from_tensors(architecture, tensors);
  EXPECT_EQ(single_token_pass<float>(weights, ids_, workers).expert_products, all_taken)
      << "of others nothing is read";
  EXPECT_GT(broken, 5);
}

// As in the snapshots of a run.
TEST_P(EveryArchitecture, WhatThePassDoesNotReadMayBeMissing) {
  const Architecture architecture = architecture_of(GetParam());
  const NamedTensors all = tensors_of(GetParam());
  NamedTensors read = all;
  read.tensors.clear();
  for (const BoundTensor& bound : bind_roles(architecture, all.tensors)) {
    if (is_read_by_pass(architecture, bound)) read.tensors.push_back(all.tensors[bound.tensor]);
  }
  EXPECT_LT(read.tensors.size(), all.tensors.size());
  const Passes p = passes(ModelWeights::from_tensors(architecture, read), ids_);
  EXPECT_LT(difference(p, expected_), 1e-3);
}

TEST_P(EveryArchitecture, TwoHeadsThatAreSwappedAreSeen) {
  const Architecture architecture = architecture_of(GetParam());
  NamedTensors tensors = tensors_of(GetParam());
  const ModelWeights right = ModelWeights::from_tensors(architecture, tensors);
  std::vector<std::vector<std::byte>> swapped;
  for (const BoundTensor& bound : bind_roles(architecture, tensors.tensors)) {
    // The columns of W_O are the heads' outputs, whatever form the values have.
    if (bound.role != Role::output_weight) continue;
    // Of latent attention it is that of the model.
    const auto* const attention =
        right.blocks()[static_cast<std::size_t>(bound.block - 1)].work<Attention>();
    const std::int64_t head_size = attention != nullptr ? attention->head_size : right.head_size();
    TensorView& view = tensors.tensors[bound.tensor].view;
    swapped.emplace_back(view.data, view.data + view.bytes());
    const bool conv1d = architecture.name == "gpt2";
    const std::int64_t number = block_bytes(view.type);
    for (std::int64_t row = 0; row < view.rows(); ++row) {
      for (std::int64_t column = 0; column < view.columns(); ++column) {
        const std::int64_t input = conv1d ? row : column;
        if (input >= head_size) continue;
        const std::int64_t other = conv1d ? (row + head_size) * view.columns() + column
                                          : row * view.columns() + column + head_size;
        std::byte* at = swapped.back().data();
        std::swap_ranges(at + (row * view.columns() + column) * number,
                         at + (row * view.columns() + column + 1) * number, at + other * number);
      }
    }
    view.data = swapped.back().data();
  }
  const Passes p = passes(ModelWeights::from_tensors(architecture, tensors), ids_);
  // Both repeat one KV head, and each has neither a gate nor a sink of its own.
  const bool alike = architecture.kv_heads * 2 <= architecture.heads &&
                     !architecture.gated_attention && !architecture.attention_sinks;
  if (alike) {
    EXPECT_LT(difference(p, expected_), 1e-3);
  } else {
    EXPECT_GT(difference(p, expected_), 1e-3);
  }
}

// A change of every field of Architecture that the pass must notice, where the model is one for
// which it means anything.
bool any_block(const Architecture& a, MixerKind kind) {
  for (std::size_t b = 1; b <= a.blocks.size(); ++b) {
    if (a.has(kind, static_cast<std::int64_t>(b))) return true;
  }
  return false;
}
bool has_delta_rule(const Architecture& a, bool) { return any_block(a, MixerKind::delta_rule); }
bool has_state_space(const Architecture& a, bool) { return any_block(a, MixerKind::state_space); }
bool has_selective(const Architecture& a, bool) {
  return any_block(a, MixerKind::selective_state_space);
}

struct FieldChange {
  const char* field;
  void (*change)(Architecture&);
  bool (*applies)(const Architecture& right, bool fused_qkv) = [](auto&, bool) { return true; };
};

constexpr FieldChange kFieldChanges[] = {
    {"name", [](Architecture& a) { a.name = "mamba"; }},
    {"heads", [](Architecture& a) { a.heads *= 2; }},
    {"kv_heads", [](Architecture& a) { a.kv_heads = a.kv_heads == a.heads ? 1 : a.heads; },
     [](auto& right, bool) { return right.kv_heads > 1 && right.attention.empty(); }},
    {"head_size", [](Architecture& a) { ++a.head_size; },
     [](auto& right, bool) { return right.attention.empty(); }},
    {"activation",
     [](Architecture& a) {
       a.activation = a.activation == Activation::relu ? Activation::silu : Activation::relu;
     }},
    {"norm",
     [](Architecture& a) { a.norm = a.norm == NormKind::rms ? NormKind::layer : NormKind::rms; }},
    // Says which norms there must be: of those before and after, either alone is too few.
    {"norm_placement",
     [](Architecture& a) {
       a.norm_placement =
           a.norm_placement == NormPlacement::before ? NormPlacement::after : NormPlacement::before;
     },
     [](auto& right, bool) { return right.norm_placement != NormPlacement::sandwich; }},
    {"norm_epsilon", [](Architecture& a) { a.norm_epsilon = 0.5; }},
    {"norm_offset", [](Architecture& a) { a.norm_offset = 1 - a.norm_offset; },
     [](auto& right, bool) { return !right.bare_norms; }},
    {"bare_norms", [](Architecture& a) { a.bare_norms = !a.bare_norms; }},
    {"parallel",
     [](Architecture& a) {
       a.parallel = !a.parallel;
       if (!a.parallel) a.shared_norm = false;
       for (std::vector<MixerPlan>& plan : a.blocks) plan.back().beside = !plan.back().beside;
     }},
    {"shared_norm", [](Architecture& a) { a.shared_norm = !a.shared_norm; }},
    {"gated_ffn", [](Architecture& a) { a.gated_ffn = !a.gated_ffn; }},
    {"clamped_gate",
     [](Architecture& a) { a.clamped_gate.limit = a.clamped_gate.limit > 0 ? 0 : 0.1; }},
    {"gate_up_by_turns", [](Architecture& a) { a.gate_up_by_turns = !a.gate_up_by_turns; },
     [](auto& right, bool) { return right.transposed_experts || right.name == "phi3"; }},
    {"qkv_layout",
     [](Architecture& a) {
       a.qkv_layout =
           a.qkv_layout == QkvLayout::by_kind ? QkvLayout::by_kv_head : QkvLayout::by_kind;
     },
     [](auto& right, bool fused_qkv) { return fused_qkv && right.kv_heads > 1; }},
    {"qkv_clip", [](Architecture& a) { a.qkv_clip = a.qkv_clip == 0 ? 0.1 : 0; }},
    {"gated_attention", [](Architecture& a) { a.gated_attention = !a.gated_attention; }},
    {"latent",
     [](Architecture& a) {
       a.latent.rank = a.latent.rank > 0 ? 0 : 4;
       if (a.head_size == 0) a.head_size = 6;
     }},
    {"attention_sinks", [](Architecture& a) { a.attention_sinks = !a.attention_sinks; }},
    {"rotary_factor", [](Architecture& a) { a.rotary_factor *= 1.5; },
     [](auto& right, bool) { return right.attention_sinks; }},
    {"embedding_multiplier", [](Architecture& a) { a.embedding_multiplier *= 2; }},
    {"embedding_norm", [](Architecture& a) { a.embedding_norm = !a.embedding_norm; }},
    {"learned_positions", [](Architecture& a) { a.learned_positions = !a.learned_positions; }},
    {"first_position_row", [](Architecture& a) { ++a.first_position_row; },
     [](auto& right, bool) { return right.learned_positions; }},
    {"expert_norms", [](Architecture& a) { a.expert_norms = !a.expert_norms; },
     [](auto& right, bool) { return right.experts > 0; }},
    {"value_norm", [](Architecture& a) { a.value_norm = !a.value_norm; }},
    {"block_scale", [](Architecture& a) { a.block_scale = !a.block_scale; }},
    {"per_layer_size", [](Architecture& a) { ++a.per_layer_size; }},
    {"per_layer_in_part", [](Architecture& a) { a.per_layer_in_part = !a.per_layer_in_part; },
     [](auto& right, bool) { return right.per_layer_in_part; }},
    {"streams", [](Architecture& a) { ++a.streams; }},
    {"stream_output_scale", [](Architecture& a) { a.stream_output_scale = !a.stream_output_scale; },
     [](auto& right, bool) { return right.streams > 1; }},
    {"gate_sparsity",
     [](Architecture& a) {
       a.gate_sparsity.assign(std::max<std::size_t>(a.blocks.size(), 1), 0.3);
     },
     [](auto& right, bool) { return right.gated_ffn || right.blocks.empty(); }},
    {"attention", [](Architecture& a) { a.attention.emplace_back(); }},
    {"experts",
     [](Architecture& a) {
       ++a.experts;
       a.routing.experts_per_token = std::max<std::int64_t>(a.routing.experts_per_token, 1);
     }},
    {"routing", [](Architecture& a) { a.routing.experts_per_token = 1; },
     [](auto& right, bool) { return right.experts > 0; }},
    {"transposed_experts", [](Architecture& a) { a.transposed_experts = !a.transposed_experts; },
     [](auto& right, bool) { return right.experts > 0; }},
    {"expert_latent_size", [](Architecture& a) { ++a.expert_latent_size; },
     [](auto& right, bool) { return right.experts > 0; }},
    {"shared_expert", [](Architecture& a) { a.shared_expert = !a.shared_expert; },
     [](auto& right, bool) { return right.experts > 0; }},
    {"shared_expert_gate", [](Architecture& a) { a.shared_expert_gate = !a.shared_expert_gate; },
     [](auto& right, bool) { return right.experts > 0 && right.shared_expert; }},
    {"multipliers", [](Architecture& a) { a.multipliers.attention_output = 0.5; }},
    {"delta_rule", [](Architecture& a) { a.delta_rule = {}; }, has_delta_rule},
    {"state_space", [](Architecture& a) { a.state_space = {}; }, has_state_space},
    {"selective_state_space", [](Architecture& a) { a.selective_state_space = {}; }, has_selective},
    {"convolution_taps", [](Architecture& a) { ++a.convolution_taps; },
     [](auto& right, bool) { return right.convolution_taps > 0; }},
    {"blocks", [](Architecture& a) { a.blocks = {{{MixerKind::feed_forward}}}; }},
    // Of one token there is nothing to see: tests/decoder.
    {"sequences", nullptr, [](auto&, bool) { return false; }},
    // What audits know of training, what the probe is made of, and nothing that a block computes.
    {"nested_ffn", nullptr, [](auto&, bool) { return false; }},
    {"special_token_ids", nullptr, [](auto&, bool) { return false; }},
};
static_assert(std::size(kFieldChanges) == testing::member_count<Architecture>(),
              "every field of Architecture must be listed");

bool has_routing(const Architecture& right, bool) { return right.experts > 0; }
constexpr FieldChange kRoutingChanges[] = {
    {"experts_per_token", [](Architecture& a) { a.routing.experts_per_token = 1; }, has_routing},
    {"score",
     [](Architecture& a) {
       a.routing.score = a.routing.score == Routing::Score::softmax ? Routing::Score::sigmoid
                                                                    : Routing::Score::softmax;
     },
     has_routing},
    {"normalised", [](Architecture& a) { a.routing.normalised = !a.routing.normalised; },
     [](auto& right, bool) {
       return right.experts > 0 && right.routing.score != Routing::Score::sparse_mixer;
     }},
    {"scale", [](Architecture& a) { a.routing.scale *= 1.5; },
     [](auto& right, bool) {
       return right.experts > 0 && right.routing.score != Routing::Score::sparse_mixer;
     }},
    {"choice_bias", [](Architecture& a) { a.routing.choice_bias = !a.routing.choice_bias; },
     has_routing},
    {"groups", [](Architecture& a) { a.routing.groups = a.routing.groups_per_token = 1; },
     [](auto& right, bool) { return right.experts > 0 && right.routing.groups > 1; }},
    {"groups_per_token", [](Architecture& a) { a.routing.groups_per_token = a.routing.groups; },
     [](auto& right, bool) { return right.experts > 0 && right.routing.groups > 1; }},
    {"reach", [](Architecture& a) { a.routing.reach = 0; },
     [](auto& right, bool) { return right.routing.score == Routing::Score::sparse_mixer; }},
    {"scales_input", [](Architecture& a) { a.routing.scales_input = !a.routing.scales_input; },
     has_routing},
};
static_assert(std::size(kRoutingChanges) == testing::member_count<Routing>(),
              "every field of Routing must be listed");

// Of what only some kinds of mixers have.
constexpr FieldChange kRecurrenceChanges[] = {
    {"key_heads", [](Architecture& a) { a.delta_rule.key_heads *= 2; }, has_delta_rule},
    {"value_heads", [](Architecture& a) { a.delta_rule.value_heads *= 2; }, has_delta_rule},
    {"key_size", [](Architecture& a) { ++a.delta_rule.key_size; }, has_delta_rule},
    {"value_size", [](Architecture& a) { ++a.delta_rule.value_size; }, has_delta_rule},
    {"layout",
     [](Architecture& a) {
       const bool by_key_head = a.delta_rule.layout == DeltaRuleLayout::by_key_head;
       a.delta_rule.layout = by_key_head ? DeltaRuleLayout::apart : DeltaRuleLayout::by_key_head;
     },
     has_delta_rule},
    {"layout", [](Architecture& a) { a.delta_rule.layout = DeltaRuleLayout::tiled; },
     has_delta_rule},
    {"layout",
     [](Architecture& a) { a.delta_rule.layout = DeltaRuleLayout::strengths_by_key_head; },
     has_delta_rule},
    {"heads", [](Architecture& a) { a.state_space.heads *= 2; }, has_state_space},
    {"head_size", [](Architecture& a) { ++a.state_space.head_size; }, has_state_space},
    {"groups", [](Architecture& a) { a.state_space.groups = 1; }, has_state_space},
    {"state_size", [](Architecture& a) { ++a.state_space.state_size; }, has_state_space},
    {"activation",
     [](Architecture& a) {
       a.state_space.activation =
           a.state_space.activation == Activation::relu ? Activation::silu : Activation::relu;
     },
     has_state_space},
    {"step_min",
     [](Architecture& a) {
       a.state_space.step_min = 0.9;
       a.state_space.step_max = std::max(a.state_space.step_max, 0.9);
     },
     has_state_space},
    {"step_max",
     [](Architecture& a) {
       a.state_space.step_max = std::isinf(a.state_space.step_max) ? 0.5 : INFINITY;
     },
     has_state_space},
    {"norm", [](Architecture& a) { a.state_space.norm = !a.state_space.norm; }, has_state_space},
    {"gate_last", [](Architecture& a) { a.state_space.gate_last = !a.state_space.gate_last; },
     [](auto& right, bool) { return has_state_space(right, false) && right.state_space.norm; }},
    {"multipliers", [](Architecture& a) { a.state_space.multipliers[2] *= 2; }, has_state_space},
    {"inner_size", [](Architecture& a) { ++a.selective_state_space.inner_size; }, has_selective},
    {"state_size", [](Architecture& a) { ++a.selective_state_space.state_size; }, has_selective},
    {"step_rank", [](Architecture& a) { ++a.selective_state_space.step_rank; }, has_selective},
    // A norm within attention takes it out again, one behind it the other.
    {"attention_input", [](Architecture& a) { a.multipliers.attention_input *= 2; },
     [](auto& right, bool) { return right.latent.rank == 0 && !right.value_norm; }},
    {"attention_output", [](Architecture& a) { a.multipliers.attention_output *= 2; },
     [](auto& right, bool) { return !right.value_norm; }},
    {"state_space_input", [](Architecture& a) { a.multipliers.state_space_input *= 2; },
     has_state_space},
    {"state_space_output", [](Architecture& a) { a.multipliers.state_space_output *= 2; },
     has_state_space},
    {"ffn_gate", [](Architecture& a) { a.multipliers.ffn_gate *= 2; },
     [](auto& right, bool) { return right.gated_ffn; }},
    {"ffn_output", [](Architecture& a) { a.multipliers.ffn_output *= 2; }},
};
static_assert(std::size(kRecurrenceChanges) ==
                  testing::member_count<DeltaRuleSizes>() + 2 +  // a layout three times
                      testing::member_count<StateSpaceSettings>() +
                      testing::member_count<SelectiveStateSpaceSizes>() +
                      testing::member_count<Multipliers>(),
              "every field of what only some mixers have must be listed");

TEST_P(EveryArchitecture, EveryFlagMatters) {
  const Architecture right = architecture_of(GetParam());
  const NamedTensors tensors = tensors_of(GetParam());
  const bool fused = std::ranges::any_of(
      bind_roles(right, tensors.tensors),
      [](const BoundTensor& b) { return b.role == Role::query_key_value_weight; });
  std::vector<FieldChange> changes(std::begin(kFieldChanges), std::end(kFieldChanges));
  changes.insert(changes.end(), std::begin(kRoutingChanges), std::end(kRoutingChanges));
  changes.insert(changes.end(), std::begin(kRecurrenceChanges), std::end(kRecurrenceChanges));
  for (const FieldChange& change : changes) {
    if (!change.applies(right, fused)) continue;
    Architecture wrong = right;
    change.change(wrong);
    double seen = INFINITY;  // refused is seen
    try {
      seen = difference(passes(ModelWeights::from_tensors(wrong, tensors), ids_), expected_);
    } catch (const std::invalid_argument&) {
    }
    EXPECT_GT(seen, 1e-3) << change.field;
  }
}

TEST_P(EveryArchitecture, EveryOtherActivationIsSeen) {
  const Architecture right = architecture_of(GetParam());
  const NamedTensors tensors = tensors_of(GetParam());
  const double rounding =
      difference(passes(ModelWeights::from_tensors(right, tensors), ids_), expected_);
  for (const Activation activation : kActivations) {
    if (activation == right.activation) continue;
    Architecture wrong = right;
    wrong.activation = activation;
    // What a model learns of xIELU is missing, or left over.
    const bool learned = activation == Activation::xielu || right.activation == Activation::xielu;
    if (learned) {
      EXPECT_THROW(ModelWeights::from_tensors(wrong, tensors), std::invalid_argument);
      continue;
    }
    EXPECT_GT(difference(passes(ModelWeights::from_tensors(wrong, tensors), ids_), expected_),
              std::max(1e-5, 3 * rounding))
        << name_of(activation);
  }
}

INSTANTIATE_TEST_SUITE_P(Transformers, EveryArchitecture, ::testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param; });

TEST(Architectures, AllThatAreKnownAreTested) {
  std::vector<std::string> tested;
  for (const std::string& name : cases()) {
    tested.push_back(architecture_of(name).name);
  }
  for (const std::string& known : Architecture::known()) {
    EXPECT_THAT(tested, ::testing::Contains(known));
  }
}

// Two ways to be wrong that hardly move a norm: an activation's variant and the order of the heads.
TEST(Architectures, AVariantOfAnActivationIsSeen) {
  for (const std::string name : {"gpt2", "gpt_neox_parallel"}) {
    Architecture a = architecture_of(name);
    a.activation = a.activation == Activation::gelu ? Activation::gelu_tanh : Activation::gelu;
    const json expected = expected_of(name);
    const Passes p =
        passes(ModelWeights::from_tensors(a, tensors_of(name)), expected.at("token_ids"));
    EXPECT_GT(difference(p, expected), 1e-5) << name;
  }
}

// An audit would take what they read for hidden states.
TEST(Architectures, ExpertsBetweenProjectionsAreNoFfnsOfTheResidualStream) {
  for (const auto& [name, expected] :
       {std::pair("nemotron_h_latent", 0u), std::pair("nemotron_h_pattern", 5u)}) {
    int mixtures = 0;
    const ModelWeights weights = load_hugging_face(kData / name);
    for (const BlockWeights& block : weights.blocks()) {
      if (block.work<Experts>() == nullptr) continue;
      EXPECT_EQ(block.feed_forwards().size(), expected) << name;
      ++mixtures;
    }
    EXPECT_GT(mixtures, 0) << name;
  }
}

TEST(Architectures, PlantedDirectionsAreFound) {
  int planted = 0;
  for (const std::string& name : cases()) {
    const json expected = expected_of(name);
    if (!expected.contains("planted")) continue;
    ++planted;
    Workers workers;
    AnalysisOptions options;
    options.token_ids = expected.at("token_ids").get<std::vector<std::int64_t>>();
    const Observation o = analyse(load_hugging_face(kData / name), options, workers);
    const std::vector<float> direction = expected.at("planted").at("direction");
    ASSERT_GE(o.primary_stage, 0) << name;
    EXPECT_LT(angle_degrees(o.direction, direction), 5) << name;
    const StageObservation& stage = *primary_stage(o);
    ASSERT_FALSE(stage.explosion_blocks.empty()) << name;
    EXPECT_EQ(stage.explosion_blocks.front().block, expected.at("planted").at("explodes_at"))
        << name;
    ASSERT_FALSE(stage.decay_blocks.empty()) << name;
    EXPECT_EQ(stage.decay_blocks.front().block, expected.at("planted").at("decays_at")) << name;
  }
  EXPECT_GE(planted, 4);
}

}  // namespace
}  // namespace azimuth
