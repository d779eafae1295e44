#include "block_tests.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "azimuth/median.h"
#include "order_bound.h"

namespace azimuth {
namespace {

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

/// Of the neurons that two lists of matches, by ascending row of the release, have in common, the
/// similarities in the first.
std::vector<float> agreeing(const std::vector<MutualMatch>& first,
                            const std::vector<MutualMatch>& second) {
  std::vector<float> similarities;
  auto other = second.begin();
  for (const MutualMatch& match : first) {
    while (other != second.end() && other->release < match.release) ++other;
    if (other == second.end() || other->release != match.release) continue;
    if (other->base == match.base) similarities.push_back(match.similarity);
  }
  return similarities;
}

std::vector<std::vector<MutualMatch>> match(const Probes& probes,
                                            const Eigen::MatrixXf& similarities, Workers& workers) {
  std::vector<std::vector<MutualMatch>> matches(
      static_cast<std::size_t>(similarities.cols() / probes.size));
  workers.for_each(std::ssize(matches), [&](std::int64_t i) {
    matches[static_cast<std::size_t>(i)] = mutual_matches(probes.segment(similarities, i));
  });
  return matches;
}

}  // namespace

OrderTest pairs_in_order(std::vector<MutualMatch> matches) {
  std::vector<std::int64_t> order;
  for (const MutualMatch& match : matches) order.push_back(match.base);
  OrderTest test;
  test.matched = std::ssize(order);
  test.in_order = longest_increasing(order);
  test.log10_p = log10_order_bound(test.matched, test.in_order);
  for (const MutualMatch& match : matches) test.pairs.push_back({match.base, match.release});
  return test;
}

void offer(OrderTest& best, OrderTest test) {
  ++best.made;
  if (best.log10_p <= test.log10_p) return;
  test.test = best.test;
  test.count = best.count;
  test.made = best.made;
  test.no_p = std::move(best.no_p);
  best = std::move(test);
}

void refuse(OrderTest& test, const std::string& why) {
  if (!why.empty()) test.no_p += (test.no_p.empty() ? "" : "; ") + why;
}

double ShareSearch::add(FfnPlace release, bool mapped, std::vector<float> cosines) {
  const double share = static_cast<double>(cosines.size()) /
                       static_cast<double>(std::max<std::int64_t>(1, best_.neurons));
  if (share > best_.share || best_.release.block == 0) {
    if (!(release == best_.release)) best_.control = std::max(best_.control, best_.share);
    best_.release = release;
    best_.mapped = mapped;
    best_.agreeing = std::ssize(cosines);
    best_.share = share;
    best_.cosine = median({cosines.begin(), cosines.end()});
    best_.cosines = std::move(cosines);
  } else if (!(release == best_.release)) {
    best_.control = std::max(best_.control, share);
  }
  return share;
}

BlockTests::BlockTests(const ModelWeights& release, Views views, BaseRows rows, Workers& workers)
    : release_(release), views_(std::move(views)), rows_(std::move(rows)) {
  const FfnShape there = ffn_shape(release);
  same_kind_ = rows_.shape.width > 0 && there.width > 0 && rows_.shape.gated == there.gated;
  const bool centre = FoldedNorm::before(release.blocks().front().mixers.front().norm).centres();
  first_ = views_.probes(rows_.first, centre, workers);
  if (same_kind_) {
    // Whoever frames can turn an unrelated base too, so that rows come to lie as the release's do:
    // its embeddings turn with it, and a map that is sure undoes that.
    Views sharing = views_;
    if (views_.map_is_sure) std::erase(sharing.mapped, false);
    without_share_ = (views_.mapped.size() - sharing.mapped.size()) * rows_.ffns.size();
    second_ = sharing.probes(
        rows_.second,
        rows_.shape.gated ? centre : FoldedNorm::behind(release.architecture(), {}).centres(),
        workers);
  }
  values_ = views_.probes(rows_.values, centre, workers);
  for (auto* read : {&rows_.first, &rows_.second, &rows_.values}) *read = {};  // are in the probes
  for (std::size_t i = 0; i < rows_.ffns.size(); ++i) {
    shares_.emplace_back(rows_.ffns[i], rows_.neurons[i]);
  }
  std::int64_t ffns = 0;
  std::int64_t with_values = 0;
  for (const BlockWeights& block : release.blocks()) {
    ffns += std::ssize(block.feed_forwards());
    with_values += values_of(block) ? 1 : 0;
  }
  constexpr std::int64_t kViews = 2;  // whether or not both can be had
  neurons.count = kViews * std::ssize(rows_.ffns) * ffns;
  values.count = kViews * std::ssize(rows_.value_blocks) * with_values;
  if (views_.mapped.empty()) {
    const std::string why = "the hidden sizes differ, and there is no map";
    refuse(neurons, why);
    refuse(values, why);
    return;
  }
  if (neurons.count == 0) refuse(neurons, kNoFfns);
  if (values.count == 0) refuse(values, "not both models have attention whose values are compared");
  for (const std::string& why : rows_.neurons_no_p) refuse(neurons, why);
  for (const std::string& why : rows_.values_no_p) refuse(values, why);
}

void BlockTests::test(std::int64_t block, Workers& workers) {
  if (views_.mapped.empty()) return;
  const BlockWeights& weights = release_.blocks()[static_cast<std::size_t>(block)];
  const auto ffns = weights.feed_forwards();
  for (std::size_t expert = 0; expert < ffns.size() && !rows_.ffns.empty(); ++expert) {
    test_ffn({block + 1, static_cast<std::int64_t>(expert)},
             neuron_vectors(release_.architecture(), *weights.ffn(), ffns[expert]), workers);
  }
  const auto values = values_of(weights);
  if (values && !rows_.value_blocks.empty()) test_values(block, *values, workers);
}

std::vector<NeuronShare> BlockTests::shares() const {
  std::vector<NeuronShare> out;
  if (!same_kind_ || views_.mapped.empty()) return out;
  for (const ShareSearch& search : shares_) out.push_back(search.best());
  return out;
}

BlockPair& BlockTests::pair(std::int64_t from, std::int64_t release_block) {
  const std::int64_t base_block = rows_.ffns[static_cast<std::size_t>(from)].block;
  const auto known = std::ranges::find_if(pairs_, [&](const BlockPair& pair) {
    return pair.base_block == base_block && pair.release_block == release_block;
  });
  if (known != pairs_.end()) return *known;
  pairs_.push_back({.base_block = base_block, .release_block = release_block});
  return pairs_.back();
}

void BlockTests::test_ffn(FfnPlace place, const NeuronVectors& ffn, Workers& workers) {
  auto first = match(first_, cosines(ffn.first, first_, workers), workers);
  std::vector<std::vector<MutualMatch>> second;
  if (same_kind_) second = match(second_, cosines(ffn.second, second_, workers), workers);
  const std::size_t places = rows_.ffns.size();
  for (std::size_t i = 0; i < first.size(); ++i) {
    const std::size_t from = i % places;
    const bool mapped = views_.mapped[i / places];
    BlockPair& blocks = pair(static_cast<std::int64_t>(from), place.block);
    if (!second.empty() && i >= without_share_) {
      const double share =
          shares_[from].add(place, mapped, agreeing(first[i], second[i - without_share_]));
      blocks.share = std::fmax(blocks.share, share);
    }
    OrderTest test = pairs_in_order(std::move(first[i]));
    test.base = rows_.ffns[from];
    test.release = place;
    test.mapped = mapped;
    if (test.in_order > blocks.in_order) {
      blocks.in_order = test.in_order;
      blocks.matched = test.matched;
    }
    if (rows_.neurons_no_p[from].empty()) offer(neurons, std::move(test));
  }
}

void BlockTests::test_values(std::int64_t block, const Values& there, Workers& workers) {
  // A value and its output may change sign together.
  const auto matches = match(values_, cosines(there.rows, values_, workers).cwiseAbs(), workers);
  const std::size_t places = rows_.value_blocks.size();
  for (std::size_t i = 0; i < matches.size(); ++i) {
    const std::size_t from = i % places;
    if (!rows_.values_no_p[from].empty()) continue;
    OrderTest test = values_in_order(matches[i], rows_.value_rows, rows_.head_size, there.head_size,
                                     rows_.kv_heads, there.kv_heads);
    test.base = {rows_.value_blocks[from], 0};
    test.release = {block + 1, 0};
    test.mapped = views_.mapped[i / places];
    offer(values, std::move(test));
  }
}

}  // namespace azimuth
