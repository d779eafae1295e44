#include "azimuth/lineage.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <random>
#include <stdexcept>
#include <utility>

#include "azimuth/median.h"

namespace azimuth {
namespace {

constexpr int kResamplings = 1000;
constexpr double kFarthest = 90;  // of a pair without neurons that agree

/// For each tested block, the cosines of agreeing neurons.
using Cosines = std::vector<std::vector<float>>;

double degrees_of(double cosine) {
  return std::acos(std::clamp(cosine, -1.0, 1.0)) * 180 / std::numbers::pi;
}

/// The mean over blocks of the angle of the median; NaN where there is none.
double distance(const Cosines& cosines) {
  double sum = 0;
  int blocks = 0;
  for (const std::vector<float>& block : cosines) {
    if (block.empty()) continue;
    sum += degrees_of(median({block.begin(), block.end()}));
    ++blocks;
  }
  return blocks == 0 ? kNotApplicable : sum / blocks;
}

double resampled_distance(const Cosines& cosines, std::mt19937_64& random) {
  Cosines drawn = cosines;
  for (std::size_t block = 0; block < cosines.size(); ++block) {
    const std::uint64_t count = cosines[block].size();
    for (float& cosine : drawn[block]) cosine = cosines[block][(random() >> 32) * count >> 32];
  }
  return distance(drawn);
}

struct Link {
  std::size_t a = 0;
  std::size_t b = 0;
  bool operator==(const Link&) const = default;
};

/// The tree of least length over `members` (Prim), each link's smaller index first.
std::vector<Link> shortest_tree(const std::vector<std::size_t>& members,
                                const std::function<double(std::size_t, std::size_t)>& distance) {
  std::vector<std::size_t> inside = {members.front()};
  std::vector<std::size_t> outside(members.begin() + 1, members.end());
  std::vector<Link> tree;
  while (!outside.empty()) {
    Link best;
    double least = INFINITY;
    for (const std::size_t a : inside) {
      for (const std::size_t b : outside) {
        const double far = distance(a, b);
        if (far < least) {
          least = far;
          best = {a, b};
        }
      }
    }
    inside.push_back(best.b);
    std::erase(outside, best.b);
    tree.push_back({std::min(best.a, best.b), std::max(best.a, best.b)});
  }
  return tree;
}

std::vector<std::size_t> neighbours(const std::vector<Link>& tree, std::size_t of) {
  std::vector<std::size_t> out;
  for (const Link& link : tree) {
    if (link.a == of) out.push_back(link.b);
    if (link.b == of) out.push_back(link.a);
  }
  return out;
}

/// Members on the side of `from` if the link to `without` is cut.
std::size_t side(const std::vector<Link>& tree, std::size_t from, std::size_t without) {
  std::size_t count = 1;
  for (const std::size_t next : neighbours(tree, from)) {
    if (next != without) count += side(tree, next, from);
  }
  return count;
}

std::size_t centre(const std::vector<Link>& tree, const std::vector<std::size_t>& members) {
  return *std::ranges::min_element(members, {}, [&](std::size_t member) {
    std::size_t largest = 0;
    for (const std::size_t next : neighbours(tree, member)) {
      largest = std::max(largest, side(tree, next, member));
    }
    return largest;
  });
}

/// Audits of all pairs as they are needed.
class Pairs {
 public:
  Pairs(std::span<const AuditedWeights> models, double rate)
      : models_(models.begin(), models.end()),
        rate_(rate),
        cosines_(models.size() * models.size()) {}

  void audit_all(Lineage& out, Workers& workers, Progress* progress) {
    const std::size_t n = models_.size();
    for (AuditedWeights& model : models_) {
      next_part(progress);
      if (model.digest.empty()) model.digest = model.weights.digest(workers);
    }
    for (std::size_t a = 0; a < n; ++a) {
      for (std::size_t b = a + 1; b < n; ++b) {
        next_part(progress);
        if (audit_pair(a, b, out, workers) != Verdict::match) audit_pair(b, a, out, workers);
        out.degrees[at(a, b)] = out.degrees[at(b, a)] = distance(cosines_[at(a, b)]);
      }
    }
  }

  bool related(const Lineage& of, std::size_t a, std::size_t b) const {
    return of.verdicts[at(a, b)] == Verdict::match || of.verdicts[at(b, a)] == Verdict::match;
  }

  const Cosines& cosines(std::size_t a, std::size_t b) const {
    return cosines_[at(std::min(a, b), std::max(a, b))];
  }

 private:
  std::size_t at(std::size_t row, std::size_t column) const {
    return row * models_.size() + column;
  }

