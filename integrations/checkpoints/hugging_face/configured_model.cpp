#include "hugging_face/configured_model.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "azimuth/file_error.h"
#include "azimuth/further_blocks.h"
#include "azimuth/hugging_face_config.h"
#include "hugging_face/fused_experts.h"
#include "hugging_face/quantisation.h"

namespace azimuth {
namespace {

void check_size(const std::filesystem::path& file, const char* key, std::int64_t said,
                std::int64_t found) {
  if (said == found) return;
  throw FileError(file, std::string("key ") + key,
                  "is " + std::to_string(said) + ", but the weights have " + std::to_string(found));
}

// The pass does not read these; a file in which they do not fit is another model's, or a part of
// one.
void check_unread(const std::filesystem::path& file, const HuggingFaceConfig& described,
                  const ModelWeights& weights) {
  const Architecture& a = described.architecture;
  const std::int64_t d = described.hidden_size;
  const auto check = [&](Role role, std::int64_t block, std::int64_t rows, std::int64_t columns) {
    const std::vector<std::int64_t> found = weights.stored_shape(role, block);
    const std::vector<std::int64_t> expected = {rows, columns};
    if (found.empty() || found == expected || found.front() == 0) return;
    throw FileError(file, std::string(name_of(role)) + " of block " + std::to_string(block),
                    "has shape " + shape_text(found) + " where " + shape_text(expected) +
                        " is expected by config.json");
  };
  const auto blocks = static_cast<std::int64_t>(weights.blocks().size());
  for (std::int64_t block = 1; block <= blocks; ++block) {
    const AttentionPlan plan = a.attention_of(block);
    const std::int64_t size = a.attention.empty() ? described.head_size : plan.head_size;
    const std::int64_t query_size =
        a.latent.rank > 0 ? a.latent.key_size + a.latent.rotated_key_size : size;
    check(Role::query_weight, block, a.heads * query_size, d);
    check(Role::key_weight, block, plan.kv_heads * size, d);
    check(Role::latent_query_weight, block, described.query_rank, d);
    check(Role::latent_query_output_weight, block, a.heads * query_size, described.query_rank);
  }
  check(Role::head_weight, 0, described.vocab_size, d);
}

void check_rows(const std::filesystem::path& file, const HuggingFaceConfig& described,
                const ModelWeights& weights) {
  for (const HuggingFaceConfig::Rows& rows : described.rows) {
    const std::vector<std::int64_t> found = weights.stored_shape(rows.role, rows.block);
    if (!found.empty()) check_size(file, rows.key.c_str(), rows.count, found.front());
  }
}

// How wide the FFNs and experts of every block are.
void check_widths(const std::filesystem::path& file, const HuggingFaceConfig& described,
                  const ModelWeights& weights) {
  const std::int64_t of_experts =
      described.expert_size > 0 ? described.expert_size : described.ffn_size;
  for (std::size_t b = 0; b < weights.blocks().size(); ++b) {
    const auto check = [&](const char* what, std::int64_t said, const FeedForward& ffn) {
      const std::int64_t found = ffn.down.map->columns();
      if (said == found) return;
      throw FileError(file, what,
                      "is " + std::to_string(said) + ", but the weights have " +
                          std::to_string(found) + " in block " + std::to_string(b + 1));
    };
    for (const Mixer& mixer : weights.blocks()[b].mixers) {
      if (const auto* const ffn = std::get_if<FeedForward>(&mixer.work)) {
        check("key intermediate_size",
              described.ffn_sizes.empty() ? described.ffn_size : described.ffn_sizes[b], *ffn);
      } else if (const auto* const mixture = std::get_if<Experts>(&mixer.work)) {
        check("width of experts", of_experts, mixture->experts.front());
        if (mixture->shared) {
          check("width of the shared expert",
                described.ffn_sizes.empty() ? described.shared_expert_size : described.ffn_sizes[b],
                *mixture->shared);
        }
      }
    }
  }
}

// GPT-2 keeps its matrices inputs first, and a quantised one is decoded outputs first: of both
// kinds in one model, a square one would be taken for what it is not.
void check_orientation(const Architecture& architecture, const NamedTensors& tensors) {
  if (architecture.name != "gpt2") return;
  bool quantised = false;
  const NamedTensor* plain = nullptr;
  for (const NamedTensor& tensor : tensors.tensors) {
    const auto place = role_of(architecture, tensor.name);
    if (!place || place->block == 0 || tensor.view.shape.size() != 2) continue;
    if (tensor.view.type == StoredType::in_pieces) {
      quantised = true;
    } else {
      plain = &tensor;
    }
  }
  if (quantised && plain != nullptr) {
    throw std::invalid_argument("tensor " + plain->name +
                                ": is not quantised, and other matrices of this gpt2 are");
  }
}

// What lies there as it is, and must not (Quantisation::may_be_plain).
void check_plain(const Quantisation& quantisation, const Architecture& architecture,
                 const NamedTensors& tensors, const RoleNames& names) {
  constexpr std::string_view kWeight = ".weight";
  for (const NamedTensor& tensor : tensors.tensors) {
    const std::string_view name = tensor.name;
    if (tensor.view.type == StoredType::in_pieces || !name.ends_with(kWeight)) continue;
    const auto place = role_of(architecture, name, names);
    if (!place || place->block == 0 || !is_matrix(place->role)) continue;
    if (quantisation.may_be_plain(name.substr(0, name.size() - kWeight.size()))) continue;
    throw std::invalid_argument("tensor " + tensor.name +
                                ": is not quantised, and quantization_config does not leave it "
                                "out: Transformers would not take it");
  }
}

// Takes out what the model computes without; says so.
std::vector<std::string> leave_biases_out(const HuggingFaceConfig& described, NamedTensors& tensors,
                                          const RoleNames& names) {
  std::vector<std::string> warnings;
  for (const HuggingFaceConfig::WithoutBiases& without : described.without_biases) {
    std::string first;
    const auto count = std::erase_if(tensors.tensors, [&](const NamedTensor& tensor) {
      const auto place = role_of(described.architecture, tensor.name, names);
      if (!place || std::ranges::find(without.roles, place->role) == without.roles.end()) {
        return false;
      }
      if (first.empty()) first = tensor.name;
      return true;
    });
    if (count == 0) continue;
    warnings.push_back(std::to_string(count) + (count == 1 ? " bias is" : " biases are") +
                       " not used, since " + without.reason + ": " + first +
                       (count > 1 ? " and others" : ""));
  }
  return warnings;
}

}  // namespace

ModelWeights load_configured_model(const std::filesystem::path& model,
                                   const std::filesystem::path& config, const RoleNames& names,
                                   const std::function<NamedTensors()>& read) {
  HuggingFaceConfig described = HuggingFaceConfig::open(config);
  std::vector<std::string> warnings;
  NamedTensors tensors = with_file_errors(model, "model", [&] {
    NamedTensors all = read();
    warnings =
        leave_further_blocks_out("layers.", described.block_count, described.further_blocks, all);
    if (described.quantisation != nullptr) {
      all = decode_quantised(*described.quantisation, std::move(all));
      check_orientation(described.architecture, all);
      check_plain(*described.quantisation, described.architecture, all, names);
    }
    split_fused_experts(described, all);
    check_names(described.architecture, all, names);
    return all;
  });
  for (std::string& warning : leave_biases_out(described, tensors, names)) {
    warnings.push_back(std::move(warning));
  }
  ModelWeights weights = with_file_errors(model, "model", [&] {
    return ModelWeights::from_tensors(described.architecture, std::move(tensors), names);
  });
  check_size(config, "hidden_size", described.hidden_size, weights.hidden_size());
  check_size(config, "num_hidden_layers", described.block_count,
             static_cast<std::int64_t>(weights.blocks().size()));
  check_size(config, "vocab_size", described.vocab_size, weights.vocab_size());
  check_size(config, "head_dim", described.head_size, weights.head_size());
  check_widths(config, described, weights);
  if (described.positions > 0) {
    check_size(config, "max_position_embeddings", described.positions,
               weights.stored_shape(Role::position_embedding, 0).front());
  }
  check_rows(config, described, weights);
  check_unread(model, described, weights);
  if (const std::string caveat = weights.architecture().caveat(); !caveat.empty()) {
    weights.add_warning(caveat);
  }
  for (const auto& list : {described.warnings, warnings}) {
    for (const std::string& warning : list) weights.add_warning(warning);
  }
  return weights;
}

}  // namespace azimuth
