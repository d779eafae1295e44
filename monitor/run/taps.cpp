#include "run/taps.h"

#include <cmath>
#include <exception>
#include <utility>

namespace azimuth {
namespace {

TappedStates ask(const std::function<TappedStates()>& states) {
  try {
    return states();
  } catch (const std::exception&) {
    return {};  // as if they had not been tapped
  }
}

}  // namespace

void Taps::tap(std::int32_t block, std::function<TappedStates()> states) {
  taps_[block] = {std::move(states), time_++};
}

Taps::Taken Taps::take(std::size_t blocks) {
  Taken taken;
  std::vector<double> norms;
  bool one_pass = true;
  if (taps_.size() == blocks + 1) {
    const std::int64_t begin = taps_.begin()->second.time;
    for (auto tapped = taps_.begin(); tapped != taps_.end();) {
      TappedStates states = ask(tapped->second.states);
      if (!std::isfinite(states.median)) {
        tapped = taps_.erase(tapped);
        continue;
      }
      one_pass = one_pass && tapped->second.time - begin == tapped->first;
      norms.push_back(states.median);
      taken.pass.push_back(states);
      tapped->second.states = [states = std::move(states)] { return states; };
      ++tapped;
    }
  }
  if (norms.size() == blocks + 1) {
    taps_.clear();
    norms_ = std::move(norms);
    age_ = 0;
  } else {
    one_pass = false;
    if (!norms_.empty() && ++age_ > kTapAge) norms_.clear();
  }
  if (!one_pass) taken.pass.clear();
  taken.norms = norms_;
  return taken;
}

}  // namespace azimuth
