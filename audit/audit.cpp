#include "azimuth/audit.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

#include "embedding_fit.h"
#include "mutual_matches.h"
#include "order_bound.h"

namespace azimuth {
namespace {

// Rows of a matrix of the base that are looked at, spread over all: 256 in order have a
// probability of 10^-507.
constexpr std::int64_t kRows = 256;
// Of an order that nothing prefers, one row norm in 1.7 million depends on the index as much.
constexpr double kOrderedZ = 5;

/// How a matrix reads the residual stream: what the norm before it does to each input counts as
/// the matrix's own, so that folding one into the other changes nothing.
class NormBefore {
 public:
  NormBefore(const Architecture& architecture, const Norm& norm)
      : scale_(norm.weight),
        centres_(architecture.norm == NormKind::layer &&
                 architecture.norm_placement != NormPlacement::after) {}

  /// Rows of the matrix, each a column, become rows of matrix and norm together.
  void fold_into(Eigen::MatrixXf& rows) const {
    if (scale_.size() > 0) rows = scale_.asDiagonal() * rows;
    if (centres_) rows.rowwise() -= rows.colwise().mean().eval();
  }

  /// What to multiply the matrix with for the products of such rows with `vectors`.
  Eigen::MatrixXf inputs(Eigen::MatrixXf vectors) const {
    if (scale_.size() > 0) vectors = scale_.asDiagonal() * vectors;
    return vectors;
  }

  bool centres() const { return centres_; }

 private:
  Eigen::VectorXf scale_;
  bool centres_;
};

/// Indices spread over [0, n), at most kRows.
std::vector<std::int64_t> spread(std::int64_t n) {
  std::vector<std::int64_t> out;
  const std::int64_t count = std::min(n, kRows);
  for (std::int64_t i = 0; i < count; ++i) out.push_back(i * n / count);
  return out;
}

struct Rows {
  Eigen::MatrixXf sample;       ///< those wanted, each a column, with the norm before them
  std::vector<double> lengths;  ///< of all rows
};

Rows read_rows(const LinearMap& map, const NormBefore& norm, std::span<const std::int64_t> wanted) {
  constexpr std::int64_t kTile = 2048;
  Rows out = {.sample = Eigen::MatrixXf(map.columns(), static_cast<Eigen::Index>(wanted.size())),
              .lengths = {}};
  Eigen::MatrixXf tile;
  for (std::int64_t first = 0; first < map.rows(); first += kTile) {
    tile.resize(map.columns(), std::min(kTile, map.rows() - first));
    map.unpack_rows(first, tile);
    norm.fold_into(tile);
    for (Eigen::Index i = 0; i < tile.cols(); ++i) {
      const float length = tile.col(i).norm();
      out.lengths.push_back(std::isfinite(length) ? length : 0);  // such a row has no direction
    }
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const std::int64_t at = wanted[i] - first;
      if (at < 0 || at >= tile.cols()) continue;
      out.sample.col(static_cast<Eigen::Index>(i)) = tile.col(at);
    }
  }
  return out;
}

/// Rows of the base from several places, in each of the ways in which they are held against rows of
/// the release: the columns of one matrix, `size` of them for each view and place.
struct Probes {
  Eigen::MatrixXf vectors;  ///< of length 1; NaN for a row of zeros
  Eigen::Index size = 0;

  auto segment(const Eigen::MatrixXf& of, std::int64_t index) const {
    return of.middleCols(index * size, size);
  }
};

/// The ways from the base's residual stream to the release's.
struct Views {
  std::vector<bool> mapped;
  const Eigen::MatrixXf* map = nullptr;