  Verdict audit_pair(std::size_t base, std::size_t release, Lineage& out, Workers& workers) {
    const Audit audited =
        audit(models_[base], models_[release], {.rate = rate_, .bases = out.audits}, workers);
    out.verdicts[at(base, release)] = audited.verdict;
    out.log10_corrected_p[at(base, release)] = audited.log10_corrected_p;
    // Of both orders, if both were needed, the one that matched.
    Cosines& kept = cosines_[at(std::min(base, release), std::max(base, release))];
    if (kept.empty() || audited.verdict == Verdict::match) {
      kept.clear();
      for (const NeuronShare& share : audited.shares) kept.push_back(share.cosines);
    }
    return audited.verdict;
  }

  std::vector<AuditedWeights> models_;  // with their digests
  double rate_;
  std::vector<Cosines> cosines_;  // of (smaller index, larger)
};

/// Each with those that it is related to by a chain.
std::vector<std::vector<std::size_t>> components(const Lineage& of, const Pairs& pairs) {
  const std::size_t n = of.names.size();
  std::vector<std::size_t> family(n);
  for (std::size_t i = 0; i < n; ++i) family[i] = i;
  for (std::size_t a = 0; a < n; ++a) {
    for (std::size_t b = a + 1; b < n; ++b) {
      if (!pairs.related(of, a, b)) continue;
      std::ranges::replace(family, std::max(family[a], family[b]), std::min(family[a], family[b]));
    }
  }
  std::vector<std::vector<std::size_t>> out;
  for (std::size_t first = 0; first < n; ++first) {
    std::vector<std::size_t> members;
    for (std::size_t i = 0; i < n; ++i) {
      if (family[i] == first) members.push_back(i);
    }
    if (!members.empty()) out.push_back(std::move(members));
  }
  return out;
}

LineageFamily family_of(const Lineage& of, const std::vector<std::size_t>& members,
                        const Pairs& pairs) {
  const std::size_t n = of.names.size();
  const auto usable = [](double degrees) { return std::isnan(degrees) ? kFarthest : degrees; };
  const std::vector<Link> tree = shortest_tree(
      members, [&](std::size_t a, std::size_t b) { return usable(of.degrees[a * n + b]); });
  std::vector<int> found(tree.size());
  std::mt19937_64 random(1);
  std::vector<double> drawn(n * n);
  for (int i = 0; i < kResamplings; ++i) {
    for (const std::size_t a : members) {
      for (const std::size_t b : members) {
        if (a >= b) continue;
        drawn[a * n + b] = drawn[b * n + a] =
            usable(resampled_distance(pairs.cosines(a, b), random));
      }
    }
    const std::vector<Link> other =
        shortest_tree(members, [&](std::size_t a, std::size_t b) { return drawn[a * n + b]; });
    for (std::size_t link = 0; link < tree.size(); ++link) {
      found[link] += std::ranges::count(other, tree[link]) > 0 ? 1 : 0;
    }
  }

  LineageFamily out = {.members = members, .root = centre(tree, members), .edges = {}};
  const std::function<void(std::size_t, std::size_t)> add = [&](std::size_t parent,
                                                                std::size_t before) {
    for (const std::size_t child : neighbours(tree, parent)) {
      if (child == before) continue;
      const Link link = {std::min(parent, child), std::max(parent, child)};
      const auto at = static_cast<std::size_t>(std::ranges::find(tree, link) - tree.begin());
      out.edges.push_back({.parent = parent,
                           .child = child,
                           .degrees = of.degrees[parent * n + child],
                           .confidence = found[at] / static_cast<double>(kResamplings),
                           .direction_confidence = static_cast<double>(side(tree, parent, child)) /
                                                   static_cast<double>(members.size())});
      add(child, parent);
    }
  };
  add(out.root, n);
  return out;
}

}  // namespace

Lineage lineage(std::vector<std::string> names, std::span<const AuditedWeights> models, double rate,
                Workers& workers, Progress* progress) {
  const std::size_t n = models.size();
  if (n < 2) throw std::invalid_argument("lineage: fewer than two models");
  if (names.size() != n) throw std::invalid_argument("lineage: not a name for each model");
  if (progress != nullptr) progress->begin(static_cast<std::int64_t>(n + n * (n - 1) / 2));
  Lineage out = {.names = std::move(names),
                 .rate = rate,
                 .audits = static_cast<std::int64_t>(n * (n - 1)),
                 .verdicts = std::vector<std::optional<Verdict>>(n * n),
                 .log10_corrected_p = std::vector<double>(n * n, kNotApplicable),
                 .degrees = std::vector<double>(n * n, kNotApplicable),
                 .families = {}};
  for (std::size_t i = 0; i < n; ++i) out.degrees[i * n + i] = 0;
  Pairs pairs(models, rate);
  pairs.audit_all(out, workers, progress);
  for (const std::vector<std::size_t>& members : components(out, pairs)) {
    out.families.push_back(family_of(out, members, pairs));
  }
  return out;
}

}  // namespace azimuth
