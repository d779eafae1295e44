#include "run/activation_norms.h"

#include <utility>

#include "azimuth/median.h"

namespace azimuth {

void ActivationNorms::tap(std::int32_t block,
                          const Eigen::Ref<const Eigen::MatrixXf>& hidden_states) {
  const Eigen::VectorXd norms = hidden_states.cast<double>().colwise().norm().transpose();
  if (norms.size() > 0 && norms.allFinite()) {
    medians_[block] = median({norms.begin(), norms.end()});
  }
}

std::vector<double> ActivationNorms::take(std::size_t blocks) {
  std::vector<double> norms;
  for (const auto& [block, norm] : medians_) {
    if (block == static_cast<std::int32_t>(norms.size())) norms.push_back(norm);
  }
  if (norms.size() == blocks + 1) {
    medians_.clear();
    whole_ = std::move(norms);
    age_ = 0;
  } else if (!whole_.empty() && ++age_ > kTapAge) {
    whole_.clear();
  }
  return whole_;
}

}  // namespace azimuth
