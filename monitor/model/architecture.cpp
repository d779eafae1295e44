#include "azimuth/architecture.h"

#include <algorithm>
#include <stdexcept>

#include "model/role_tables.h"

namespace azimuth {

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
  if (norm == NormKind::none) reject("a norm must be of a kind");
  if (shared_norm && !parallel) reject("only parallel blocks can share a norm");
  if (parallel && norm_placement != NormPlacement::before) {
    reject("parallel blocks have their norms before attention and FFN");
  }
}

std::vector<MixerPlan> Architecture::plan_of(std::int64_t block) const {
  if (!blocks.empty()) return blocks.at(static_cast<std::size_t>(block - 1));
  return {{MixerKind::attention},
          {experts > 0 ? MixerKind::experts : MixerKind::feed_forward, parallel}};
}

bool Architecture::has(MixerKind kind, std::int64_t block) const {
  if (blocks.empty()) {
    return kind == MixerKind::attention ||
           kind == (experts > 0 ? MixerKind::experts : MixerKind::feed_forward);
  }
  return std::ranges::count(blocks.at(static_cast<std::size_t>(block - 1)), kind,
                            &MixerPlan::kind) > 0;
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
