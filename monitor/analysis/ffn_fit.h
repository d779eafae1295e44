#pragma once

#include <Eigen/Core>

#include "azimuth/mixers.h"

namespace azimuth {

/// The least-squares fit `F̂ = diag(gate) W_G + diag(up) W_U` of a gated FFN's inner part
/// `z ↦ act(W_G z + b_G) ∘ (W_U z + b_U)` over z ~ N(0, I), or `F̂ = diag(up) W_1` of a plain one:
/// α and β of docs/method.md, 3, in closed form, or by a quadrature where the gate is clamped. A
/// constant is fitted beside it and left out.
struct FfnFit {
  Eigen::VectorXd gate;  ///< empty in a plain FFN
  Eigen::VectorXd up;
};

/// What an FFN reads of z: `scale (W z + b)`, or `scale z` where nothing stands between.
struct FfnInput {
  double scale = 1;
  const Projection* through = nullptr;
};

/// `F̂` is to be multiplied with `W z`, without the scale.
FfnFit fit_ffn(const FeedForward& ffn, Workers& workers, const FfnInput& input = {});

}  // namespace azimuth
