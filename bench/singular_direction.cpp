// The singular direction of one block, as Azimuth finds it and as the paper's authors do, in one
// run on the same weights and the same number of threads: time, memory, and the angle between the
// two results beside that between two draws of the authors' samples.

#include <torch/utils.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <string>

#include "azimuth/angle.h"
#include "azimuth/gguf_model.h"
#include "azimuth/monitor.h"
#include "azimuth/spectral.h"
#include "paper_procedure.h"
#include "random_model.h"

namespace {

using namespace azimuth;

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
  double seconds = 0;
  double mebibytes = 0;
  std::int64_t products = 0;
  double sigma = 0;
  double angle = 0;  // to `other`
};

// `other`: the direction to which the angle is wanted, or none.
Ours singular_direction(const ModelWeights& weights, const std::vector<float>& other,
                        Workers& workers) {
  AnalysisOptions options;
  options.token_ids = {0, 1};
  AnalysisTrail trail;
  Observation observation = analyse(weights, options, workers, &trail);
  // Nothing but the singular direction: no stage, no decay, no explosion.
  observation.stages.clear();
  observation.primary_stage = -1;
  for (BlockObservation& block : observation.blocks) block.stage = -1;
  observation.direction = other;
  PeakMemory memory;
  memory.reset();
  const Clock clock;
  const double before = clock.monotonic_seconds();
  const SpectralCost cost = add_spectral(weights, trail, observation, workers);
  const SingularDirection& singular = observation.blocks[1].singular;
  return {clock.monotonic_seconds() - before, memory.extra(), cost.products.front(),
          singular.sigma[0], singular.angle_to_primary};
}

void compare(const char* what, const ModelWeights& weights, Workers& workers, std::int64_t samples,
             bool with_eigen) {
  PeakMemory memory;
  memory.reset();
  const bench::PaperResult paper =
      bench::paper_procedure(weights, weights.blocks().front(), samples, 1, with_eigen);
  const double paper_memory = memory.extra();
  const Eigen::VectorXf found = paper.direction.cast<float>();
  const Ours ours = singular_direction(weights, {found.begin(), found.end()}, workers);
  const bench::PaperResult again =
      bench::paper_procedure(weights, weights.blocks().front(), samples, 2, false);
  std::printf(
      "%-10s d %5lld  ours %8.3f s %6.0f MiB %3lld products  paper %8.2f s %6.0f MiB (fit %.2f, "
      "SVD "
      "%.2f, eigen %.2f)  %6.0f × faster\n           sigma %.6g and %.6g, angle %.4f°; between "
      "two draws of the paper's samples %.4f°\n",
      what, static_cast<long long>(weights.hidden_size()), ours.seconds, ours.mebibytes,
      static_cast<long long>(ours.products), paper.seconds(), paper_memory, paper.fit_seconds,
      paper.svd_seconds, paper.eigen_seconds, paper.seconds() / ours.seconds, ours.sigma,
      paper.sigma, ours.angle, angle_degrees(paper.direction, again.direction));
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  std::string model;
  std::int64_t block = 12;
  std::int64_t samples = 100'000;
  int threads = static_cast<int>(std::thread::hardware_concurrency());
  std::vector<std::int64_t> sizes = {1024, 2048};
  bool no_eigen = false;
  CLI::App app("Measures the singular direction of a block against the paper's procedure.",
               "bench-singular-direction");
  app.add_option("--model", model, "LLaMA model, a GGUF file, for its own weights");
  app.add_option("--block", block, "Block of the model, from 1")->capture_default_str();
  app.add_option("--sizes", sizes, "Hidden sizes of random blocks")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--samples", samples, "Samples of the paper's procedure")->capture_default_str();
  app.add_option("--threads", threads, "Threads, of both")->capture_default_str();
  app.add_flag("--no-eigen", no_eigen, "Leave out the full eigendecomposition");
  app.footer(
      "Example:\n  bench-singular-direction --model \"$(scripts/fetch_model)\" --sizes 1024,2048");
  CLI11_PARSE(app, argc, argv);
  try {
    torch::set_num_threads(threads);
    Workers workers(threads);
    if (!model.empty()) {
      compare("SmolLM2", one_block(model, block), workers, samples, !no_eigen);
    }
    for (const std::int64_t d : sizes) {
      const std::int64_t f = (d * 8 / 3 + 255) / 256 * 256;
      compare("random", bench::random_model({.hidden_size = d, .ffn_size = f, .planted = 10}),
              workers, samples, !no_eigen);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench-singular-direction: %s\n", error.what());
    return 3;
  }
}