  Probes probes(const std::vector<Eigen::MatrixXf>& places, bool centre) const {
    Probes out;
    if (places.empty() || mapped.empty()) return out;
    out.size = places.front().cols();
    const auto count = static_cast<Eigen::Index>(mapped.size() * places.size());
    const Eigen::Index inputs = mapped.front() ? map->rows() : places.front().rows();
    out.vectors.resize(inputs, count * out.size);
    for (std::size_t view = 0; view < mapped.size(); ++view) {
      for (std::size_t place = 0; place < places.size(); ++place) {
        const auto index = static_cast<Eigen::Index>(view * places.size() + place);
        auto vectors = out.vectors.middleCols(index * out.size, out.size);
        if (mapped[view]) {
          vectors = *map * places[place];
        } else {
          vectors = places[place];
        }
        if (centre) vectors.rowwise() -= vectors.colwise().mean().eval();
        for (auto vector : vectors.colwise()) vector /= vector.norm();  // 0 / 0 is NaN
      }
    }
    return out;
  }
};

/// Cosines of rows of the release, rows × probes.
Eigen::MatrixXf cosines(const LinearMap& map, const NormBefore& norm, const Probes& probes,
                        Workers& workers) {
  Eigen::MatrixXf out(map.rows(), probes.vectors.cols());
  map.apply(norm.inputs(probes.vectors), out, workers);
  const Rows rows = read_rows(map, norm, {});
  Eigen::VectorXf inverse(map.rows());
  for (Eigen::Index i = 0; i < inverse.size(); ++i) {
    const double length = rows.lengths[static_cast<std::size_t>(i)];
    inverse[i] =
        length > 0 ? static_cast<float>(1 / length) : std::numeric_limits<float>::quiet_NaN();
  }
  out = inverse.asDiagonal() * out;
  return out;
}

std::string ordered_text(const std::string& what, double z) {
  char number[32];
  std::snprintf(number, sizeof number, "%.1f", z);
  return what + " depend on their index in the base (z = " + number +
         "), so that it may have an order of its own";
}

/// The base's side: what is looked at, and where its own order forbids a p-value.
struct BaseRows {
  std::vector<FfnPlace> ffns;
  std::vector<Eigen::MatrixXf> gate;  ///< first-layer rows in a plain FFN
  std::vector<Eigen::MatrixXf> up;    ///< empty in a plain FFN
  std::vector<std::string> neurons_no_p;

  std::vector<std::int64_t> value_blocks;  ///< from 1
  std::vector<std::int64_t> value_rows;
  std::vector<Eigen::MatrixXf> values;
  std::vector<std::string> values_no_p;
};

/// Three blocks at 1/6, 1/2 and 5/6 of the depth, from 0; fewer in a model of fewer.
std::vector<std::int64_t> tested_blocks(std::int64_t blocks) {
  std::vector<std::int64_t> out;
  for (const std::int64_t sixth : {1, 3, 5}) {
    const std::int64_t block = blocks * sixth / 6;
    if (out.empty() || out.back() != block) out.push_back(block);
  }
  return out;
}

// Within heads, whose rows have an order each.
double values_order_z(const std::vector<double>& lengths, std::int64_t head_size) {
  double sum = 0;
  std::int64_t heads = 0;
  const std::span<const double> all = lengths;
  for (std::size_t first = 0; first < all.size(); first += static_cast<std::size_t>(head_size)) {
    sum += order_z(all.subspan(first, static_cast<std::size_t>(head_size)));
    ++heads;
  }
  return sum / std::sqrt(static_cast<double>(heads));
}

BaseRows read_base(const ModelWeights& base) {
  BaseRows out;
  const Architecture& a = base.architecture();
  const std::vector<std::int64_t> blocks = tested_blocks(std::ssize(base.blocks()));
  const std::vector<std::int64_t> neurons = spread(base.ffn_size());
  out.value_rows = spread(a.kv_heads * base.head_size());
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const BlockWeights& block = base.blocks()[static_cast<std::size_t>(blocks[i])];
    const std::string number = std::to_string(blocks[i] + 1);
    const std::int64_t expert = (std::ssize(block.ffn) - 1) * static_cast<std::int64_t>(i) /
                                std::max<std::int64_t>(1, std::ssize(blocks) - 1);
    const FfnWeights& ffn = block.ffn[static_cast<std::size_t>(expert)];
    const NormBefore ffn_norm(a, block.ffn_norm);
    Rows gate = read_rows(ffn.gate ? *ffn.gate : *ffn.up, ffn_norm, neurons);
    const double z = order_z(gate.lengths);
    out.ffns.push_back({blocks[i] + 1, expert});
    out.gate.push_back(std::move(gate.sample));
    if (ffn.gate) out.up.push_back(read_rows(*ffn.up, ffn_norm, neurons).sample);
    out.neurons_no_p.push_back(
        std::abs(z) > kOrderedZ ? ordered_text("neurons of block " + number, z) : std::string());

    Rows values = read_rows(*block.value, NormBefore(a, block.attention_norm), out.value_rows);
    const double value_z = values_order_z(values.lengths, base.head_size());
    out.value_blocks.push_back(blocks[i] + 1);
    out.values.push_back(std::move(values.sample));
    out.values_no_p.push_back(std::abs(value_z) > kOrderedZ
                                  ? ordered_text("values of block " + number, value_z)
                                  : std::string());
  }
  return out;
}

