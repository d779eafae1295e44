#include "polar_factor.h"

#include <algorithm>
#include <cmath>

#include "products.h"

namespace azimuth {

Eigen::MatrixXf polar_factor(const Eigen::MatrixXf& m, Workers& workers) {
  // Rounding comes out larger by as much as so small a singular value does: at most a few percent.
  constexpr double kUndetermined = 1e-5;
  constexpr double kConverged = 1e-6;
  // With the largest scale of all, √3, the largest singular value would become 0.
  constexpr double kLargestScale = 1.6;

  const double length = m.cast<double>().norm();
  if (!std::isfinite(length) || length == 0) return {};
  const bool tall = m.rows() > m.cols();
  Eigen::MatrixXf x = (m.cast<double>() / length).cast<float>();
  if (tall) x = transposed(x);
  Eigen::MatrixXf gram = gram_matrix(transposed(x), workers);
  // Of all bounds of the largest singular value that cost nothing the best, and no less than it.
  const double bound = 1.001 * std::sqrt(gram.cast<double>().norm());
  x *= static_cast<float>(1 / bound);
  gram *= static_cast<float>(1 / (bound * bound));
  for (double least = kUndetermined;;) {
    // What takes [least, 1] to the narrowest interval that ends at 1.
    const double scale = std::min(std::sqrt(3 / (1 + least + least * least)), kLargestScale);
    const auto next = [scale](double value) {
      return 1.5 * scale * value - 0.5 * std::pow(scale * value, 3);
    };
    gram *= static_cast<float>(-0.5 * std::pow(scale, 3));
    gram.diagonal().array() += static_cast<float>(1.5 * scale);
    x = transposed_product(gram, x, workers);
    least = std::min(next(least), next(1));
    if (1 - least < kConverged) break;
    gram = gram_matrix(transposed(x), workers);
  }
  return tall ? transposed(x) : x;
}

}  // namespace azimuth
