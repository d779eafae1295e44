#include "base_rows.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <numeric>
#include <utility>

#include "order_bound.h"

namespace azimuth {
namespace {

constexpr std::int64_t kTestedBlocks = 3;

// Of the effect above which neurons have half of the whole: in no trained model that was looked at
// is one so low.
constexpr double kLeastEffect = 0.1;

// Of an order that nothing prefers, one length in 1.7 million depends on the index as much.
constexpr double kOrderedZ = 5;

std::string ordered_text(const std::string& what, double z) {
  if (std::abs(z) <= kOrderedZ) return {};
  char number[32];
  std::snprintf(number, sizeof number, "%.1f", z);
  return what + " depend on their index in the base (z = " + number +
         "), so that it may have an order of its own";
}

// Within heads, whose rows have an order each: of all together, or of one alone if that is larger.
double values_order_z(const std::vector<double>& lengths, std::int64_t head_size) {
  double sum = 0;
  double largest = 0;
  std::int64_t heads = 0;
  const std::span<const double> all = lengths;
  for (std::size_t first = 0; first < all.size(); first += static_cast<std::size_t>(head_size)) {
    const double z = order_z(all.subspan(first, static_cast<std::size_t>(head_size)));
    if (std::abs(z) > std::abs(largest)) largest = z;
    sum += z;
    ++heads;
  }
  const double together = sum / std::sqrt(static_cast<double>(heads));
  return std::abs(together) > std::abs(largest) ? together : largest;
}

/// What each neuron can do: the geometric mean of the lengths of its vectors, which no scale that
/// is moved from one to another changes.
std::vector<double> effects(const ModelWeights& model, const FfnPlace& place,
                            std::vector<double> first_lengths) {
  const BlockWeights& block = model.blocks()[static_cast<std::size_t>(place.block - 1)];
  const FeedForward& ffn = block.feed_forwards()[static_cast<std::size_t>(place.expert)];
  const NeuronVectors vectors = neuron_vectors(model.architecture(), *block.ffn(), ffn);
  std::vector<MatrixVectors> others = {vectors.second};
  if (!vectors.second.columns) {
    others.push_back({ffn.down.map.get(), true,
                      FoldedNorm::behind(model.architecture(), block.ffn()->output_norm)});
  }
  std::vector<double> out = std::move(first_lengths);
  for (const MatrixVectors& matrix : others) {
    const std::vector<double> lengths = read_vectors(matrix, {}).lengths;
    for (std::size_t i = 0; i < out.size(); ++i) out[i] *= lengths[i];
  }
  for (double& effect : out)
    effect = std::pow(effect, 1.0 / static_cast<double>(1 + others.size()));
  return out;
}

/// What a neuron has to reach to be looked at. Held against the neurons that do most, and not
/// against the median: of a base that was added to, most may have been added.
double least_effect(std::vector<double> effects) {
  std::ranges::sort(effects, std::greater());
  const double whole = std::accumulate(effects.begin(), effects.end(), 0.0);
  double sum = 0;
  for (const double effect : effects) {
    sum += effect;
    if (2 * sum >= whole) return kLeastEffect * effect;
  }
  return 0;
}

/// Of `candidates` those that have an effect; of many, some that are spread over all.
std::vector<std::int64_t> with_effect(const std::vector<double>& effects,
                                      std::span<const std::int64_t> candidates) {
  const double least = least_effect(effects);
  std::vector<std::int64_t> able;
  for (const std::int64_t neuron : candidates) {
    const double effect = effects[static_cast<std::size_t>(neuron)];
    if (effect > 0 && effect >= least) able.push_back(neuron);
  }
  std::vector<std::int64_t> out;
  for (const std::int64_t at : spread(std::ssize(able))) {
    out.push_back(able[static_cast<std::size_t>(at)]);
  }
  return out;
}

/// All of one number of columns.
void pad(std::vector<Eigen::MatrixXf>& matrices, std::int64_t columns) {
  for (Eigen::MatrixXf& matrix : matrices) {
    const Eigen::Index had = matrix.cols();
    matrix.conservativeResize(Eigen::NoChange, columns);
    matrix.rightCols(columns - had).setZero();
  }
}

}  // namespace

std::vector<FfnPlace> spread_ffns(const ModelWeights& model, std::int64_t count) {
  std::vector<FfnPlace> out;
  const std::vector<std::int64_t> blocks = spread_blocks(std::ssize(model.blocks()), count);
  const std::int64_t last = std::max<std::int64_t>(1, std::ssize(blocks) - 1);
  for (const std::int64_t block : blocks) {
    const auto ffns = model.blocks()[static_cast<std::size_t>(block)].feed_forwards();
    out.push_back({block + 1, (std::ssize(ffns) - 1) * std::ssize(out) / last});
  }
  return out;
}

NeuronVectors vectors_at(const ModelWeights& model, const FfnPlace& place) {
  const BlockWeights& block = model.blocks()[static_cast<std::size_t>(place.block - 1)];
  return neuron_vectors(model.architecture(), *block.ffn(),
                        block.feed_forwards()[static_cast<std::size_t>(place.expert)]);
}

std::vector<std::int64_t> spread_blocks(std::int64_t blocks, std::int64_t count) {
  std::vector<std::int64_t> out;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t block = blocks * (2 * i + 1) / (2 * count);
    if (out.empty() || out.back() != block) out.push_back(block);
  }
  return out;
}

std::string order_of_its_own(const std::string& what, std::span<const double> lengths) {
  return ordered_text(what, order_z(lengths));
}

BaseRows read_base(const ModelWeights& base, std::span<const std::int64_t> candidates) {
  BaseRows out;
  const Architecture& a = base.architecture();
  out.ffns = spread_ffns(base, kTestedBlocks);
  out.gated = static_cast<bool>(base.blocks().front().feed_forwards().front().gate);
  out.value_rows = spread(a.kv_heads * base.head_size());
  for (const FfnPlace& place : out.ffns) {
    const std::string number = std::to_string(place.block);
    const NeuronVectors ffn = vectors_at(base, place);
    const std::vector<double> lengths = read_vectors(ffn.first, {}).lengths;
    out.neurons_no_p.push_back(order_of_its_own("neurons of block " + number, lengths));
    const std::vector<std::int64_t> neurons =
        with_effect(effects(base, place, lengths), candidates);
    out.neurons.push_back(std::ssize(neurons));
    out.first.push_back(sample_vectors(ffn.first, neurons));
    out.second.push_back(sample_vectors(ffn.second, neurons));

    const BlockWeights& block = base.blocks()[static_cast<std::size_t>(place.block - 1)];
    const Mixer& attention = *block.mixer<Attention>();
    const MatrixVectors value = {std::get<Attention>(attention.work).value.map.get(), false,
                                 FoldedNorm::before(attention.norm)};
    VectorSample values = read_vectors(value, out.value_rows);
    out.value_blocks.push_back(place.block);
    out.values_no_p.push_back(ordered_text("values of block " + number,
                                           values_order_z(values.lengths, base.head_size())));
    out.values.push_back(std::move(values.vectors));
  }
  const std::int64_t most = std::max<std::int64_t>(1, *std::ranges::max_element(out.neurons));
  pad(out.first, most);
  pad(out.second, most);
  return out;
}

}  // namespace azimuth
