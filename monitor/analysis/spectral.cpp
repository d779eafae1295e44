#include "azimuth/spectral.h"

#include <algorithm>
#include <span>

#include "analysis/block_operator.h"
#include "analysis/eigenpair.h"
#include "analysis/explosion_subspace.h"
#include "analysis/leading_direction.h"
#include "analysis/singular_triples.h"
#include "azimuth/angle.h"
#include "azimuth/median.h"

namespace azimuth {
namespace {

// The vectors of F are put through the FFN, both of them.
constexpr TripleTolerance kFfnTolerance = {.first_angle = 1e-6, .second_residual = 1e-6};

Eigen::MatrixXd columns_of(const Eigen::MatrixXf& states, const std::vector<std::int32_t>& tokens) {
  return states(Eigen::all, tokens).cast<double>();
}

// The tokens that a block, from 0, is approximated for: those that are high-norm behind it or,
// where it is a decay and there are none, before it.
std::vector<std::int32_t> high_norm_tokens_at(const AnalysisTrail& trail, std::size_t block) {
  for (const std::size_t at : {block + 1, block}) {
    if (at >= trail.high_norm_tokens.size() || trail.high_norm_tokens[at].empty()) continue;
    return trail.high_norm_tokens[at];
  }
  return {};
}

// Where the iteration begins: at what the last snapshot left, or at the direction, if there is one.
Eigen::MatrixXd start_from(const Eigen::MatrixXd& last, const Eigen::VectorXd& direction,
                           Eigen::Index size) {
  if (last.rows() == size) return last;
  return direction;
}

// How much larger the gain along `u` would be if the block were linear: a median over tokens.
double gain_error(const BlockOperator& op, const Eigen::VectorXd& u, const Eigen::MatrixXf& before,
                  const Eigen::MatrixXf& after) {
  if (before.cols() == 0) return kNotApplicable;
  const Eigen::MatrixXd difference = (op.linear_step(before) - after).cast<double>();
  const Eigen::RowVectorXd errors =
      (u.transpose() * difference).cwiseQuotient(u.transpose() * before.cast<double>());
  return median({errors.begin(), errors.end()});
}

bool holds(const std::vector<BlockFactor>& list, std::int32_t block) {
  return std::ranges::any_of(list, [block](const BlockFactor& f) { return f.block == block; });
}

}  // namespace

SpectralCost add_spectral(const ModelWeights& weights, const AnalysisTrail& trail,
                          Observation& observation, Workers& workers, SpectralStart* start,
                          Progress* progress, SpectralVectors* vectors) {
  const std::size_t count = weights.blocks().size();
  SpectralVectors own_vectors;
  SpectralVectors& found = vectors != nullptr ? *vectors : own_vectors;
  found = {std::vector<Eigen::VectorXd>(count), std::vector<Eigen::MatrixXd>(count)};
  SpectralCost cost = {std::vector<std::int64_t>(count, 0)};
  if (!trail.states.finite()) {
    leave_out_spectral(observation, "hidden states are not finite");
    return cost;
  }
  SpectralStart own;
  SpectralStart& from = start != nullptr ? *start : own;
  from.block.resize(count);
  from.ffn.resize(count);
  const Eigen::VectorXd primary = to_double(observation.direction);

  for (std::size_t b = 0; b < count; ++b) {
    next_part(progress);
    const BlockWeights& block = weights.blocks()[b];
    BlockObservation& seen = observation.blocks[b + 1];
    const std::vector<std::int32_t> tokens = high_norm_tokens_at(trail, b);
    const BlockOperator op(block, columns_of(trail.states.initial[b], tokens), workers);
    seen.spectral_reason = op.why_not();
    if (!seen.spectral_reason.empty()) continue;
    seen.spectral_experts = op.experts();

    Eigen::VectorXd direction;  // empty: none
    if (b + 1 < trail.high_norm_tokens.size() && !trail.high_norm_tokens[b + 1].empty()) {
      direction =
          leading_direction(columns_of(trail.states.initial[b + 1], trail.high_norm_tokens[b + 1]))
              .direction;
    }
    const SingularTriples triples = singular_triples(
        op.block(), start_from(from.block[b], direction, weights.hidden_size()), {});
    seen.singular.sigma = triples.sigma;
    seen.singular.residual = triples.residual;
    seen.singular.converged = triples.converged;
    seen.singular.step = observation.step;
    if (triples.left.size() > 0) {
      seen.singular.angle_to_block_direction = angle_degrees(triples.left.col(0), direction);
      seen.singular.angle_to_primary = angle_degrees(triples.left.col(0), primary);
      from.block[b] = triples.start;
      found.singular[b] = triples.left.col(0);
    } else {
      seen.spectral_reason = "products with its matrices are not finite";
    }

    if (seen.stage >= 0) {
      const StageObservation& stage = observation.stages[static_cast<std::size_t>(seen.stage)];
      const Eigen::VectorXd u = to_double(stage.direction).normalized();
      const LinearOperator R = op.residual();
      seen.rayleigh = u.dot(R.apply(u).col(0));
      seen.gain_error = gain_error(op, u, trail.states.initial[b](Eigen::all, tokens),
                                   trail.states.initial[b + 1](Eigen::all, tokens));
      if (holds(stage.decay_blocks, seen.block)) {
        seen.eigen = closest_eigenpair(R, u, &found.eigen[b]);
      }
      const Mixer* const writes = block.ffn();
      if (writes != nullptr && holds(stage.explosion_blocks, seen.block)) {
        const SingularTriples ffn = singular_triples(
            op.ffn(), start_from(from.ffn[b], direction, weights.hidden_size()), kFfnTolerance);
        if (ffn.left.size() > 0) from.ffn[b] = ffn.start;
        seen.ffn = explosion_subspace(
            *writes, ffn, columns_of(trail.states.initial[b], trail.high_norm_tokens[b + 1]),
            workers);
      }
    }
    cost.products[b] = op.products();
  }
  return cost;
}

void leave_out_spectral(Observation& observation, std::string_view reason) {
  for (BlockObservation& block : observation.blocks) {
    if (block.block > 0) block.spectral_reason = reason;
  }
}

void repeat_spectral(const std::vector<BlockObservation>& blocks, Observation& observation) {
  if (blocks.size() != observation.blocks.size()) return;
  for (std::size_t l = 0; l < blocks.size(); ++l) {
    observation.blocks[l].singular = blocks[l].singular;
    observation.blocks[l].ffn = blocks[l].ffn;
    observation.blocks[l].rayleigh = blocks[l].rayleigh;
    observation.blocks[l].eigen = blocks[l].eigen;
    observation.blocks[l].spectral_reason = blocks[l].spectral_reason;
    observation.blocks[l].spectral_experts = blocks[l].spectral_experts;
    observation.blocks[l].gain_error = blocks[l].gain_error;
  }
}

}  // namespace azimuth