/// Takes the least p-value of several.
void offer(OrderTest& best, const OrderTest& test) {
  ++best.made;
  if (best.log10_p <= test.log10_p) return;
  const OrderTest kept = best;
  best = test;
  best.test = kept.test;
  best.count = kept.count;
  best.made = kept.made;
  best.no_p = kept.no_p;
}

void refuse(OrderTest& test, const std::string& why) {
  if (!why.empty()) test.no_p += (test.no_p.empty() ? "" : "; ") + why;
}

OrderTest pairs_in_order(const std::vector<MutualMatch>& matches) {
  std::vector<std::int64_t> order;
  for (const MutualMatch& match : matches) order.push_back(match.base);
  OrderTest test;
  test.matched = std::ssize(order);
  test.in_order = longest_increasing(order);
  test.log10_p = log10_order_bound(test.matched, test.in_order);
  return test;
}

OrderTest test_coordinates(const ModelWeights& base, const EmbeddingFit& fit) {
  OrderTest test = {.test = order_test::coordinates, .count = 1};
  const auto type = base.stored_type(Role::token_embedding, 0);
  if (type && block_length(*type) > 1) {
    refuse(test, "the base's embeddings are stored as " + std::string(name_of(*type)) +
                     ", where neighbouring coordinates share a scale");
  }
  const double z = order_z(fit.base_deviations);
  if (std::abs(z) > kOrderedZ) refuse(test, ordered_text("coordinates", z));
  if (!test.no_p.empty()) return test;
  offer(test, pairs_in_order(mutual_matches(fit.correlations)));
  return test;
}

/// Each head of the base against the head of the release in which most of its rows are matched:
/// which one that is, no order within the base's heads decides.
OrderTest values_in_order(const std::vector<MutualMatch>& matches,
                          const std::vector<std::int64_t>& rows, std::int64_t base_head_size,
                          std::int64_t release_head_size, std::int64_t base_heads,
                          std::int64_t release_heads) {
  const auto at = [&](std::int64_t base_head, std::int64_t release_head) {
    return static_cast<std::size_t>(base_head * release_heads + release_head);
  };
  std::vector<std::vector<std::int64_t>> orders(
      static_cast<std::size_t>(base_heads * release_heads));
  for (const MutualMatch& match : matches) {
    const std::int64_t row = rows[static_cast<std::size_t>(match.base)];
    orders[at(row / base_head_size, match.release / release_head_size)].push_back(row);
  }
  OrderTest test;
  std::vector<std::int64_t> matched;
  for (std::int64_t head = 0; head < base_heads; ++head) {
    const auto begin = orders.begin() + static_cast<std::ptrdiff_t>(at(head, 0));
    const auto most =
        std::max_element(begin, begin + static_cast<std::ptrdiff_t>(release_heads),
                         [](const auto& a, const auto& b) { return a.size() < b.size(); });
    matched.push_back(std::ssize(*most));
    test.matched += matched.back();
    test.in_order += longest_increasing(*most);
  }
  test.log10_p = log10_order_bound(matched, test.in_order);
  return test;
}

