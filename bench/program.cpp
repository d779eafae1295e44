// What a call of the program costs, whole process and all: `signature` and `compare` beside the
// things that bound them (reading the file, SHA-256 of it and for a signature of its numbers in
// bfloat16, LibTorch's sgemm of the same products, each on the same threads in the same run), the
// memory that a call holds beyond the mapping, and how long `azimuth --help` takes.

#include <ATen/Parallel.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "azimuth/analysis.h"
#include "azimuth/gguf_model.h"
#include "azimuth/monitor.h"
#include "bounds.h"
#include "called_program.h"

namespace {

using namespace azimuth;
using bench::call_program;

double best_seconds(int times, const std::vector<std::string>& arguments) {
  double best = INFINITY;
  for (int i = 0; i < times; ++i) best = std::min(best, call_program(arguments, false).seconds);
  return best;
}

// The products of one pass over a model, and the numbers of its largest block.
struct Sizes {
  std::vector<bench::Product> products;
  std::int64_t largest_block = 0;
  std::int64_t parameters = 0;
};

Sizes sizes_of(const ModelWeights& weights, std::int64_t tokens) {
  Sizes sizes;
  sizes.parameters = weights.sizes().parameter_count;
  for (const BlockWeights& block : weights.blocks()) {
    std::int64_t numbers = 0;
    const auto add = [&](const std::shared_ptr<const LinearMap>& map, std::int64_t columns) {
      if (map == nullptr) return;
      sizes.products.push_back({map->rows(), map->columns(), columns});
      numbers += map->rows() * map->columns();
    };
    // Attention sees the initial tokens, the FFN those without attention too.
    if (const auto* const attention = block.work<Attention>()) {
      add(attention->value.map, tokens);
      add(attention->output.map, tokens);
    }
    for (const FeedForward& ffn : block.feed_forwards()) {
      add(ffn.gate.map, 2 * tokens);
      add(ffn.up.map, 2 * tokens);
      add(ffn.down.map, 2 * tokens);
    }
    sizes.largest_block = std::max(sizes.largest_block, numbers);
  }
  return sizes;
}

std::span<const std::byte> mapped(const std::string& file) {
  const std::size_t size = std::filesystem::file_size(file);
  const int descriptor = open(file.c_str(), O_RDONLY);
  void* const bytes = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  close(descriptor);
  if (bytes == MAP_FAILED) throw std::runtime_error("cannot map " + file);
  return {static_cast<const std::byte*>(bytes), size};
}

// As the digest of a model is made: hashes of pieces, on all threads.
double sha256_seconds(std::span<const std::byte> bytes, Workers& workers) {
  const std::size_t piece = bytes.size() / (8 * static_cast<std::size_t>(workers.threads())) + 1;
  return bench::best_of(3, [&] {
    workers.for_each(static_cast<std::int64_t>((bytes.size() + piece - 1) / piece),
                     [&](std::int64_t i) {
                       const auto part = bytes.subspan(static_cast<std::size_t>(i) * piece);
                       unsigned char hash[EVP_MAX_MD_SIZE];
                       EVP_Digest(part.data(), std::min(piece, part.size()), hash, nullptr,
                                  EVP_sha256(), nullptr);
                     });
  });
}

void measure(const std::string& model, int times) {
  const std::int64_t tokens = MonitorOptions{}.probe_size;

  Workers workers(static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));
  at::set_num_threads(workers.threads());
  const ModelWeights weights = load_gguf(model);
  const Sizes sizes = sizes_of(weights, tokens);
  const std::span<const std::byte> file = mapped(model);
  const double read = bench::read_seconds(file, workers);
  const double hash = sha256_seconds(file, workers);
  const double sgemm =
      static_cast<double>(1 + kNoiseFloorPasses) * bench::sgemm_seconds(sizes.products);
  const double bound = read + hash + sgemm;
  const double hash_rounded =
      hash * 2 * static_cast<double>(sizes.parameters) / static_cast<double>(file.size());

  const double digest = bench::best_of(3, [&] { weights.digest(workers); });
  const double bfloat16_digest = bench::best_of(3, [&] { weights.bfloat16_digest(workers); });

  const std::filesystem::path out = std::filesystem::temp_directory_path() /
                                    ("bench-program-" + std::to_string(getpid()) + ".azsig");
  const std::vector<std::string> signature = {"signature", model, "--no-spectral", "-o", out};
  const std::vector<std::string> compare = {"compare", model, model};
  call_program(signature, false);  // the file is in the page cache now, as it is for the bounds
  const double signature_seconds = best_seconds(times, signature);
  const double compare_seconds = best_seconds(times, compare);
  std::int64_t memory = 0;
  for (const auto& call : {signature, compare}) {
    memory = std::max(memory, call_program(call, true).anonymous_bytes);
  }
  const double help = best_seconds(10 * times, {"--help"});
  std::filesystem::remove(out);

  std::printf("%s, %.0f MB, %d threads, %lld ids, best of %d\n\n", model.c_str(),
              static_cast<double>(file.size()) / 1e6, workers.threads(),
              static_cast<long long>(tokens), times);
  std::printf("%-48s %8s %8s\n", "", "seconds", "× bound");
  std::printf("%-48s %8.3f\n", "reading the file", read);
  std::printf("%-48s %8.3f\n", "SHA-256 of the file", hash);
  std::printf("%-48s %8.3f\n", "sgemm: the pass, 4 more for the noise floor", sgemm);
  std::printf("%-48s %8.3f\n", "the bound: the sum of these", bound);
  std::printf("%-48s %8.3f\n", "SHA-256 of its numbers in bfloat16, on top", hash_rounded);
  std::printf("%-48s %8.3f %8.2f\n", "azimuth signature --no-spectral", signature_seconds,
              signature_seconds / (bound + hash_rounded));
  std::printf("%-48s %8.3f %8.2f\n", "azimuth compare, two models", compare_seconds,
              compare_seconds / (2 * bound));
  std::printf("%-48s %8.3f\n", "azimuth --help", help);
  std::printf("%-48s %8.3f\n", "the digest of stored bytes alone", digest);
  std::printf("%-48s %8.3f\n\n", "that of values in bfloat16 alone", bfloat16_digest);
  std::printf("memory beyond the mapping, at most: %.1f MB; three blocks in float32: %.1f MB\n",
              static_cast<double>(memory) / 1e6,
              static_cast<double>(3 * 4 * sizes.largest_block) / 1e6);
}

}  // namespace

int main(int argc, char** argv) {
  std::string model;
  int times = 5;
  CLI::App app("Measures calls of azimuth against what bounds them.", "bench-program");
  app.add_option("MODEL", model, "GGUF file")->required()->check(CLI::ExistingFile);
  app.add_option("--times", times, "How often each call is measured")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.footer("Example:\n  bench-program \"$(scripts/fetch_model)\"");
  CLI11_PARSE(app, argc, argv);
  try {
    measure(model, times);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench-program: %s\n", error.what());
    return 3;
  }
}
