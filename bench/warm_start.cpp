// What a start from the last snapshot saves: how many products with the linear approximation of a
// block the spectral figures take, cold and warm, over a real fine-tuning with snapshots further
// and further apart.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "azimuth/analysis.h"
#include "azimuth/median.h"
#include "azimuth/monitor.h"
#include "azimuth/open_model.h"
#include "azimuth/spectral.h"
#include "token_ids.h"
#include "trainer.h"

namespace {

using namespace azimuth;

// Copies: training goes on.
ModelWeights snapshot_of(const examples::Trainer& trainer) {
  const auto copies = std::make_shared<std::vector<at::Tensor>>();
  NamedTensors tensors;
  tensors.storage = copies;
  for (const auto& [name, parameter] : trainer.parameters()) {
    copies->push_back(parameter.detach().clone());
    const at::Tensor& copy = copies->back();
    NamedTensor tensor;
    tensor.name = name;
    tensor.view = {StoredType::f32, copy.sizes().vec(), static_cast<std::byte*>(copy.data_ptr())};
    tensors.parameter_count += copy.numel();
    tensors.tensors.push_back(std::move(tensor));
  }
  return ModelWeights::from_tensors(trainer.architecture(), std::move(tensors),
                                    trainer.role_names());
}

class Measurement {
 public:
  void print(const char* what, const ModelWeights& weights, SpectralStart* start) {
    AnalysisOptions options;
    options.token_ids = default_probe(weights.architecture().special_token_ids,
                                      weights.vocab_size(), MonitorOptions{}.probe_size);
    AnalysisTrail trail;
    Observation observation = analyse(weights, options, workers_, &trail);
    const Clock clock;
    const double before = clock.thread_cpu_seconds();
    const SpectralCost cost = add_spectral(weights, trail, observation, workers_, start);
    const double seconds = clock.thread_cpu_seconds() - before;
    const auto& products = cost.products;
    std::printf("%-28s %8lld %8.0f %8lld %12.2f\n", what,
                static_cast<long long>(std::accumulate(products.begin(), products.end(), 0LL)),
                median(std::vector<double>(products.begin(), products.end())),
                static_cast<long long>(*std::ranges::max_element(products)), seconds);
    std::fflush(stdout);
  }

 private:
  Workers workers_;  // one thread: its CPU seconds are those of the call
};

void measure(const std::string& model, const std::string& ids,
             std::vector<std::int64_t> distances) {
  const Decoder decoder(open_model(model), at::kCPU, at::kFloat);
  const at::Tensor tokens = examples::token_ids(ids, model, decoder.vocab_size());
  examples::TrainingOptions training;
  training.steps = std::reduce(distances.begin(), distances.end());
  examples::Trainer trainer(decoder, tokens, training);

  std::printf(
      "products with L, R or F, of four vectors or one, and CPU seconds, of the spectral "
      "figures\n");
  std::printf("%-28s %8s %8s %8s %12s\n", "start", "all", "median", "most", "CPU seconds");
  Measurement measurement;
  SpectralStart start;
  const ModelWeights first = snapshot_of(trainer);
  measurement.print("cold", first, &start);
  measurement.print("warm, the same weights", first, &start);
  auto distance = distances.begin();
  std::int64_t next = *distance;
  trainer.on_step_end([&](const StepInfo& info) {
    if (info.step != next) return;
    const std::string what = "warm, " + std::to_string(*distance) + " steps later";
    const ModelWeights now = snapshot_of(trainer);
    measurement.print(what.c_str(), now, &start);
    if (++distance != distances.end()) next += *distance;
  });
  trainer.run();
  measurement.print("cold, the last weights", snapshot_of(trainer), nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  std::string model;
  std::string ids;
  std::vector<std::int64_t> distances = {1, 8, 64};
  CLI::App app("Counts the products of the spectral figures, cold and warm.", "bench-warm-start");
  app.add_option("--model", model, "LLaMA model to fine-tune, a GGUF file")->required();
  app.add_option("--ids", ids, "Token ids of a text: scripts/tokenize makes them")->required();
  app.add_option("--distances", distances, "Steps from each snapshot to the next")
      ->delimiter(',')
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.footer(
      "Example:\n  bench-warm-start --model \"$(scripts/fetch_model)\" --ids "
      "examples/data/opticks.ids");
  CLI11_PARSE(app, argc, argv);
  try {
    measure(model, ids, distances);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench-warm-start: %s\n", error.what());
    return 3;
  }
}