/// The neurons that two lists of matches, by ascending row of the release, have in common.
std::pair<std::int64_t, double> agreeing(const std::vector<MutualMatch>& gate,
                                         const std::vector<MutualMatch>& up) {
  std::vector<float> similarities;
  auto other = up.begin();
  for (const MutualMatch& match : gate) {
    while (other != up.end() && other->release < match.release) ++other;
    if (other == up.end() || other->release != match.release) continue;
    if (other->base == match.base) similarities.push_back(match.similarity);
  }
  if (similarities.empty()) return {0, kNotApplicable};
  const auto middle = similarities.begin() + std::ssize(similarities) / 2;
  std::nth_element(similarities.begin(), middle, similarities.end());
  return {std::ssize(similarities), double{*middle}};
}

/// The shares of one FFN of the base with each of the release, as they are found.
class ShareSearch {
 public:
  ShareSearch(FfnPlace base, std::int64_t neurons) : best_{.base = base, .neurons = neurons} {}

  void add(FfnPlace release, bool mapped, std::int64_t agreeing, double cosine) {
    const double share = static_cast<double>(agreeing) / static_cast<double>(best_.neurons);
    if (share > best_.share || best_.release.block == 0) {
      if (!(release == best_.release)) best_.control = std::max(best_.control, best_.share);
      best_.release = release;
      best_.mapped = mapped;
      best_.agreeing = agreeing;
      best_.share = share;
      best_.cosine = cosine;
    } else if (!(release == best_.release)) {
      best_.control = std::max(best_.control, share);
    }
  }

  const NeuronShare& best() const { return best_; }

 private:
  NeuronShare best_;
};

/// The tests of neurons and values, and the shares, block by block of the release.
class BlockTests {
 public:
  BlockTests(const ModelWeights& base, const ModelWeights& release, Views views)
      : base_(base), release_(release), views_(std::move(views)), rows_(read_base(base)) {
    const bool centre = NormBefore(release.architecture(), {}).centres();
    gate_ = views_.probes(rows_.gate, centre);
    up_ = views_.probes(rows_.up, centre);
    values_ = views_.probes(rows_.values, centre);
    for (const FfnPlace& place : rows_.ffns) {
      shares_.emplace_back(place, gate_.size);
    }
    std::int64_t ffns = 0;
    for (const BlockWeights& block : release.blocks()) ffns += std::ssize(block.ffn);
    constexpr std::int64_t kViews = 2;  // whether or not both can be had
    neurons.count = kViews * std::ssize(rows_.ffns) * ffns;
    values.count = kViews * std::ssize(rows_.value_blocks) * std::ssize(release.blocks());
    for (const std::string& why : rows_.neurons_no_p) refuse(neurons, why);
    for (const std::string& why : rows_.values_no_p) refuse(values, why);
  }

  void test(std::int64_t block, Workers& workers) {
    if (views_.mapped.empty()) return;
    const BlockWeights& weights = release_.blocks()[static_cast<std::size_t>(block)];
    const NormBefore ffn_norm(release_.architecture(), weights.ffn_norm);
    for (std::size_t expert = 0; expert < weights.ffn.size(); ++expert) {
      test_ffn({block + 1, static_cast<std::int64_t>(expert)}, weights.ffn[expert], ffn_norm,
               workers);
    }
    test_values(block, weights, workers);
  }

  std::vector<NeuronShare> shares() const {
    std::vector<NeuronShare> out;
    if (!have_up()) return out;
    for (const ShareSearch& search : shares_) out.push_back(search.best());
    return out;
  }

  OrderTest neurons = {.test = order_test::neurons};
  OrderTest values = {.test = order_test::values};

 private:
  using Matches = std::vector<std::vector<MutualMatch>>;

  bool have_up() const {
    return !rows_.up.empty() && release_.blocks().front().ffn.front().gate != nullptr &&
           !views_.mapped.empty();
  }

  static Matches match(const Probes& probes, const Eigen::MatrixXf& similarities,
                       Workers& workers) {
    Matches matches(static_cast<std::size_t>(similarities.cols() / probes.size));
    workers.for_each(std::ssize(matches), [&](std::int64_t i) {
      matches[static_cast<std::size_t>(i)] = mutual_matches(probes.segment(similarities, i));
    });
    return matches;
  }

