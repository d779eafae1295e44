#pragma once

#include <cstdint>
#include <string_view>

#include "gguf/gguf_families.h"

// How the keys of a GGUF file are read that several families have. Source: gguf_families.cpp.
namespace azimuth::gguf_family {

using Fields = const GgufFields&;

inline constexpr std::int64_t kMaxExperts = 4'096;
inline constexpr std::int64_t kMaxHeads = 65'536;
inline constexpr std::int64_t kMaxSize = 1ll << 31;

inline constexpr std::string_view kFalconSecondNorm = "blk.0.attn_norm_2";

/// Of a key that is there: more than 0, and no more than 1e6.
double positive(Fields fields, std::string_view key);
void read_rms_norm(Fields fields, Architecture& a);
/// Layer norms and a plain FFN.
void read_plain(Fields fields, Architecture& a, Activation activation);
/// Limits of queries, keys and values, where there are some.
inline constexpr std::string_view kClip[] = {"attention.clamp_kqv"};
void read_clip(Fields fields, Architecture& a);
/// What all Granites multiply the embedding, and what mixers write, with.
inline constexpr std::string_view kGraniteMultipliers[] = {"embedding_scale", "residual_scale"};
void read_granite_multipliers(Fields fields, Architecture& a);
/// How many experts there are, and how many a token goes to.
void read_experts(Fields fields, Architecture& a);
/// By what scores they are chosen: a sigmoid's where the file does not say.
inline constexpr std::string_view kScore = "expert_gating_func";
Routing::Score read_score(Fields fields);
/// The same of experts that are chosen by groups, with a bias.
void read_grouped_routing(Fields fields, Architecture& a);

/// GgufFamily::reads of those that have such routers.
inline constexpr std::string_view kGroupedRouting[] = {"expert_count",
                                                       "expert_gating_func",
                                                       "expert_group_count",
                                                       "expert_shared_count",
                                                       "expert_weights_norm",
                                                       "expert_weights_scale",
                                                       "leading_dense_block_count"};

}  // namespace azimuth::gguf_family
