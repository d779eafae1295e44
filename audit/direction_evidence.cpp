#include "azimuth/direction_evidence.h"

#include <array>

#include "azimuth/absence.h"
#include "azimuth/comparison.h"

namespace azimuth {
namespace {

const BlockObservation* block_of(const Signature& signature,
                                 const std::vector<std::int32_t>& blocks) {
  if (blocks.empty()) return nullptr;
  for (const BlockObservation& block : signature.blocks) {
    if (block.block == blocks.front()) return &block;
  }
  return nullptr;
}

DirectionFigures figures_of(const Signature& signature) {
  DirectionFigures out;
  out.absence = absence_text(signature);
  if (signature.primary_stage < 0) return out;
  const StageObservation& stage =
      signature.stages.at(static_cast<std::size_t>(signature.primary_stage));
  for (const BlockFactor& block : stage.explosion_blocks)
    out.explosion_blocks.push_back(block.block);
  for (const BlockFactor& block : stage.decay_blocks) out.decay_blocks.push_back(block.block);
  out.peak_ratio = stage.peak_ratio;
  if (const BlockObservation* block = block_of(signature, out.explosion_blocks)) {
    out.singular_ratio = block->singular.sigma[0] / block->singular.sigma[1];
  }
  if (const BlockObservation* block = block_of(signature, out.decay_blocks)) {
    out.decay_eigenvalue = block->eigen.real;
  }
  return out;
}

}  // namespace

DirectionEvidence direction_evidence(const Signature& base, const Signature& release,
                                     Workers& workers) {
  DirectionEvidence out;
  out.base_has_signature = base.primary_stage >= 0;
  out.release_has_signature = release.primary_stage >= 0;
  out.base = figures_of(base);
  out.release = figures_of(release);
  if (!out.base_has_signature || !out.release_has_signature) return out;
  const std::array both = {base, release};
  const Comparison comparison = compare({"base", "release"}, both, workers);
  constexpr std::size_t kPair = 1;
  const TestResult test = result_of(audit_test::coordinate_permutation, comparison.tests.at(kPair));
  out.status = base.direction.size() == release.direction.size()
                   ? DirectionStatus::compared
                   : DirectionStatus::other_hidden_size;
  out.degrees = comparison.degrees.at(kPair);
  out.p = test.p;
  out.resolution = out.status == DirectionStatus::compared ? test.resolution : kNotApplicable;
  return out;
}

}  // namespace azimuth
