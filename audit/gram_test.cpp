#include "gram_test.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base_rows.h"
#include "products.h"
#include "residual_rows.h"
#include "shared_scales.h"
#include "shuffle.h"

namespace azimuth {
namespace {

// Ten blocks of 100 orders each resolve 10^-10.5 together, which a correction for thousands of
// tests leaves below 10^-6. Of fewer blocks more orders are drawn.
constexpr std::int64_t kBlocks = 10;
constexpr int kOrders = 99;
constexpr int kOrdersOfFewBlocks = 999;
constexpr std::int64_t kSampledRows = 64;

/// Of one block: the vectors of some neurons, each a column.
struct Sample {
  Eigen::MatrixXf first;
  Eigen::MatrixXf second;
};

/// Cosines of the neurons with each other, less the means of rows and columns. Neither a rotation
/// of the residual stream nor a scale of a neuron's vector changes them.
struct Grams {
  Eigen::MatrixXf first;
  Eigen::MatrixXf second;
};

Eigen::MatrixXf gram(const Eigen::MatrixXf& vectors) {
  Eigen::MatrixXf unit = vectors;
  for (auto vector : unit.colwise()) {
    const float length = vector.norm();
    if (std::isfinite(length) && length > 0) {
      vector /= length;
    } else {
      vector.setZero();
    }
  }
  Eigen::MatrixXf out = unit.transpose() * unit;
  out.rowwise() -= out.colwise().mean().eval();
  out.colwise() -= out.rowwise().mean().eval();
  return out;
}

Grams grams(const Sample& sample) { return {gram(sample.first), gram(sample.second)}; }

/// How much each neuron has in common with all others, sorted: the same in every order.
Eigen::VectorXf description(const Eigen::MatrixXf& gram) {
  Eigen::VectorXf out = gram.colwise().squaredNorm().transpose();
  std::ranges::sort(out);
  return out;
}

double kernel_alignment(const Eigen::MatrixXf& a, const Eigen::MatrixXf& b) {
  return double{a.cwiseProduct(b).sum()} / (double{a.norm()} * double{b.norm()});
}

/// The same, of both vectors of each neuron, where the neurons of `release` come in another order.
double alignment_in_order(const Grams& base, const Grams& release,
                          const std::vector<std::size_t>& order) {
  double first = 0;
  double second = 0;
  const auto n = static_cast<Eigen::Index>(order.size());
  for (Eigen::Index i = 0; i < n; ++i) {
    const auto from = static_cast<Eigen::Index>(order[static_cast<std::size_t>(i)]);
    float sums[2] = {0, 0};
    for (Eigen::Index j = 0; j < n; ++j) {
      const auto at = static_cast<Eigen::Index>(order[static_cast<std::size_t>(j)]);
      sums[0] += base.first(j, i) * release.first(at, from);
      sums[1] += base.second(j, i) * release.second(at, from);
    }
    first += double{sums[0]};
    second += double{sums[1]};
  }
  return first / (double{base.first.norm()} * double{release.first.norm()}) +
         second / (double{base.second.norm()} * double{release.second.norm()});
}

/// The share of orders that are as well aligned as the one there is, itself counted.
double p_value(const Grams& base, const Grams& release, int orders, std::uint64_t seed) {
  std::vector<std::size_t> order(static_cast<std::size_t>(base.first.rows()));
  std::iota(order.begin(), order.end(), std::size_t{0});
  const double actual = alignment_in_order(base, release, order);
  std::mt19937_64 random(seed);
  int as_close = 1;
  for (int i = 0; i < orders; ++i) {
    shuffle(order, random);
    if (!(alignment_in_order(base, release, order) < actual)) ++as_close;
  }
  return as_close / static_cast<double>(orders + 1);
}

/// log10 of Fisher's combination of independent p-values: the upper tail of χ² with two degrees of
/// freedom for each, which has a closed form.
double log10_fisher(const std::vector<GramPair>& pairs) {
  double half = 0;  // of the statistic
  for (const GramPair& pair : pairs) half -= std::log(pair.p);
  double term = 1;
  double sum = 0;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    sum += term;
    term *= half / static_cast<double>(i + 1);
  }
  return std::min(0.0, (std::log(sum) - half) / std::log(10.0));
}

/// Why two models' neurons cannot be held against each other in order; empty: they can.
std::string incomparable(const ModelWeights& base, const ModelWeights& release) {
  const FfnShape here = ffn_shape(base);
  const FfnShape there = ffn_shape(release);
  if (here.width == 0 || there.width == 0) return kNoFfns;
  if (here.gated != there.gated) return "one model's FFNs are gated and the other's are not";
  if (here.width != there.width) return "the FFNs have other widths";
  if (here.gated) return {};
  const std::int64_t block = spread_ffns(base, 1).front().block;
  const auto type = base.stored_type(Role::down_weight, block);
  if (type && shares_scales(*type)) {
    return "the base's output columns are stored as " + std::string(name_of(*type)) +
           ", where neighbouring neurons share a scale";
  }
  const auto ffns = base.blocks()[static_cast<std::size_t>(block - 1)].feed_forwards();
  const LinearMap& down = *ffns.front().down.map;
  Eigen::MatrixXf rows(down.columns(), std::min(down.rows(), kSampledRows));
  down.unpack_rows(0, rows);
  if (!share_scales(rows)) return {};
  return "the base's output columns were quantised, and are stored as floats: neighbouring neurons "
         "share a scale";
}

class Pairing {
 public:
  Pairing(const ModelWeights& base, const ModelWeights& release)
      : base_(base), release_(release), neurons_(spread(ffn_shape(base).width)) {}

