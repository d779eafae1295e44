#include "run/activation_norms.h"

#include <cmath>
#include <exception>
#include <utility>

#include "azimuth/not_applicable.h"

namespace azimuth {
namespace {

double ask(const std::function<double()>& median) {
  try {
    return median();
  } catch (const std::exception&) {
    return kNotApplicable;  // as if it had not been tapped
  }
}

}  // namespace

void ActivationNorms::tap(std::int32_t block, std::function<double()> median) {
  medians_[block] = std::move(median);
}

std::vector<double> ActivationNorms::take(std::size_t blocks) {
  std::vector<double> norms;
  if (medians_.size() == blocks + 1) {
    for (auto tapped = medians_.begin(); tapped != medians_.end();) {
      const double norm = ask(tapped->second);
      if (std::isfinite(norm)) {
        norms.push_back(norm);
        tapped->second = [norm] { return norm; };
        ++tapped;
      } else {
        tapped = medians_.erase(tapped);
      }
    }
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
