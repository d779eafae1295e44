#include "tokens_alone.h"

#include <algorithm>
#include <cstddef>

#include "analysis/mixer_output.h"

namespace azimuth {

std::vector<TokenAlone> tokens_alone(const ModelWeights& weights, const Observation& observation,
                                     double high_norm_ratio, std::span<const std::int64_t> ids,
                                     std::span<const std::int32_t> blocks, Workers& workers) {
  constexpr std::size_t kTile = 256;  // as in vocabulary_pass
  std::vector<TokenAlone> tokens(ids.size());
  for (std::size_t first = 0; first < ids.size(); first += kTile) {
    const std::size_t count = std::min(kTile, ids.size() - first);
    Pass<float> pass(weights, ids.subspan(first, count), 0, workers);
    for (std::size_t b = 0; b < weights.blocks().size(); ++b) {
      const Eigen::MatrixXf before = pass.hidden_states();
      pass.run(weights.blocks()[b]);
      const Eigen::MatrixXd after = pass.hidden_states().cast<double>();
      const double reference = observation.blocks[b + 1].reference_norm;
      for (std::size_t t = 0; t < count; ++t) {
        const auto column = static_cast<Eigen::Index>(t);
        TokenAlone& token = tokens[first + t];
        const auto block = static_cast<std::int32_t>(b + 1);
        const double ratio = after.col(column).norm() / reference;
        token.ratio = std::max(token.ratio, ratio);
        const bool explodes = token.explosion_block == 0 && ratio >= high_norm_ratio;
        if (explodes) token.explosion_block = block;
        if (blocks[first + t] == 0 ? explodes : blocks[first + t] == block) {
          token.response = (after.col(column) - before.col(column).cast<double>()).norm();
        }
      }
    }
  }
  return tokens;
}

}  // namespace azimuth