  /// Reads what is looked at in the base. Says why a block gives no p-value.
  std::string read_base() {
    std::string no_p;
    for (const FfnPlace& place : spread_ffns(base_, kBlocks)) {
      const NeuronVectors vectors = vectors_at(base_, place);
      VectorSample first = read_vectors(vectors.first, neurons_);
      VectorSample second = read_vectors(vectors.second, neurons_);
      std::string why = order_of_neurons(base_, place.block, first.lengths);
      if (why.empty()) why = order_of_neurons(base_, place.block, second.lengths);
      if (!why.empty()) {
        no_p += (no_p.empty() ? "" : "; ") + why;
        continue;
      }
      ffns_.push_back(
          {.place = place, .sample = {std::move(first.vectors), std::move(second.vectors)}});
      Ffn& read = ffns_.back();
      read.grams = grams(read.sample);
      read.description = description(read.grams.first);
    }
    return no_p;
  }

  /// Keeps each FFN of the block for those of the base that none was more like.
  void offer(std::int64_t block) {
    const auto ffns = release_.blocks()[static_cast<std::size_t>(block)].feed_forwards();
    for (std::int64_t expert = 0; expert < std::ssize(ffns); ++expert) {
      const FfnPlace place = {block + 1, expert};
      const auto& ffn = ffns[static_cast<std::size_t>(expert)];
      if (ffn.up.map->rows() != ffn_shape(release_).width) continue;
      const Eigen::VectorXf there =
          description(gram(sample_vectors(vectors_at(release_, place).first, neurons_)));
      for (Ffn& here : ffns_) {
        const float distance = (here.description - there).squaredNorm();
        if (!(distance < here.distance)) continue;
        here.distance = distance;
        here.partner = place;
      }
    }
  }

  void test(std::uint64_t seed, GramComparison& out, Workers& workers) const {
    out.test.orders = std::ssize(ffns_) < kBlocks ? kOrdersOfFewBlocks : kOrders;
    out.test.pairs.resize(ffns_.size());
    out.products = Eigen::MatrixXf::Zero(release_.hidden_size(), base_.hidden_size());
    for (std::size_t i = 0; i < ffns_.size(); ++i) {
      const Ffn& ffn = ffns_[i];
      if (ffn.partner.block == 0) continue;
      const NeuronVectors vectors = vectors_at(release_, ffn.partner);
      const Sample sample = {sample_vectors(vectors.first, neurons_),
                             sample_vectors(vectors.second, neurons_)};
      const Grams there = grams(sample);
      GramPair& pair = out.test.pairs[i];
      pair.base = ffn.place;
      pair.release = ffn.partner;
      pair.first_alignment = kernel_alignment(ffn.grams.first, there.first);
      pair.second_alignment = kernel_alignment(ffn.grams.second, there.second);
      pair.p = p_value(ffn.grams, there, static_cast<int>(out.test.orders), seed + i);
      add_products(ffn.sample.first, sample.first, out.products, workers);
      add_products(ffn.sample.second, sample.second, out.products, workers);
    }
    std::erase_if(out.test.pairs, [](const GramPair& pair) { return pair.base.block == 0; });
  }

 private:
  struct Ffn {
    FfnPlace place = {};
    Sample sample = {};
    Grams grams = {};
    Eigen::VectorXf description = {};
    FfnPlace partner = {};
    float distance = std::numeric_limits<float>::infinity();
  };

  /// Of the neurons with even indices. Lengths do not count, as in the Gram matrices.
  static void add_products(const Eigen::MatrixXf& base, const Eigen::MatrixXf& release,
                           Eigen::MatrixXf& products, Workers& workers) {
    const auto every_other = [](const Eigen::MatrixXf& vectors) {
      Eigen::MatrixXf some = vectors(Eigen::all, Eigen::seq(0, Eigen::last, 2));
      some.colwise().normalize();
      return transposed(some);
    };
    products += transposed_product(every_other(release), every_other(base), workers);
  }

  const ModelWeights& base_;
  const ModelWeights& release_;
  std::vector<std::int64_t> neurons_;
  std::vector<Ffn> ffns_;
};

}  // namespace

std::vector<std::int64_t> neurons_held_out(std::int64_t ffn_size) {
  std::vector<std::int64_t> odd;
  const std::vector<std::int64_t> all = spread(ffn_size);
  for (std::size_t i = 1; i < all.size(); i += 2) odd.push_back(all[i]);
  return odd;
}

GramComparison compare_grams(const ModelWeights& base, const ModelWeights& release,
                             std::uint64_t seed, Workers& workers, Progress* progress) {
  GramComparison out;
  out.test.no_p = incomparable(base, release);
  if (!out.test.no_p.empty()) return out;
  Pairing pairing(base, release);
  out.test.no_p = pairing.read_base();
  for (std::int64_t block = 0; block < std::ssize(release.blocks()); ++block) {
    next_part(progress);
    pairing.offer(block);
  }
  pairing.test(seed, out, workers);
  if (!out.test.pairs.empty()) out.test.log10_p = log10_fisher(out.test.pairs);
  return out;
}

}  // namespace azimuth
