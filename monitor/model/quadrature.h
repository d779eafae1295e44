#pragma once

#include <Eigen/Core>
#include <array>

namespace azimuth {

/// Composite Gauss-Legendre quadrature: nodes and weights of `count` panels, ten nodes each, of
/// width 2 unless `end` is given.
struct Quadrature {
  Eigen::ArrayXd nodes;
  Eigen::ArrayXd weights;

  Quadrature(double begin, int count) : Quadrature(begin, begin + 2 * count, count) {}
  Quadrature(double begin, double end, int count) : nodes(10 * count), weights(10 * count) {
    constexpr std::array kNodes = {0.14887433898163122, 0.43339539412924719, 0.67940956829902441,
                                   0.86506336668898451, 0.97390652851717172};
    constexpr std::array kWeights = {0.29552422471475287, 0.26926671930999636, 0.21908636251598204,
                                     0.14945134915058059, 0.06667134430868814};
    const double half = (end - begin) / 2 / count;
    for (int panel = 0, i = 0; panel < count; ++panel) {
      const double middle = begin + (2 * panel + 1) * half;
      for (std::size_t k = 0; k < kNodes.size(); ++k) {
        for (const double sign : {-1.0, 1.0}) {
          nodes[i] = middle + half * sign * kNodes[k];
          weights[i++] = half * kWeights[k];
        }
      }
    }
  }
};

}  // namespace azimuth
