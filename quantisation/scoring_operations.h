#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "analysis/host_operations.h"
#include "azimuth/mixers.h"
#include "azimuth/observation.h"

namespace azimuth {

/// Of what a matrix reads (azimuth/quantisation_advice.h).
struct InputFigures {
  double first_peak = kNotApplicable;
  double others_peak = kNotApplicable;
  double typical = kNotApplicable;
  double outlier_ratio = kNotApplicable;
  std::int32_t expert = -1;
};

/// Matrices that are quantised together: one, or those of all experts of a mixture.
struct QuantisedMaps {
  std::vector<const Projection*> maps = {};
  bool of_experts = false;
};

/// Operations of a block in which some products can be made in int8, one scale for the input of
/// each. The first `firsts` columns are tokens that begin a sequence, of which only one, `first`,
/// counts for a scale; all others do.
class ScoringOperations : public HostOperations<float> {
 public:
  ScoringOperations(Eigen::Index firsts, Workers& workers)
      : HostOperations<float>(workers), firsts_(firsts), workers_(workers) {}

  /// From now on; null: none.
  void quantise(const QuantisedMaps* maps, Eigen::Index first = 0);
  /// Of those matrices since then.
  const InputFigures& figures() const { return figures_; }

  // Where mixers read them (analysis/mix.h).
  Columns product(const Projection& projection, const Columns& X);
  Columns columns(const Columns& X, const std::vector<Eigen::Index>& tokens);

 private:
  struct Made {
    Columns X;
    Columns Y;
  };

  Columns quantised_product(const Projection& projection, std::int32_t expert, const Columns& X);

  Eigen::Index firsts_;
  Workers& workers_;
  const QuantisedMaps* quantised_ = nullptr;
  Eigen::Index first_ = 0;
  InputFigures figures_;
  std::vector<Eigen::Index> tokens_;  // that the expert sees whose products come next
  /// A product whose input is what it was is not made again: of a block that is run once more with
  /// another matrix in int8 most are.
  std::unordered_map<const Projection*, Made> made_;
};

}  // namespace azimuth
