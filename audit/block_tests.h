#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "azimuth/audit.h"
#include "base_rows.h"
#include "mutual_matches.h"
#include "residual_rows.h"

namespace azimuth {

/// How many of these matches are in the base's order, and how seldom chance does that.
OrderTest pairs_in_order(std::vector<MutualMatch> matches);

/// Takes the least p-value of several.
void offer(OrderTest& best, OrderTest test);

/// Notes a reason for a p-value that there is not; an empty one is none.
void refuse(OrderTest& test, const std::string& why);

/// The shares of one FFN of the base with each of the release, as they are found. `neurons` of the
/// base are looked at.
class ShareSearch {
 public:
  ShareSearch(FfnPlace base, std::int64_t neurons) : best_{.base = base, .neurons = neurons} {}

  /// The share that it makes.
  double add(FfnPlace release, bool mapped, std::vector<float> cosines);
  const NeuronShare& best() const { return best_; }

 private:
  NeuronShare best_;
};

/// The tests of neurons and values, and the shares, block by block of the release. Holds references
/// to the release and to the map of `views`.
class BlockTests {
 public:
  BlockTests(const ModelWeights& release, Views views, BaseRows rows, Workers& workers);

  /// Block from 0.
  void test(std::int64_t block, Workers& workers);

  /// By FFN of the base; none where one model's FFNs are gated and the other's are not.
  std::vector<NeuronShare> shares() const;
  const std::vector<BlockPair>& pairs() const { return pairs_; }

  OrderTest neurons = {.test = order_test::neurons};
  OrderTest values = {.test = order_test::values};

 private:
  void test_ffn(FfnPlace place, const NeuronVectors& ffn, Workers& workers);
  void test_values(std::int64_t block, const Values& there, Workers& workers);
  BlockPair& pair(std::int64_t from, std::int64_t release_block);

  const ModelWeights& release_;
  Views views_;
  BaseRows rows_;
  bool same_kind_;  ///< both gated, or both plain
  Probes first_;
  Probes second_;                  ///< in those ways alone that give a share
  std::size_t without_share_ = 0;  ///< segments of first_ before those that second_ has
  Probes values_;
  std::vector<ShareSearch> shares_;
  std::vector<BlockPair> pairs_;
};

}  // namespace azimuth
