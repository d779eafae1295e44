#include "scoring_operations.h"

#include <algorithm>
#include <cmath>

#include "azimuth/median.h"
#include "int8_product.h"

namespace azimuth {

void ScoringOperations::quantise(const QuantisedMaps* maps, Eigen::Index first) {
  quantised_ = maps;
  first_ = first;
  figures_ = {};
}

ScoringOperations::Columns ScoringOperations::product(const Projection& projection,
                                                      const Columns& X) {
  if (quantised_ != nullptr) {
    const auto found = std::ranges::find(quantised_->maps, &projection);
    if (found != quantised_->maps.end()) {
      const auto expert = static_cast<std::int32_t>(found - quantised_->maps.begin());
      return quantised_product(projection, quantised_->of_experts ? expert : -1, X);
    }
  }
  Made& made = made_[&projection];
  if (made.X.rows() != X.rows() || made.X.cols() != X.cols() || made.X != X) {
    made = {X, HostOperations<float>::product(projection, X)};
  }
  return made.Y;
}

ScoringOperations::Columns ScoringOperations::columns(const Columns& X,
                                                      const std::vector<Eigen::Index>& tokens) {
  tokens_ = tokens;
  return HostOperations<float>::columns(X, tokens);
}

ScoringOperations::Columns ScoringOperations::quantised_product(const Projection& projection,
                                                                std::int32_t expert,
                                                                const Columns& X) {
  InputFigures input = {.first_peak = 0, .others_peak = 0, .expert = expert};
  std::vector<double> sizes;
  const auto rows = static_cast<double>(X.rows());
  for (Eigen::Index column = 0; column < X.cols(); ++column) {
    const Eigen::Index token = expert < 0 ? column : tokens_[static_cast<std::size_t>(column)];
    const double peak = X.col(column).cwiseAbs().maxCoeff();
    if (token == first_) {
      input.first_peak = peak;
    } else if (token >= firsts_) {
      input.others_peak = std::max(input.others_peak, peak);
      sizes.push_back(std::sqrt(X.col(column).cast<double>().squaredNorm() / rows));
    }
  }
  const double largest = std::max(input.first_peak, input.others_peak);
  input.typical = median(sizes);
  if (input.typical > 0) input.outlier_ratio = largest / input.typical;
  if (std::isnan(figures_.outlier_ratio) || input.outlier_ratio > figures_.outlier_ratio) {
    figures_ = input;
  }
  Columns Y = int8_product(*projection.map, X, static_cast<float>(largest), workers_);
  if (projection.bias.size() > 0) Y.colwise() += projection.bias;
  return Y;
}

}  // namespace azimuth