  void test_ffn(FfnPlace place, const FfnWeights& ffn, const NormBefore& norm, Workers& workers) {
    const LinearMap& first = ffn.gate ? *ffn.gate : *ffn.up;
    const Matches gate = match(gate_, cosines(first, norm, gate_, workers), workers);
    Matches up;
    if (have_up()) up = match(up_, cosines(*ffn.up, norm, up_, workers), workers);
    const std::size_t places = rows_.ffns.size();
    for (std::size_t i = 0; i < gate.size(); ++i) {
      const std::size_t from = i % places;
      const bool mapped = views_.mapped[i / places];
      if (rows_.neurons_no_p[from].empty()) {
        OrderTest test = pairs_in_order(gate[i]);
        test.base = rows_.ffns[from];
        test.release = place;
        test.mapped = mapped;
        offer(neurons, test);
      }
      if (up.empty()) continue;
      const auto [count, cosine] = agreeing(gate[i], up[i]);
      shares_[from].add(place, mapped, count, cosine);
    }
  }

  void test_values(std::int64_t block, const BlockWeights& weights, Workers& workers) {
    const NormBefore norm(release_.architecture(), weights.attention_norm);
    // A value and its output may change sign together.
    const Matches matches =
        match(values_, cosines(*weights.value, norm, values_, workers).cwiseAbs(), workers);
    const std::size_t places = rows_.value_blocks.size();
    for (std::size_t i = 0; i < matches.size(); ++i) {
      const std::size_t from = i % places;
      if (!rows_.values_no_p[from].empty()) continue;
      OrderTest test =
          values_in_order(matches[i], rows_.value_rows, base_.head_size(), release_.head_size(),
                          base_.architecture().kv_heads, release_.architecture().kv_heads);
      test.base = {rows_.value_blocks[from], 0};
      test.release = {block + 1, 0};
      test.mapped = views_.mapped[i / places];
      offer(values, test);
    }
  }

  const ModelWeights& base_;
  const ModelWeights& release_;
  Views views_;
  BaseRows rows_;
  Probes gate_;
  Probes up_;
  Probes values_;
  std::vector<ShareSearch> shares_;
};

}  // namespace

Audit audit(const ModelWeights& base, const ModelWeights& release, const AuditOptions& options,
            Workers& workers, Progress* progress) {
  if (!(options.rate > 0 && options.rate < 1)) {
    throw std::invalid_argument("audit: the rate lies between 0 and 1");
  }
  const std::int64_t blocks = std::ssize(release.blocks());
  if (progress != nullptr) progress->begin(blocks + 3);
  Audit out;
  out.rate = options.rate;
  next_part(progress);
  out.base = base.sizes();
  out.base.weights_digest = base.digest(workers);
  next_part(progress);
  out.release = release.sizes();
  out.release.weights_digest = release.digest(workers);

  next_part(progress);
  const EmbeddingFit fit = fit_embeddings(base, release, workers);
  out.embeddings = fit.alignment;
  Views views;
  views.map = &fit.map;
  if (base.hidden_size() == release.hidden_size()) views.mapped.push_back(false);
  if (fit.map.size() > 0) views.mapped.push_back(true);
  out.exact.push_back(test_coordinates(base, fit));

  BlockTests tests(base, release, std::move(views));
  for (std::int64_t block = 0; block < blocks; ++block) {
    next_part(progress);
    tests.test(block, workers);
  }
  out.exact.push_back(std::move(tests.neurons));
  out.exact.push_back(std::move(tests.values));
  out.shares = tests.shares();

  for (const OrderTest& test : out.exact) out.tests += test.count;
  for (OrderTest& test : out.exact) {
    test.log10_corrected_p =
        std::min(0.0, test.log10_p + std::log10(static_cast<double>(out.tests)));
    if (std::isnan(test.log10_p)) test.log10_corrected_p = kNotApplicable;
    out.log10_corrected_p = std::fmin(out.log10_corrected_p, test.log10_corrected_p);
  }
  for (const NeuronShare& share : out.shares) out.share = std::fmax(out.share, share.share);
  out.verdict = verdict_of(out);
  return out;
}

}  // namespace azimuth
