#include "azimuth/architecture.h"

#include <algorithm>
#include <initializer_list>
#include <stdexcept>
#include <string>

#include "model/role_tables.h"

namespace azimuth {
namespace {

template <class Reject>
void check_routing(const Routing& routing, std::int64_t experts, const Reject& reject) {
  const std::int64_t groups = routing.groups;
  if (groups < 1 || experts % groups != 0) reject("experts must be a multiple of their groups");
  if (routing.groups_per_token < 1 || routing.groups_per_token > groups ||
      routing.experts_per_token > experts / groups * routing.groups_per_token) {
    reject("groups_per_token groups must exist, and have experts_per_token experts");
  }
  if (groups > 1 && routing.choice_bias && experts / groups < 2) {
    reject("groups that are as good as their two best experts must have two");
  }
  if (!(routing.scale >= 0) || !(routing.reach >= 0)) {
    reject("scale and reach of a routing must not be negative");
  }
  if (routing.score == Routing::Score::sparse_mixer && routing.experts_per_token != 2) {
    reject("a sparse mixer sends a token to two experts");
  }
}

// Of the mixers that keep a state over tokens, where there are any.
void check_recurrence(const Architecture& a, const auto& reject) {
  const auto any = [&](MixerKind kind) {
    return std::ranges::any_of(a.blocks, [kind](const std::vector<MixerPlan>& block) {
      return std::ranges::count(block, kind, &MixerPlan::kind) > 0;
    });
  };
  const auto positive = [](std::initializer_list<std::int64_t> sizes) {
    return std::ranges::all_of(sizes, [](std::int64_t size) { return size > 0; });
  };
  const DeltaRuleSizes& rule = a.delta_rule;
  const StateSpaceSettings& space = a.state_space;
  const SelectiveStateSpaceSizes& selective = a.selective_state_space;
  const bool delta_rule = any(MixerKind::delta_rule);
  const bool state_space = any(MixerKind::state_space);
  const bool selects = any(MixerKind::selective_state_space);
  if (delta_rule &&
      (!positive({rule.key_heads, rule.value_heads, rule.key_size, rule.value_size}) ||
       rule.value_heads % rule.key_heads != 0)) {
    reject("a delta rule needs sizes, and value heads that are a multiple of the key heads");
  }
  if (state_space && (!positive({space.heads, space.head_size, space.groups, space.state_size}) ||
                      space.heads % space.groups != 0)) {
    reject("a state space needs sizes, and heads that are a multiple of the groups");
  }
  if (state_space && !(space.step_min <= space.step_max)) {
    reject("step_min of a state space must not be above step_max");
  }
  if (selects && !positive({selective.inner_size, selective.state_size, selective.step_rank})) {
    reject("a selective state space needs sizes");
  }
  const bool convolves = delta_rule || state_space || selects || any(MixerKind::short_convolution);
  if (convolves && a.convolution_taps < 1) reject("a convolution needs taps");
}

// Throws what is wrong with the attention of a block (from 1).
void check_attention(const Architecture& a, std::int64_t block) {
  const AttentionPlan plan = a.attention_of(block);
  const auto reject = [&](const char* why) {
    throw std::invalid_argument("architecture " + a.name + ": block " + std::to_string(block) +
                                ": " + why);
  };
  if (plan.kv_heads < 1 || a.heads % plan.kv_heads != 0 || plan.head_size < 1) {
    reject("heads must be a multiple of kv_heads, and have a size");
  }
  if (plan.values_of == 0) return;
  if (plan.values_of < 0 || plan.values_of >= block) reject("values must be of a block before it");
  const AttentionPlan source = a.attention_of(plan.values_of);
  if (source.values_of != 0 || source.kv_heads != plan.kv_heads ||
      source.head_size != plan.head_size) {
    reject("the block that it has its values of has none, or others");
  }
}

}  // namespace

std::vector<std::int64_t> value_sources(const std::vector<bool>& full, std::int64_t shared,
                                        const std::function<void(const std::string&)>& fail) {
  std::vector<std::int64_t> sources;
  std::int64_t last[] = {0, 0};  // of sliding and of full attention, from 1
  for (std::int64_t block = 1; block <= std::ssize(full); ++block) {
    std::int64_t& source = last[full[static_cast<std::size_t>(block - 1)] ? 1 : 0];
    const bool has_its_own = block <= std::ssize(full) - shared;
    if (has_its_own) source = block;
    if (source == 0) {
      fail("is " + std::to_string(shared) +
           ", and no block before the last so many has values for block " + std::to_string(block));
      return sources;
    }
    sources.push_back(has_its_own ? 0 : source);
  }
  return sources;
}

void Architecture::check() const {
  const auto reject = [&](const char* why) {
    throw std::invalid_argument("architecture " + name + ": " + why);
  };
  if (heads < 1 || kv_heads < 1 || heads % kv_heads != 0) {
    reject("heads must be a positive multiple of kv_heads");
  }
  if (head_size < 0) reject("head_size must not be negative");
  if (!(norm_epsilon >= 0)) reject("norm_epsilon must not be negative");
  if (!(qkv_clip >= 0)) reject("qkv_clip must not be negative");
  const std::int64_t best = routing.experts_per_token;
  if (experts < 0 || best < 0 || best > experts || (experts > 0 && best == 0)) {
    reject("experts_per_token must lie between 1 and experts");
  }
  for (const std::vector<MixerPlan>& plans : blocks) {
    if (plans.empty() || plans.front().beside) reject("a block must begin with a mixer of its own");
  }
  const auto has_mixture = [](const std::vector<MixerPlan>& plans) {
    return std::ranges::count(plans, MixerKind::experts, &MixerPlan::kind) > 0;
  };
  if (experts == 0 && std::ranges::any_of(blocks, has_mixture)) {
    reject("a block is a mixture, and there are no experts");
  }
  if (expert_latent_size < 0) reject("expert_latent_size must not be negative");
  if (experts > 0) check_routing(routing, experts, reject);
  check_recurrence(*this, reject);
  if (parallel && !blocks.empty()) reject("a list of blocks says itself what stands beside what");
  if (experts > 0 && !blocks.empty() && std::ranges::none_of(blocks, has_mixture)) {
    reject("there are experts, and no block is a mixture");
  }
  if (multipliers != Multipliers{} && (norm_placement == NormPlacement::after || bare_norms)) {
    reject("what mixers read is multiplied by the weights of their norms, of which there are none");
  }
  if (norm == NormKind::none) reject("a norm must be of a kind");
  if (latent.rank > 0 && (head_size == 0 || kv_heads != heads)) {
    reject("latent attention has a head_size, and values of their own for all heads");
  }
  if (latent.rank > 0 && (attention_sinks || qkv_clip > 0 || value_norm)) {
    reject("latent attention has neither sinks, nor limits, nor norms of values");
  }
  if (!attention.empty() && (latent.rank > 0 || attention_sinks || gated_attention)) {
    reject("attention that differs by block is neither latent nor gated, and has no sinks");
  }
  if (latent.rank < 0 || latent.key_size < 0 || latent.rotated_key_size < 0) {
    reject("sizes of latent attention must not be negative");
  }
  if (!(clamped_gate.limit >= 0) || !(clamped_gate.steepness > 0)) {
    reject("a gate is cut at a limit that is not negative, and as steep as a positive number");
  }
  if (clamped_gate.limit > 0 && !gated_ffn) reject("only gated FFNs are cut");
  if (!(rotary_factor >= 0)) reject("rotary_factor must not be negative");
  if (shared_norm && !parallel) reject("only parallel blocks can share a norm");
  if (!attention.empty() && attention.size() != blocks.size()) {
    reject("attention and blocks must say as much of every block");
  }
  for (std::size_t block = 1; block <= attention.size(); ++block) {
    check_attention(*this, static_cast<std::int64_t>(block));
  }
  if (per_layer_size < 0 || streams < 1) reject("sizes must not be negative");
  if (!gate_sparsity.empty() && gate_sparsity.size() != blocks.size()) {
    reject("gate_sparsity and blocks must say as much of every block");
  }
  if (std::ranges::any_of(gate_sparsity, [](double share) { return !(share >= 0 && share < 1); })) {
    reject("gate_sparsity must lie in [0, 1)");
  }
  if (parallel && norm_placement != NormPlacement::before) {
    reject("parallel blocks have their norms before attention and FFN");
  }
}

std::vector<MixerPlan> Architecture::plan_of(std::int64_t block) const {
  if (!blocks.empty()) return blocks.at(static_cast<std::size_t>(block - 1));
  return {{MixerKind::attention},
          {experts > 0 ? MixerKind::experts : MixerKind::feed_forward, parallel}};
}

AttentionPlan Architecture::attention_of(std::int64_t block) const {
  if (!attention.empty()) return attention.at(static_cast<std::size_t>(block - 1));
  return {.kv_heads = kv_heads, .head_size = head_size};
}

bool Architecture::has(MixerKind kind, std::int64_t block) const {
  if (blocks.empty()) {
    return kind == MixerKind::attention ||
           kind == (experts > 0 ? MixerKind::experts : MixerKind::feed_forward);
  }
  return std::ranges::count(blocks.at(static_cast<std::size_t>(block - 1)), kind,
                            &MixerPlan::kind) > 0;
}

std::string Architecture::caveat() const {
  if (streams == 1) return {};
  return "of " + std::to_string(streams) +
         " residual streams the first is observed, which attention and FFNs read and write";
}

Architecture Architecture::llama(Llama options) {
  Architecture a;
  a.name = "llama";
  a.heads = options.heads;
  a.kv_heads = options.kv_heads == 0 ? options.heads : options.kv_heads;
  a.norm_epsilon = options.norm_epsilon;
  a.special_token_ids = std::move(options.special_token_ids);
  a.check();
  return a;
}

Architecture Architecture::gpt2(Gpt2 options) {
  Architecture a;
  a.name = "gpt2";
  a.heads = options.heads;
  a.kv_heads = options.heads;
  a.activation = Activation::gelu_tanh;
  a.norm = NormKind::layer;
  a.norm_epsilon = options.norm_epsilon;
  a.gated_ffn = false;
  a.learned_positions = true;
  a.special_token_ids = std::move(options.special_token_ids);
  a.check();
  return a;
}

std::vector<std::string> Architecture::known() {
  std::vector<std::string> names;
  for (const RoleTable& table : role_tables()) names.emplace_back(table.architecture);
  return names;
}

}  // namespace azimuth
