#include "bounds.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "azimuth/monitor.h"

namespace azimuth::bench {

double best_of(int times, const std::function<void()>& work) {
  const Clock clock;
  double best = INFINITY;
  for (int i = 0; i < times; ++i) {
    const double before = clock.monotonic_seconds();
    work();
    best = std::min(best, clock.monotonic_seconds() - before);
  }
  return best;
}

double sgemm_seconds(const std::vector<Product>& products) {
  std::vector<std::pair<torch::Tensor, torch::Tensor>> matrices;
  for (const Product& p : products) {
    matrices.emplace_back(torch::rand({p.rows, p.inputs}), torch::rand({p.inputs, p.columns}));
  }
  return best_of(3, [&] {
    for (const auto& [weight, columns] : matrices) torch::mm(weight, columns);
  });
}

double read_seconds(std::span<const std::byte> bytes, Workers& workers) {
  constexpr std::size_t kPiece = 1 << 20;
  const std::size_t pieces = (bytes.size() + kPiece - 1) / kPiece;
  std::vector<std::uint64_t> sums(pieces);
  return best_of(3, [&] {
    workers.for_each(static_cast<std::int64_t>(pieces), [&](std::int64_t i) {
      const auto piece = static_cast<std::size_t>(i);
      const std::size_t size = std::min(kPiece, bytes.size() - piece * kPiece);
      const auto* words = reinterpret_cast<const std::uint64_t*>(bytes.data() + piece * kPiece);
      sums[piece] = std::accumulate(words, words + size / sizeof(std::uint64_t), std::uint64_t{0});
    });
  });
}

}  // namespace azimuth::bench
