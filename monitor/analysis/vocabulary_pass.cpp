#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "analysis/mixer_output.h"
#include "azimuth/analysis.h"

namespace azimuth {
namespace {

constexpr std::int64_t kTile = 256;  // tokens: enough for the products to run at full speed

}  // namespace

std::int64_t vocabulary_pass_tiles(const ModelWeights& weights) {
  return (weights.vocab_size() + kTile - 1) / kTile;
}

VocabularyPass vocabulary_pass(const ModelWeights& weights, const Observation& observation,
                               double threshold, Workers& workers, Progress* progress) {
  std::vector<std::pair<double, std::int64_t>> exploding;
  for (std::int64_t first = 0; first < weights.vocab_size(); first += kTile) {
    next_part(progress);
    std::vector<std::int64_t> ids(
        static_cast<std::size_t>(std::min(kTile, weights.vocab_size() - first)));
    std::iota(ids.begin(), ids.end(), first);
    Pass<float> pass(weights, ids, 0, workers);
    Eigen::RowVectorXd largest = Eigen::RowVectorXd::Zero(std::ssize(ids));
    for (std::size_t b = 0; b < weights.blocks().size(); ++b) {
      pass.run(weights.blocks()[b]);
      const double reference = observation.blocks[b + 1].reference_norm;
      largest = largest.cwiseMax(pass.hidden_states().cast<double>().colwise().norm() / reference);
    }
    for (Eigen::Index t = 0; t < largest.size(); ++t) {
      if (largest[t] >= threshold) exploding.emplace_back(largest[t], first + t);
    }
  }
  std::ranges::sort(exploding, [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  VocabularyPass pass;
  for (const auto& [ratio, id] : exploding) {
    pass.exploding_token_ids.push_back(id);
    pass.ratio.push_back(ratio);
  }
  return pass;
}

}  // namespace azimuth
