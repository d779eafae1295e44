#include "signature_check.h"

#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

namespace azimuth {
namespace {

/// Rounding of a direction to float32 leaves its norm within this of 1.
constexpr double kNormTolerance = 1e-3;

void require(bool condition, const std::string& what, const std::string& why) {
  if (!condition) throw std::invalid_argument(what + ": " + why);
}

std::string item(const char* list, std::size_t index) {
  return std::string(list) + "[" + std::to_string(index) + "]";
}

void check_direction(const std::vector<float>& direction, std::int64_t hidden_size,
                     const std::string& what) {
  require(static_cast<std::int64_t>(direction.size()) == hidden_size, what,
          std::to_string(direction.size()) + " numbers where hidden_size is " +
              std::to_string(hidden_size));
  double squares = 0;
  for (float number : direction) {
    require(std::isfinite(number), what, "not finite");
    squares += static_cast<double>(number) * static_cast<double>(number);
  }
  require(std::abs(std::sqrt(squares) - 1) <= kNormTolerance, what, "not a unit vector");
}

void check_stage(const StageObservation& stage, const ModelInfo& model, const std::string& what) {
  require(1 <= stage.first_block && stage.first_block <= stage.last_block &&
              stage.last_block <= model.block_count,
          what, "blocks outside the model");
  for (const auto* list : {&stage.explosion_blocks, &stage.decay_blocks})
    for (const BlockFactor& entry : *list)
      require(1 <= entry.block && entry.block <= model.block_count, what,
              "block " + std::to_string(entry.block) + " outside the model");
  check_direction(stage.direction, model.hidden_size, what + ".direction");
}

void check_block(const BlockObservation& block, std::size_t index, const Signature& signature,
                 const std::string& what) {
  require(block.block == static_cast<std::int64_t>(index), what, "blocks are not in order from 0");
  require(-1 <= block.stage && block.stage < static_cast<std::int64_t>(signature.stages.size()),
          what, "there is no stage " + std::to_string(block.stage));
  require(block.norms.size() == signature.probe.token_ids.size(), what + ".norms",
          std::to_string(block.norms.size()) + " norms of " +
              std::to_string(signature.probe.token_ids.size()) + " tokens");
}

}  // namespace

void check_signature(const Signature& signature) {
  require(signature.schema_version == kSchemaVersion, "schema_version",
          std::to_string(signature.schema_version) + ", but this program knows only " +
              std::to_string(kSchemaVersion));

  const ModelInfo& model = signature.model;
  require(model.hidden_size > 0, "model.hidden_size", "not positive");
  require(model.block_count > 0, "model.block_count", "not positive");
  require(static_cast<std::int64_t>(signature.stages.size()) <= model.block_count, "stages",
          "more than blocks");
  require(signature.blocks.empty() ||
              static_cast<std::int64_t>(signature.blocks.size()) == model.block_count + 1,
          "blocks",
          std::to_string(signature.blocks.size()) + " where the model has " +
              std::to_string(model.block_count) + " and the embedding");
  require(signature.probe.vocabulary.ratio.size() ==
              signature.probe.vocabulary.exploding_token_ids.size(),
          "probe.vocabulary", "one ratio is needed for each token");

  for (std::size_t i = 0; i < signature.stages.size(); ++i)
    check_stage(signature.stages[i], model, item("stages", i));
  for (std::size_t i = 0; i < signature.blocks.size(); ++i)
    check_block(signature.blocks[i], i, signature, item("blocks", i));

  const std::int64_t primary = signature.primary_stage;
  require(-1 <= primary && primary < static_cast<std::int64_t>(signature.stages.size()),
          "primary_stage", "there is no stage " + std::to_string(primary));
  if (!signature.direction.empty())
    check_direction(signature.direction, model.hidden_size, "direction");
  if (primary >= 0)
    require(signature.direction == signature.stages[static_cast<std::size_t>(primary)].direction,
            "direction", "is not that of the primary stage");
}

}  // namespace azimuth
