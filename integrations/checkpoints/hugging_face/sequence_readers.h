#pragma once

#include <cstdint>

#include "azimuth/hugging_face_config.h"
#include "hugging_face/sequence_fields.h"

// Families that have windows, or whose blocks differ in how they know positions: each reads what
// SequenceFacts do not say. Throw FileError.
namespace azimuth::sequence_readers {

inline constexpr double kMax = 1e12;
inline constexpr std::int64_t kMaxPattern = 100'000;

struct Model {
  const ConfigFields& fields;
  const HuggingFaceConfig& config;
  const family::SequenceFacts& facts;

  std::int64_t head_size() const {
    const Architecture& a = config.architecture;
    return a.head_size > 0 ? a.head_size : config.hidden_size / a.heads;
  }
  std::int64_t blocks() const { return config.block_count; }
  Rotary rotary() const { return rotary(fields.json()); }
  /// With other settings around those of positions.
  Rotary rotary(const ConfigFields::Json& around) const {
    return family::read_rotary(family::rotary_settings(fields), fields.with(around), head_size(),
                               facts);
  }
};

void mistral(const Model& model, Sequences& sequences);
void window_if_given(const Model& model, Sequences& sequences);
void qwen(const Model& model, Sequences& sequences);
void qwen_vl(const Model& model, Sequences& sequences);
void ministral(const Model& model, Sequences& sequences);
void qwen2_moe(const Model& model, Sequences& sequences);
void qwen3_moe(const Model& model, Sequences& sequences);
void dots1(const Model& model, Sequences& sequences);
void smollm3(const Model& model, Sequences& sequences);
void gemma2(const Model& model, Sequences& sequences);
void gemma3(const Model& model, Sequences& sequences);
void olmo3(const Model& model, Sequences& sequences);
void cohere2(const Model& model, Sequences& sequences);
void exaone4(const Model& model, Sequences& sequences);
void gpt_neo(const Model& model, Sequences& sequences);
void gpt_oss(const Model& model, Sequences& sequences);

}  // namespace azimuth::sequence_readers
