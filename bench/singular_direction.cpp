// The singular direction of one block, as Azimuth finds it and as the paper's authors do, in one
// run on the same weights and the same number of threads: time, memory, and the angle between the
// two results beside that between two draws of the authors' samples. Azimuth's start is random: no
// snapshot before it, and no hidden states.

#include <ATen/Parallel.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "analysis/block_operator.h"
#include "analysis/singular_triples.h"
#include "azimuth/angle.h"
#include "azimuth/gguf_model.h"
#include "azimuth/monitor.h"
#include "azimuth/workers.h"
#include "paper_procedure.h"
#include "random_model.h"

namespace {

using namespace azimuth;

// Gives a random block of any size a σ_1 of about 70; that of SmolLM2's block 12 is 1416.
constexpr double kExplosion = 4;

// Peak of the resident memory since `reset`, in MiB beyond what there was then.
class PeakMemory {
 public:
  void reset() {
    std::ofstream("/proc/self/clear_refs") << 5;
    before_ = read("VmRSS:");
  }
  double extra() const { return read("VmHWM:") - before_; }

 private:
  static double read(const std::string& key) {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;) {
      double kib = 0;
      if (word == key && status >> kib) return kib / 1024;
    }
    return NAN;
  }
  double before_ = 0;
};

// A model of one block of `file`.
ModelWeights one_block(const std::string& file, std::int64_t block) {
  const GgufFile gguf = GgufFile::open(file);
  NamedTensors all = gguf.tensors();
  NamedTensors one;
  one.storage = all.storage;
  one.parameter_count = all.parameter_count;
  const std::string prefix = "blk." + std::to_string(block - 1) + ".";
  for (NamedTensor& tensor : all.tensors) {
    if (tensor.name.starts_with(prefix)) {
      tensor.name.replace(0, prefix.size(), "blk.0.");
    } else if (tensor.name.starts_with("blk.")) {
      continue;
    }
    one.tensors.push_back(std::move(tensor));
  }
  return ModelWeights::from_tensors(architecture_from_gguf(gguf), std::move(one));
}

struct Ours {
  SingularTriples triples;
  double seconds = 0;  // the fit of the FFN included
  double mebibytes = 0;
  std::int64_t products = 0;
};

Ours singular_triples_of(const ModelWeights& weights, const TripleTolerance& tolerance,
                         Workers& workers) {
  PeakMemory memory;
  memory.reset();
  const Clock clock;
  const double before = clock.monotonic_seconds();
  const BlockOperator op(weights.blocks().front(), {}, workers);
  Ours ours;
  ours.triples = singular_triples(op.block(), {}, tolerance);
  ours.seconds = clock.monotonic_seconds() - before;
  ours.mebibytes = memory.extra();
  ours.products = op.products();
  return ours;
}

// The ratio is to the fit and the SVD: eigenvalues are not among the triples.
void print(const std::string& what, const Ours& ours, const bench::PaperResult& paper) {
  std::printf("  %-36s %8.3f s %6.0f MiB  %3lld products  %5.0f times as fast, %.4f° away%s\n",
              what.c_str(), ours.seconds, ours.mebibytes, static_cast<long long>(ours.products),
              (paper.fit_seconds + paper.svd_seconds) / ours.seconds,
              angle_degrees(paper.direction, ours.triples.left.col(0)),
              ours.triples.converged ? "" : ", not converged");
}

struct Stored {
  std::string type;
  ModelWeights weights;
};

// `same`: the same numbers, each stored in its own way.
void compare(const std::string& what, const std::vector<Stored>& same, Workers& workers,
             std::int64_t samples) {
  const ModelWeights& weights = same.front().weights;
  std::printf("%s, d = %lld\n", what.c_str(), static_cast<long long>(weights.hidden_size()));
  const auto paper_procedure = [&](std::uint64_t seed, bool with_eigen) {
    return bench::paper_procedure(weights, weights.blocks().front(), samples, seed, with_eigen);
  };
  PeakMemory memory;
  memory.reset();
  const bench::PaperResult paper = paper_procedure(1, true);
  std::printf("  %-36s %8.3f s %6.0f MiB  fit %.2f s, SVD %.2f s, eigenvalues %.2f s\n",
              "the paper's procedure, float32", paper.seconds(), memory.extra(), paper.fit_seconds,
              paper.svd_seconds, paper.eigen_seconds);
  for (const auto& [type, stored] : same) {
    constexpr double kAny = std::numeric_limits<double>::infinity();
    print("singular direction, " + type,
          singular_triples_of(stored, {.second_residual = kAny}, workers), paper);
    print("with the second triple, " + type, singular_triples_of(stored, {}, workers), paper);
  }
  std::printf("  between two draws of the paper's samples %.4f°\n",
              angle_degrees(paper.direction, paper_procedure(2, false).direction));
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  std::string model;
  std::int64_t block = 12;
  std::int64_t samples = 100'000;
  int threads = static_cast<int>(std::thread::hardware_concurrency());
  std::vector<std::int64_t> sizes = {1024, 2048, 4096};
  CLI::App app("Measures the singular direction of a block against the paper's procedure.",
               "bench-singular-direction");
  app.add_option("--model", model, "LLaMA model, a GGUF file, for its own weights");
  app.add_option("--block", block, "Block of the model, from 1")->capture_default_str();
  app.add_option("--sizes", sizes, "Hidden sizes of random blocks")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--samples", samples, "Samples of the paper's procedure")->capture_default_str();
  app.add_option("--threads", threads, "Threads, of both")->capture_default_str();
  app.footer(
      "Example:\n  bench-singular-direction --model \"$(scripts/fetch_model)\" --sizes 4096");
  CLI11_PARSE(app, argc, argv);
  try {
    at::set_num_threads(threads);
    Workers workers(threads);
    if (!model.empty()) {
      compare("block " + std::to_string(block) + " of the model",
              {{"as stored", one_block(model, block)}}, workers, samples);
    }
    for (const std::int64_t d : sizes) {
      const std::int64_t f = (d * 8 / 3 + 255) / 256 * 256;
      std::vector<Stored> same;
      for (const StoredType type : {StoredType::f32, StoredType::bf16}) {
        same.push_back(
            {std::string(name_of(type)),
             bench::random_model(
                 {.hidden_size = d, .ffn_size = f, .type = type, .planted = kExplosion})});
      }
      compare("a random block", same, workers, samples);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench-singular-direction: %s\n", error.what());
    return 3;
  }
}
