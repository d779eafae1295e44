#include "model/role_tables.h"

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <string>

#include "azimuth/joined.h"

namespace azimuth {
namespace {

constexpr std::string_view kRotation = "positions alone: one token is not rotated against another";
constexpr std::string_view kMask = "a mask: one token sees itself";
constexpr std::string_view kUnembedding = "reads residual streams behind the last block";
constexpr IdleName kIdle[] = {
    {"", "layers.{}.self_attn.rotary_emb.inv_freq", kRotation},
    {"", "layers.{}.attention.rotary_emb.inv_freq", kRotation},
    {"", "layers.{}.attention.inner_attention.rope.freqs", kRotation},
    {"", "blk.{}.attn_rot_embd.weight", kRotation},
    {"", "rope_freqs.weight", kRotation},
    {"", "rope_factors_long.weight", kRotation},
    {"", "rope_factors_short.weight", kRotation},
    {"falcon", "h.{}.self_attention.maybe_rotary.inv_freq", kRotation},
    {"falcon", "h.{}.self_attention.rotary_emb.inv_freq", kRotation},
    {"gemma3n_text", "altup_unembed_projections.{}.weight", kUnembedding},
    {"gemma3n_text", "altup_unembd_proj.weight", kUnembedding},
    {"gpt2", "h.{}.attn.bias", kMask},
    {"gpt2", "h.{}.attn.masked_bias", kMask},
    {"gpt_neo", "h.{}.attn.attention.bias", kMask},
    {"gpt_neo", "h.{}.attn.attention.masked_bias", kMask},
    {"gpt_neox", "layers.{}.attention.bias", kMask},
    {"gpt_neox", "layers.{}.attention.masked_bias", kMask},
    {"gptj", "h.{}.attn.bias", kMask},
    {"gptj", "h.{}.attn.masked_bias", kMask},
};

}  // namespace

std::span<const IdleName> idle_names() { return kIdle; }

std::span<const RoleTable> role_tables() {
  static const std::vector<RoleTable> tables = [] {
    std::vector<RoleTable> all;
    for (const auto& some : {dense_tables(), gemma_tables(), hybrid_tables(), mixture_tables()}) {
      std::ranges::copy(some, std::back_inserter(all));
    }
    std::ranges::sort(all, {}, &RoleTable::architecture);
    return all;
  }();
  return tables;
}

const RoleTable& table_of(const Architecture& architecture) {
  const auto tables = role_tables();
  const auto found = std::ranges::find(tables, architecture.name, &RoleTable::architecture);
  if (found != tables.end()) return *found;
  throw std::invalid_argument("unknown architecture '" + architecture.name + "'; known are " +
                              joined(Architecture::known()));
}

}  // namespace azimuth
