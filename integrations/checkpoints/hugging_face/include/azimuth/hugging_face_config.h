#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "azimuth/architecture.h"
#include "azimuth/file_error.h"
#include "azimuth/roles.h"

namespace azimuth {

class Quantisation;

/// What a Hugging Face `config.json` says of a model. Known are the `model_type`s that
/// `Architecture::known()` lists, and models that see too, of which the text part is read:
/// `gemma3`, `gemma3n`, `gemma4`, `qwen3_5` and `qwen3_5_moe` as what is called that with `_text`
/// behind, `llava`, `llava_next` and `mistral3` as what their `text_config` says, `qwen2_vl` and
/// `qwen2_5_vl` as `qwen2`, `qwen3_vl` as `qwen3`. A field that the file leaves out, or has as
/// null, has the default of Transformers' own configuration class, which is what Transformers gives
/// it; where null means another thing there, it does here.
///
/// Special ids are those of every key that ends in `_token_id` (a number or an array of them, in
/// the file itself and in its `text_config`) and lie within the vocabulary: BOS first (that of the
/// class where the file has no such key), then in the order of the file, each once.
///
///     const Architecture llama = HuggingFaceConfig::open("SmolLM2/config.json").architecture;
struct HuggingFaceConfig {
  Architecture architecture;
  std::int64_t hidden_size = 0;
  std::int64_t block_count = 0;
  std::int64_t vocab_size = 0;
  std::int64_t ffn_size = 0;
  std::vector<std::int64_t> ffn_sizes;  ///< by block, where blocks differ; else empty
  std::int64_t expert_size = 0;         ///< the FFN width of experts; 0: `ffn_size`
  std::int64_t shared_expert_size =
      0;  ///< and of the one that every token goes to; 0: there is none
  std::int64_t head_size = 0;
  std::int64_t query_rank = 0;  ///< of latent attention's queries; 0: they have no latent vector
  std::int64_t positions = 0;   ///< rows of learned positions; 0: there are none

  /// Blocks that stand in published files behind those of the model, and predict further tokens.
  std::int64_t further_blocks = 0;

  /// How many rows the file says that a tensor has.
  struct Rows {
    std::string key;
    Role role = Role::token_embedding;
    std::int64_t block = 0;
    std::int64_t count = 0;

    bool operator==(const Rows&) const = default;
  };
  std::vector<Rows> rows;

  /// Biases that the model computes without, whatever the weights hold, and why.
  struct WithoutBiases {
    std::vector<Role> roles;
    std::string reason;  ///< "attention_bias is false"

    bool operator==(const WithoutBiases&) const = default;
  };
  std::vector<WithoutBiases> without_biases;

  /// How the weights are stored, where they are quantised; null: as plain numbers. Then the tensors
  /// of the model's files are pieces of weights, which load_hugging_face puts together.
  std::shared_ptr<const Quantisation> quantisation;

  /// What the file says and is not used, a line each.
  std::vector<std::string> warnings;

  bool operator==(const HuggingFaceConfig&) const = default;

  /// Throws FileError, naming the key: unknown `model_type`, a value of the wrong type or outside
  /// what any model has, a setting that changes the result of a one-token pass and is not supported
  /// (a method of quantisation that is not read included). Files are taken to be hostile; more than
  /// 16 MiB are refused.
  static HuggingFaceConfig open(const std::filesystem::path& file);

  /// The same of a text; `name` stands for the file in errors.
  static HuggingFaceConfig parse(std::string_view text,
                                 const std::filesystem::path& name = "config.json");
};

}  // namespace azimuth
