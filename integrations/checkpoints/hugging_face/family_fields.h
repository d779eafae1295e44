#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "azimuth/hugging_face_config.h"
#include "hugging_face/config_fields.h"

// How the fields of a config.json are read that many families have. Source: configuration_*.py and
// modeling_*.py of Hugging Face Transformers 5.24. What plays no part in the pass of one token is
// not read: positions that rotate queries and keys, windows, soft caps, norms of queries and keys,
// dropout. Sizes and biases are held against the weights.
namespace azimuth::family {

using Fields = const ConfigFields&;
using Config = HuggingFaceConfig&;

inline constexpr std::int64_t kMaxHeadSize = 65'536;
inline constexpr std::int64_t kMaxExperts = 4'096;
inline constexpr std::int64_t kMaxFfnSize = 1 << 24;
inline constexpr std::int64_t kMaxPositions = 1ll << 31;
inline constexpr std::int64_t kMaxStreams = 256;
inline constexpr std::int64_t kMaxExpansion = 1'024;
inline constexpr std::int64_t kMaxFurtherBlocks = 64;
inline constexpr double kMaxClip = 1e6;
inline constexpr double kMaxScale = 1e6;

inline const std::vector<Role> kQueryKeyValueBiases = {Role::query_bias, Role::key_bias,
                                                       Role::value_bias};
inline const std::vector<Role> kAttentionBiases = {Role::query_bias, Role::key_bias,
                                                   Role::value_bias, Role::output_bias};
inline const std::vector<Role> kFusedAttentionBiases = {Role::query_key_value_bias,
                                                        Role::output_bias};
inline const std::vector<Role> kFfnBiases = {Role::gate_bias, Role::up_bias, Role::down_bias};

void read_activation(Fields fields, Config config, std::string_view key,
                     std::string_view otherwise);
/// `otherwise` 0: as many as there are heads, which is also what null says.
void read_kv_heads(Fields fields, Config config, std::int64_t otherwise = 0);
/// `otherwise` 0: that of the values, which is also what null says.
void read_head_size(Fields fields, Config config, std::int64_t otherwise = 0);
void read_norm(Fields fields, Config config, NormKind kind, std::string_view key, double otherwise);
void read_ffn_size(Fields fields, Config config, std::string_view key, std::int64_t otherwise);

/// What all Granites multiply the embedding, and what mixers write, with.
void read_granite_multipliers(Fields fields, Config config);

/// The model computes without these biases by a flag, where it is false; in the file they may stand
/// all the same.
void read_biases(Fields fields, Config config, std::string_view key, bool otherwise,
                 std::vector<Role> roles);
/// Whatever the file says.
void never(Config config, std::vector<Role> roles);

/// The model has no experts, whatever else its configuration says: no block is a mixture.
void leave_experts_out(Config config);

/// Each block is attention, then a mixture or, where `is_mixture` (of a block from 0) says no, an
/// FFN. Without any mixture the model has no experts.
template <class IsMixture>
void set_mixtures(Config config, const IsMixture& is_mixture) {
  Architecture& a = config.architecture;
  std::int64_t mixtures = 0;
  for (std::int64_t block = 0; block < config.block_count; ++block) {
    const bool mixture = is_mixture(block);
    mixtures += mixture ? 1 : 0;
    a.blocks.push_back(
        {{MixerKind::attention}, {mixture ? MixerKind::experts : MixerKind::feed_forward}});
  }
  if (mixtures == 0) leave_experts_out(config);
  if (mixtures == 0 || mixtures == config.block_count) a.blocks.clear();
}

struct LlamaDefaults {
  std::int64_t ffn_size = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_size = 0;
  double epsilon = 1e-6;
  std::string_view activation = "silu";
};
/// RMS norms, a gated FFN, grouped KV heads.
void read_like_llama(Fields fields, Config config, LlamaDefaults defaults);

}  // namespace azimuth::family
