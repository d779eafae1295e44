#include "signature_check.h"

#include <cmath>
#include <string>
#include <vector>

#include "azimuth/file_error.h"

namespace azimuth {
namespace {

/// Rounding of a direction to float32 leaves its norm within this of 1.
constexpr double kNormTolerance = 1e-3;

/// A signature's parts are checked one after the other; the first that is wrong is named.
class Check {
 public:
  Check(const std::filesystem::path& file, const Signature& signature)
      : file_(file), signature_(signature) {}

  void all() const;

 private:
  void require(bool condition, const std::string& what, const std::string& why) const {
    if (!condition) throw FileError(file_, what, why);
  }
  void direction(const std::vector<float>& direction, const std::string& what) const;
  void stage(const StageObservation& stage, const std::string& what) const;
  void block(std::size_t index, const std::string& what) const;

  const std::filesystem::path& file_;
  const Signature& signature_;
};

std::string item(const char* list, std::size_t index) {
  return std::string(list) + "[" + std::to_string(index) + "]";
}

void Check::direction(const std::vector<float>& direction, const std::string& what) const {
  const std::int64_t hidden_size = signature_.model.hidden_size;
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

void Check::stage(const StageObservation& stage, const std::string& what) const {
  const ModelInfo& model = signature_.model;
  require(1 <= stage.first_block && stage.first_block <= stage.last_block &&
              stage.last_block <= model.block_count,
          what, "blocks outside the model");
  for (const auto* list : {&stage.explosion_blocks, &stage.decay_blocks})
    for (const BlockFactor& entry : *list)
      require(1 <= entry.block && entry.block <= model.block_count, what,
              "block " + std::to_string(entry.block) + " outside the model");
  direction(stage.direction, what + ".direction");
}

void Check::block(std::size_t index, const std::string& what) const {
  const BlockObservation& block = signature_.blocks[index];
  require(block.block == static_cast<std::int64_t>(index), what, "blocks are not in order from 0");
  require(-1 <= block.stage && block.stage < static_cast<std::int64_t>(signature_.stages.size()),
          what, "there is no stage " + std::to_string(block.stage));
  require(block.norms.size() == signature_.probe.token_ids.size(), what + ".norms",
          std::to_string(block.norms.size()) + " norms of " +
              std::to_string(signature_.probe.token_ids.size()) + " tokens");
}

void Check::all() const {
  require(signature_.schema_version == kSchemaVersion, "schema_version",
          std::to_string(signature_.schema_version) + ", but this program knows only " +
              std::to_string(kSchemaVersion));

  const ModelInfo& model = signature_.model;
  require(model.hidden_size > 0, "model.hidden_size", "not positive");
  require(model.block_count > 0, "model.block_count", "not positive");
  require(static_cast<std::int64_t>(signature_.stages.size()) <= model.block_count, "stages",
          "more than blocks");
  require(signature_.blocks.empty() ||
              static_cast<std::int64_t>(signature_.blocks.size()) == model.block_count + 1,
          "blocks",
          std::to_string(signature_.blocks.size()) + " where the model has " +
              std::to_string(model.block_count) + " and the embedding");
  require(signature_.probe.vocabulary.ratio.size() ==
              signature_.probe.vocabulary.exploding_token_ids.size(),
          "probe.vocabulary", "one ratio is needed for each token");

  for (std::size_t i = 0; i < signature_.stages.size(); ++i)
    stage(signature_.stages[i], item("stages", i));
  for (std::size_t i = 0; i < signature_.blocks.size(); ++i) block(i, item("blocks", i));

  const std::int64_t primary = signature_.primary_stage;
  require(-1 <= primary && primary < static_cast<std::int64_t>(signature_.stages.size()),
          "primary_stage", "there is no stage " + std::to_string(primary));
  if (!signature_.direction.empty()) direction(signature_.direction, "direction");
  if (primary >= 0)
    require(signature_.direction == signature_.stages[static_cast<std::size_t>(primary)].direction,
            "direction", "is not that of the primary stage");
}

}  // namespace

void check_signature(const std::filesystem::path& file, const Signature& signature) {
  Check(file, signature).all();
}

}  // namespace azimuth
