// How far is the single-token pass from what the machine can do? The pass over a model larger than
// the caches, beside the two things that bound it, on the same threads in the same run: reading
// the same bytes, and LibTorch's sgemm on matrices of the same shapes.

#include <torch/types.h>
#include <torch/utils.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <functional>
#include <numeric>

#include "azimuth/analysis.h"
#include "azimuth/monitor.h"
#include "random_model.h"

namespace {

using namespace azimuth;

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

// All products of the pass as float32 matrix products, of matrices that are there already.
double sgemm_seconds(const bench::RandomModel& model, std::int64_t tokens) {
  const std::int64_t d = model.hidden_size;
  const std::int64_t f = model.ffn_size;
  struct Product {
    torch::Tensor weight, columns;
  };
  std::vector<Product> products;
  for (std::int64_t b = 0; b < model.blocks; ++b) {
    // Attention sees the initial tokens, the FFN those without attention too.
    for (int i = 0; i < 2; ++i) products.push_back({torch::rand({d, d}), torch::rand({d, tokens})});
    for (int i = 0; i < 2; ++i) {
      products.push_back({torch::rand({f, d}), torch::rand({d, 2 * tokens})});
    }
    products.push_back({torch::rand({d, f}), torch::rand({f, 2 * tokens})});
  }
  return best_of(3, [&] {
    for (const Product& p : products) torch::mm(p.weight, p.columns);
  });
}

double read_seconds(std::int64_t bytes, Workers& workers) {
  const std::vector<std::uint64_t> memory(static_cast<std::size_t>(bytes / 8), 1);
  constexpr std::int64_t kPiece = 1 << 17;
  const auto pieces = static_cast<std::int64_t>(memory.size()) / kPiece;
  std::vector<std::uint64_t> sums(static_cast<std::size_t>(pieces));
  return best_of(3, [&] {
    workers.for_each(pieces, [&](std::int64_t i) {
      const auto begin = memory.begin() + i * kPiece;
      sums[static_cast<std::size_t>(i)] = std::accumulate(begin, begin + kPiece, std::uint64_t{0});
    });
  });
}

}  // namespace

int main(int argc, char** argv) {
  std::int64_t tokens = 64;
  int threads = static_cast<int>(std::thread::hardware_concurrency());
  bench::RandomModel model{.hidden_size = 2048, .ffn_size = 5632, .blocks = 4};
  CLI::App app("Measures the single-token pass against what bounds it.", "bench-pass-bound");
  app.add_option("--tokens", tokens, "Probe ids, at most 64")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--threads", threads, "Threads, of both")->capture_default_str();
  app.add_option("--hidden", model.hidden_size, "Hidden size")->capture_default_str();
  app.add_option("--ffn", model.ffn_size, "FFN size")->capture_default_str();
  app.add_option("--blocks", model.blocks, "Blocks")->capture_default_str();
  app.footer("Example:\n  bench-pass-bound --threads 1");
  CLI11_PARSE(app, argc, argv);
  torch::set_num_threads(threads);
  Workers workers(threads);
  std::vector<std::int64_t> ids(static_cast<std::size_t>(tokens));
  std::iota(ids.begin(), ids.end(), 0);
  const double sgemm = sgemm_seconds(model, tokens);
  std::printf("%lld tokens, %lld blocks, hidden size %lld, FFN size %lld, %d threads\n",
              static_cast<long long>(tokens), static_cast<long long>(model.blocks),
              static_cast<long long>(model.hidden_size), static_cast<long long>(model.ffn_size),
              threads);
  std::printf("%8s %10s %10s %10s %s\n", "stored", "pass, s", "sgemm, s", "reading, s",
              "share of the bound");
  for (const StoredType type :
       {StoredType::f32, StoredType::bf16, StoredType::q8_0, StoredType::q4_1}) {
    model.type = type;
    const ModelWeights weights = bench::random_model(model);
    const double pass = best_of(3, [&] { single_token_pass<float>(weights, ids, workers); });
    const std::int64_t numbers = model.blocks * (2 * model.hidden_size * model.hidden_size +
                                                 3 * model.hidden_size * model.ffn_size);
    const double read = read_seconds(numbers / block_length(type) * block_bytes(type), workers);
    const double bound = std::max(sgemm, read);
    std::printf("%8s %10.3f %10.3f %10.3f %17.0f%%\n", std::string(name_of(type)).c_str(), pass,
                sgemm, read, 100 * bound / pass);
  }
}
