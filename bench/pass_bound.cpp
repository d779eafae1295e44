// How far is the single-token pass from what the machine can do? The pass over a model larger than
// the caches, beside the two things that bound it, on the same threads in the same run: reading
// the same bytes, and LibTorch's sgemm on matrices of the same shapes.

#include <ATen/Parallel.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "azimuth/analysis.h"
#include "azimuth/workers.h"
#include "bounds.h"
#include "random_model.h"

namespace {

using namespace azimuth;

// The products of the pass.
std::vector<bench::Product> products_of(const bench::RandomModel& model, std::int64_t tokens) {
  const std::int64_t d = model.hidden_size;
  const std::int64_t f = model.ffn_size;
  std::vector<bench::Product> products;
  for (std::int64_t b = 0; b < model.blocks; ++b) {
    // Attention sees the initial tokens, the FFN those without attention too.
    for (int i = 0; i < 2; ++i) products.push_back({d, d, tokens});
    for (int i = 0; i < 2; ++i) products.push_back({f, d, 2 * tokens});
    products.push_back({d, f, 2 * tokens});
  }
  return products;
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
  at::set_num_threads(threads);
  Workers workers(threads);
  std::vector<std::int64_t> ids(static_cast<std::size_t>(tokens));
  std::iota(ids.begin(), ids.end(), 0);
  const double sgemm = bench::sgemm_seconds(products_of(model, tokens));
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
    const double pass = bench::best_of(3, [&] { single_token_pass<float>(weights, ids, workers); });
    const std::int64_t numbers = model.blocks * (2 * model.hidden_size * model.hidden_size +
                                                 3 * model.hidden_size * model.ffn_size);
    const std::vector<std::byte> stored(
        static_cast<std::size_t>(numbers / block_length(type) * block_bytes(type)), std::byte{1});
    const double read = bench::read_seconds(stored, workers);
    const double bound = std::max(sgemm, read);
    std::printf("%8s %10.3f %10.3f %10.3f %17.0f%%\n", std::string(name_of(type)).c_str(), pass,
                sgemm, read, 100 * bound / pass);
  }
}
