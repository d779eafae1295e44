#include "azimuth/sequence_weights.h"

#include <stdexcept>
#include <string>

#include "azimuth/model_weights.h"
#include "model/block_reader.h"
#include "model/tensors_by_role.h"

namespace azimuth {

SequenceWeights ModelWeights::for_sequences() const {
  const Architecture& a = architecture_;
  if (!a.sequences.unknown.empty()) throw std::invalid_argument(a.sequences.unknown);
  const auto expect = [&](Role role) {
    if (!has(role)) throw std::invalid_argument(std::string(name_of(role)) + " is missing");
  };
  const TensorsByRole tensors(*tensors_, bound_, updates_, nudge_);
  const ModelSizes sizes = ModelSizes::of(a, tensors, bound_.back().block);
  const BlockReader reader(a, tensors, sizes, true);
  SequenceWeights weights;
  for (std::int64_t b = 1; b <= std::ssize(blocks_); ++b) weights.blocks.push_back(reader.read(b));
  if (a.learned_positions) {
    const std::int64_t rows = tensors.at(Role::position_embedding, 0).view.shape.front();
    weights.positions = tensors.map(Role::position_embedding, 0, 0, {rows, hidden_size_, false});
  }
  if (a.embedding_norm) {
    weights.embedding_norm =
        tensors.norm(Role::embedding_norm_weight, Role::embedding_norm_bias, 0, hidden_size_, a);
  }
  if (a.bare_norms) {
    weights.final_norm = {a.norm, a.norm_epsilon, {}, {}};
  } else {
    expect(Role::final_norm_weight);
    weights.final_norm =
        tensors.norm(Role::final_norm_weight, Role::final_norm_bias, 0, hidden_size_, a);
  }
  const bool is_embedding = a.sequences.tied_head && updates_.empty() && tied_head() != nullptr;
  if (!a.sequences.tied_head) expect(Role::head_weight);
  if (has(Role::head_weight) && !is_embedding) {
    for (const auto& [place, tensor] : rows_) {
      if (place.role == Role::head_weight) reject(tensor, "replaces some rows of the head alone");
    }
    weights.head.map = tensors.map(Role::head_weight, 0, 0, {vocab_size_, hidden_size_, false});
  }
  weights.head.bias = tensors.vector_or_empty(Role::head_bias, 0, vocab_size_);
  return weights;
}

}  // namespace azimuth
