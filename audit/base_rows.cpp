#include "base_rows.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "order_bound.h"
#include "residual_rows.h"

namespace azimuth {
namespace {

constexpr std::int64_t kTestedBlocks = 3;

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

}  // namespace

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

BaseRows read_base(const ModelWeights& base, std::span<const std::int64_t> neurons) {
  BaseRows out;
  const Architecture& a = base.architecture();
  const std::vector<std::int64_t> blocks = spread_blocks(std::ssize(base.blocks()), kTestedBlocks);
  out.gated = static_cast<bool>(base.blocks().front().feed_forwards().front().gate);
  out.value_rows = spread(a.kv_heads * base.head_size());
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const BlockWeights& block = base.blocks()[static_cast<std::size_t>(blocks[i])];
    const std::string number = std::to_string(blocks[i] + 1);
    const std::int64_t expert = (std::ssize(block.feed_forwards()) - 1) *
                                static_cast<std::int64_t>(i) /
                                std::max<std::int64_t>(1, std::ssize(blocks) - 1);
    const NeuronVectors ffn =
        neuron_vectors(a, *block.ffn(), block.feed_forwards()[static_cast<std::size_t>(expert)]);
    VectorSample first = read_vectors(ffn.first, neurons);
    out.ffns.push_back({blocks[i] + 1, expert});
    out.neurons_no_p.push_back(order_of_its_own("neurons of block " + number, first.lengths));
    out.first.push_back(std::move(first.vectors));
    out.second.push_back(sample_vectors(ffn.second, neurons));

    const Mixer& attention = *block.mixer<Attention>();
    const MatrixVectors value = {std::get<Attention>(attention.work).value.map.get(), false,
                                 FoldedNorm::before(attention.norm)};
    VectorSample values = read_vectors(value, out.value_rows);
    out.value_blocks.push_back(blocks[i] + 1);
    out.values_no_p.push_back(ordered_text("values of block " + number,
                                           values_order_z(values.lengths, base.head_size())));
    out.values.push_back(std::move(values.vectors));
  }
  return out;
}

}  // namespace azimuth
