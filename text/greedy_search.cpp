#include "greedy_search.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "azimuth/perplexity.h"

namespace azimuth {
namespace {

// Measured anew in every round: noise of a gain is as large as many gains are.
constexpr std::size_t kLook = 4;

struct Candidate {
  WeightPlace place;
  double gain = 0;  // nats a token, when it was measured
  std::int64_t round = -1;
};

class Search {
 public:
  Search(const Decoder& decoder, QuantisedProducts& products, const at::Tensor& text,
         Progress* progress)
      : decoder_(decoder), products_(products), text_(text), progress_(progress) {}

  /// Nats a token with `kept`, and one of `more` each. What lies in front of a candidate's block is
  /// the same for all, and computed once a sequence.
  std::vector<double> with_each(const std::vector<WeightPlace>& kept,
                                const std::vector<WeightPlace>& more) {
    std::vector<Perplexity> sums(more.size());
    for (std::int64_t s = 0; s < text_.size(0); ++s) {
      const at::Tensor ids = text_.narrow(0, s, 1);
      std::map<std::int64_t, at::Tensor> before;
      for (const WeightPlace& place : more) before[place.block - 1];
      next_part(progress_);
      products_.keep(kept);
      decoder_.forward(
          ids,
          [&](std::int64_t block, std::size_t, const at::Tensor& states) {
            const auto wanted = before.find(block);
            if (wanted != before.end()) wanted->second = states;
          },
          &products_);
      for (std::size_t i = 0; i < more.size(); ++i) {
        if (i % 2 == 0) next_part(progress_);  // half of the blocks each
        std::vector<WeightPlace> all = kept;
        all.push_back(more[i]);
        products_.keep(all);
        const std::int64_t block = more[i].block - 1;
        sums[i].add(decoder_.continued(block, before.at(block), &products_), ids);
      }
    }
    std::vector<double> nats;
    for (std::size_t i = 0; i < more.size(); ++i) {
      std::set<WeightPlace> all(kept.begin(), kept.end());
      all.insert(more[i]);
      measured[std::move(all)] = sums[i].value();
      nats.push_back(std::log(sums[i].value()));
    }
    return nats;
  }

  std::map<std::set<WeightPlace>, double> measured;

 private:
  const Decoder& decoder_;
  QuantisedProducts& products_;
  const at::Tensor& text_;
  Progress* progress_;
};

}  // namespace

std::int64_t greedy_passes(std::int64_t candidates, std::int64_t steps) {
  constexpr auto kRound = static_cast<std::int64_t>(1 + (kLook + 1) / 2);
  return 1 + (candidates + 1) / 2 + std::max<std::int64_t>(steps - 1, 0) * kRound;
}

GreedySet greedy_search(const Decoder& decoder, QuantisedProducts& products, const at::Tensor& text,
                        const std::vector<WeightPlace>& candidates, double perplexity, double goal,
                        Progress* progress) {
  const torch::NoGradGuard no_grad;
  Search search(decoder, products, text, progress);
  std::vector<Candidate> left;
  for (const WeightPlace& place : candidates) left.push_back({place});
  std::vector<WeightPlace> kept;
  double nats = std::log(perplexity);
  GreedySet found;
  for (std::int64_t round = 0; !left.empty() && std::exp(nats) > goal; ++round) {
    const auto sort = [&] {
      std::ranges::stable_sort(left, std::ranges::greater{}, &Candidate::gain);
    };
    const auto fresh = [&](const Candidate& c) { return c.round == round; };
    do {
      std::vector<Candidate*> next;
      std::vector<WeightPlace> places;
      for (Candidate& candidate : left) {
        if (fresh(candidate) || (round > 0 && next.size() == kLook)) continue;
        next.push_back(&candidate);
        places.push_back(candidate.place);
      }
      const std::vector<double> with = search.with_each(kept, places);
      for (std::size_t i = 0; i < next.size(); ++i) {
        next[i]->gain = nats - with[i];
        next[i]->round = round;
      }
      sort();
    } while (!fresh(left.front()));
    const Candidate best = left.front();
    if (!(best.gain > 0)) break;
    left.erase(left.begin());
    kept.push_back(best.place);
    nats -= best.gain;
    found.steps.push_back({best.place, std::exp(nats)});
  }
  found.measured = std::move(search.measured);
  return found;
}

}  // namespace azimuth
