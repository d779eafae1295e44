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

/// Indices from 0.
template <class Predicate>
std::vector<std::int64_t> blocks_that(const ModelWeights& model, const Predicate& fit) {
  std::vector<std::int64_t> out;
  for (std::int64_t block = 0; block < std::ssize(model.blocks()); ++block) {
    if (fit(model.blocks()[static_cast<std::size_t>(block)])) out.push_back(block);
  }
  return out;
}

/// `count` of these blocks, spread over them.
std::vector<std::int64_t> spread_over(const std::vector<std::int64_t>& blocks, std::int64_t count) {
  std::vector<std::int64_t> out;
  for (const std::int64_t at : spread_blocks(std::ssize(blocks), count)) {
    out.push_back(blocks[static_cast<std::size_t>(at)]);
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

FfnShape ffn_shape(const ModelWeights& model) {
  const auto with_ffn =
      blocks_that(model, [](const BlockWeights& block) { return !block.feed_forwards().empty(); });
  if (with_ffn.empty()) return {};
  const std::int64_t middle = with_ffn[with_ffn.size() / 2];
  const FeedForward& ffn = model.blocks()[static_cast<std::size_t>(middle)].feed_forwards().front();
  return {ffn.up.map->rows(), static_cast<bool>(ffn.gate)};
}

std::vector<FfnPlace> spread_ffns(const ModelWeights& model, std::int64_t count) {
  const std::int64_t width = ffn_shape(model).width;
  const auto blocks =
      spread_over(blocks_that(model,
                              [&](const BlockWeights& block) {
                                const auto ffns = block.feed_forwards();
                                return !ffns.empty() && ffns.front().up.map->rows() == width;
                              }),
                  count);
  const std::int64_t last = std::max<std::int64_t>(1, std::ssize(blocks) - 1);
  std::vector<FfnPlace> out;
  for (const std::int64_t block : blocks) {
    const auto ffns = model.blocks()[static_cast<std::size_t>(block)].feed_forwards();
    out.push_back({block + 1, (std::ssize(ffns) - 1) * std::ssize(out) / last});
  }
  return out;
}

std::optional<Values> values_of(const BlockWeights& block) {
  const Mixer* const mixer = block.mixer<Attention>();
  if (mixer == nullptr) return {};
  const Attention& attention = std::get<Attention>(mixer->work);
  std::optional<Values> values;
  if (!attention.value) return values;
  values.emplace(MatrixVectors{attention.value.map.get(), false, FoldedNorm::before(mixer->norm)},
                 attention.head_size, attention.value.map->rows() / attention.head_size);
  return values;
}

NeuronVectors vectors_at(const ModelWeights& model, const FfnPlace& place) {
  const BlockWeights& block = model.blocks()[static_cast<std::size_t>(place.block - 1)];
  return neuron_vectors(model.architecture(), *block.ffn(),
                        block.feed_forwards()[static_cast<std::size_t>(place.expert)]);
}

std::vector<std::int64_t> spread_blocks(std::int64_t blocks, std::int64_t count) {
  std::vector<std::int64_t> out;
  count = std::min(count, blocks);
  for (std::int64_t i = 0; i < count; ++i) out.push_back(blocks * (2 * i + 1) / (2 * count));
  return out;
}

std::string order_of_its_own(const std::string& what, std::span<const double> lengths) {
  return ordered_text(what, order_z(lengths));
}

std::string order_of_neurons(const ModelWeights& base, std::int64_t block,
                             std::span<const double> lengths) {
  const std::string what = "neurons of block " + std::to_string(block);
  if (base.architecture().nested_ffn) return what + " are nested in the base: training orders them";
  return order_of_its_own(what, lengths);
}

namespace {

void read_neurons(const ModelWeights& base, std::span<const std::int64_t> candidates,
                  BaseRows& out) {
  out.shape = ffn_shape(base);
  out.ffns = spread_ffns(base, kTestedBlocks);
  for (const FfnPlace& place : out.ffns) {
    const NeuronVectors ffn = vectors_at(base, place);
    const std::vector<double> lengths = read_vectors(ffn.first, {}).lengths;
    out.neurons_no_p.push_back(order_of_neurons(base, place.block, lengths));
    const std::vector<std::int64_t> neurons =
        with_effect(effects(base, place, lengths), candidates);
    out.neurons.push_back(std::ssize(neurons));
    out.first.push_back(sample_vectors(ffn.first, neurons));
    out.second.push_back(sample_vectors(ffn.second, neurons));
  }
  if (out.ffns.empty()) return;
  const std::int64_t most = std::max<std::int64_t>(1, *std::ranges::max_element(out.neurons));
  pad(out.first, most);
  pad(out.second, most);
}

std::string order_of_values(const ModelWeights& base, std::int64_t block,
                            const std::vector<double>& lengths, std::int64_t head_size) {
  const std::string what = "values of block " + std::to_string(block);
  if (base.architecture().attention_of(block).keys_are_values) {
    return what + " are its keys in the base: positions order them";
  }
  return ordered_text(what, values_order_z(lengths, head_size));
}

/// Of heads that are as those in the middle of the depth.
void read_values(const ModelWeights& base, BaseRows& out) {
  const auto with_values =
      blocks_that(base, [](const BlockWeights& block) { return values_of(block).has_value(); });
  if (with_values.empty()) return;
  const auto at = [&](std::int64_t block) {
    return *values_of(base.blocks()[static_cast<std::size_t>(block)]);
  };
  const Values middle = at(with_values[with_values.size() / 2]);
  out.head_size = middle.head_size;
  out.kv_heads = middle.kv_heads;
  out.value_rows = spread(middle.rows.count());
  std::vector<std::int64_t> alike;
  for (const std::int64_t block : with_values) {
    const Values values = at(block);
    if (values.head_size == middle.head_size && values.kv_heads == middle.kv_heads) {
      alike.push_back(block);
    }
  }
  for (const std::int64_t block : spread_over(alike, kTestedBlocks)) {
    VectorSample values = read_vectors(at(block).rows, out.value_rows);
    out.value_blocks.push_back(block + 1);
    out.values_no_p.push_back(order_of_values(base, block + 1, values.lengths, out.head_size));
    out.values.push_back(std::move(values.vectors));
  }
}

}  // namespace

BaseRows read_base(const ModelWeights& base, std::span<const std::int64_t> candidates) {
  BaseRows out;
  read_neurons(base, candidates, out);
  read_values(base, out);
  return out;
}

}  // namespace azimuth
