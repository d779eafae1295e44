#include "azimuth/quantised_products.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <tuple>

#include "integer_products.h"

namespace azimuth {
namespace {

std::string words(const LinearParameters& linear) {
  return std::string(name_of(linear.role)) + " of block " + std::to_string(linear.block) +
         (linear.member < 0 ? "" : ", expert " + std::to_string(linear.member + 1));
}

// From the largest of numbers that are not negative.
double scale_of(double peak, int largest, const std::string& what) {
  if (!std::isfinite(peak)) throw std::domain_error(what + " is not finite");
  return peak > 0 ? peak / largest : 1;
}

at::Tensor rounded(const at::Tensor& X, double scale) {
  return X.div(scale).round_().to(at::kChar);
}

// At least float32.
at::Tensor exact(const at::Tensor& X) {
  return X.scalar_type() == at::kDouble ? X : X.to(at::kFloat);
}

/// The largest input of each channel, by norm.
class InputPeaks final : public Products {
 public:
  at::Tensor product(const LinearParameters& linear, const at::Tensor& X) override {
    if (linear.norm > 0 && X.size(0) > 0) {
      at::Tensor& peaks = by_norm[{linear.block, linear.norm}];
      const at::Tensor here = exact(X).abs().amax(0);
      peaks = peaks.defined() ? at::maximum(peaks, here) : here;
    }
    return plain_product(linear, X);
  }

  Smoothing by_norm;
};

}  // namespace

Smoothing smoothing(const Decoder& decoder, const at::Tensor& ids, Progress* progress) {
  const torch::NoGradGuard no_grad;
  InputPeaks peaks;
  for (std::int64_t s = 0; s < ids.size(0); ++s) {
    next_part(progress);
    decoder.forward(ids.narrow(0, s, 1), {}, &peaks);
  }
  Smoothing weights;
  for (const LinearParameters& linear : decoder.linear_maps()) {
    if (linear.norm == 0) continue;
    at::Tensor& largest = weights[{linear.block, linear.norm}];
    const at::Tensor here = exact(linear.weight).abs().amax(0);
    largest = largest.defined() ? at::maximum(largest, here) : here;
  }
  constexpr double kLeast = 1e-5;  // as SmoothQuant's own program has it
  Smoothing by_norm;
  for (const auto& [norm, peak] : peaks.by_norm) {
    by_norm[norm] = (peak.clamp_min(kLeast).sqrt() / weights.at(norm).clamp_min(kLeast).sqrt())
                        .clamp_min(kLeast);
  }
  return by_norm;
}

struct QuantisedProducts::Map {
  WeightPlace place;
  at::Tensor levels;  // int8, outputs × inputs
  double scale = 1;
  at::Tensor scales;  // by output, in place of the one
  at::Tensor smooth;  // undefined: none
  bool kept = false;
};

class QuantisedProducts::Maps {
 public:
  // Of the role, the block, the expert.
  using Key = std::tuple<Role, std::int64_t, std::int64_t>;
  static Key key(const LinearParameters& linear) {
    return {linear.role, linear.block, linear.member};
  }

  std::map<Key, Map> all;
  IntegerProducts integers;
};

QuantisedProducts::QuantisedProducts(const Decoder& decoder, const QuantisationScheme& scheme,
                                     Smoothing smoothing)
    : maps_(std::make_unique<Maps>()) {
  if (scheme.weight_bits != 4 && scheme.weight_bits != 8) {
    throw std::invalid_argument("weights have 4 or 8 bits");
  }
  const int largest = scheme.weight_bits == 8 ? 127 : 7;
  const torch::NoGradGuard no_grad;
  for (const LinearParameters& linear : decoder.linear_maps()) {
    if (linear.block == 0) continue;
    Map& map = maps_->all[Maps::key(linear)];
    map.place = {linear.block, linear.role};
    at::Tensor weight = exact(linear.weight);
    const auto smooth = smoothing.find({linear.block, linear.norm});
    if (smooth != smoothing.end()) {
      map.smooth = smooth->second.to(weight.scalar_type());
      weight = weight * map.smooth;
    }
    const double peak = weight.abs().max().item<double>();
    map.scale = scale_of(peak, largest, words(linear));
    if (scheme.per_channel) {
      map.scales = weight.abs().amax(1) / largest;
      map.scales.masked_fill_(map.scales == 0, 1);
      map.levels = weight.div(map.scales.unsqueeze(1)).round_().to(at::kChar);
    } else {
      map.levels = rounded(weight, map.scale);
    }
  }
}

QuantisedProducts::~QuantisedProducts() = default;

void QuantisedProducts::keep(std::span<const WeightPlace> kept) {
  for (auto& [key, map] : maps_->all) map.kept = std::ranges::count(kept, map.place) > 0;
}

at::Tensor QuantisedProducts::product(const LinearParameters& linear, const at::Tensor& X) {
  const auto found = maps_->all.find(Maps::key(linear));
  if (found == maps_->all.end() || found->second.kept || X.size(0) == 0) {
    return plain_product(linear, X);
  }
  const Map& map = found->second;
  at::Tensor read = exact(X);
  if (map.smooth.defined()) read = read / map.smooth;
  const double scale =
      scale_of(read.abs().max().item<double>(), 127, "the input of " + words(linear));
  at::Tensor Y = maps_->integers.product(rounded(read, scale), map.levels).to(read.scalar_type());
  if (map.scales.defined()) {
    Y.mul_(map.scales * scale);
  } else {
    Y.mul_(scale * map.scale);
  }
  if (linear.bias.defined()) Y.add_(linear.bias);
  return Y.to(X.scalar_type());
}

}  // namespace azimuth
