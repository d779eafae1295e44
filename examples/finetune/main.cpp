#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>

#include "azimuth/console_exporter.h"
#include "azimuth/grpc_exporter.h"
#include "azimuth/history_store.h"
#include "azimuth/libtorch.h"
#include "azimuth/monitor.h"
#include "azimuth/open_model.h"
#include "azimuth/prometheus_exporter.h"
#include "checkpoint_keeper.h"
#include "keep_memory.h"
#include "report.h"
#include "run_name.h"
#include "token_ids.h"
#include "trainer.h"

namespace {

namespace examples = azimuth::examples;
using std::chrono::steady_clock;

// Set by a signal: the training stops after the step at hand, and the run ends as it should. A job
// that is pre-empted is sent SIGTERM some seconds before it is killed.
std::atomic<bool> stop_requested = false;
static_assert(std::atomic<bool>::is_always_lock_free, "a handler may set it");

struct Options {
  std::filesystem::path model;
  std::filesystem::path ids;
  std::filesystem::path out = "demo";
  std::filesystem::path checkpoints;
  std::string run = "finetune";
  std::int64_t every = 8;
  examples::TrainingOptions training;
};

void add_options(CLI::App& app, Options& options) {
  app.add_option("--model", options.model,
                 "Model to fine-tune: a GGUF file or a Hugging Face folder")
      ->required()
      ->take_last();
  app.add_option("--ids", options.ids, "Token ids of a text: scripts/tokenize makes them")
      ->required()
      ->take_last();
  app.add_option("--out", options.out, "Folder for run.azimuth and run.svg")
      ->take_last()
      ->capture_default_str();
  app.add_option("--steps", options.training.steps, "Optimizer steps")
      ->check(CLI::PositiveNumber)
      ->take_last()
      ->capture_default_str();
  app.add_option("--every", options.every, "Steps from one snapshot to the next")
      ->check(CLI::PositiveNumber)
      ->take_last()
      ->capture_default_str();
  app.add_option(
         "--checkpoints", options.checkpoints,
         "Folder for the newest checkpoints, one a snapshot; once the direction has changed "
         "the last from before stays")
      ->take_last();
  app.add_option("--run", options.run, "Name of the run")->capture_default_str();
  app.footer(
      "Example:\n  azimuth-finetune --model \"$(scripts/fetch_model)\" --ids "
      "examples/data/opticks.ids --steps 40");
}

void finetune(const Options& options) {
  const auto start = steady_clock::now();
  examples::keep_freed_memory();
  std::filesystem::create_directories(options.out);
  const auto store = options.out / "run.azimuth";
  const auto picture = options.out / "run.svg";
  const auto [run, reason] = examples::choose_run_name(store, options.run);
  if (!reason.empty()) std::printf("%s\n", reason.c_str());

  const azimuth::Decoder decoder(azimuth::open_model(options.model), at::kCPU, at::kFloat);
  const auto ids = examples::token_ids(options.ids, options.model, decoder.vocab_size());
  examples::Trainer trainer(decoder, ids, options.training);
  std::printf(
      "Fine-tuning %s: %lld steps of %lld tokens, a snapshot every %lld steps.\n"
      "Metrics: http://127.0.0.1:9464/metrics. Live: build/release/bin/azimuth watch "
      "127.0.0.1:50051\n",
      options.model.filename().c_str(), static_cast<long long>(options.training.steps),
      static_cast<long long>(options.training.tokens_per_step),
      static_cast<long long>(options.every));
  std::fflush(stdout);

  azimuth::Monitor monitor(
      {.run = run, .snapshot_interval = azimuth::SnapshotInterval::every_steps(options.every)});
  monitor.add(azimuth::ConsoleExporter::create({.total_steps = options.training.steps}));
  monitor.add(azimuth::PrometheusExporter::listen("127.0.0.1:9464"));
  monitor.add(azimuth::GrpcExporter::listen("127.0.0.1:50051"));
  monitor.add(azimuth::HistoryStore::open(store));
  monitor.use_first_snapshot_as_base();
  examples::CheckpointKeeper checkpoints(options.checkpoints,
                                         [&](const auto& file) { trainer.save(file); });
  monitor.on_event([&](const azimuth::Event& event, const azimuth::Observation& observation) {
    if (options.checkpoints.empty() || event.kind != azimuth::event_kind::state_changed ||
        observation.state != azimuth::State::changed) {
      return;
    }
    const auto last = checkpoints.direction_changed(observation.step);
    std::printf("The direction has changed at step %lld. The last checkpoint before: %s\n",
                static_cast<long long>(observation.step), last.empty() ? "none" : last.c_str());
  });
  monitor.attach(trainer, trainer.role_names());
  // The first analysis estimates the noise floor as well. A training that matters would not wait
  // for it; this one does, so that no snapshot is skipped meanwhile and two runs give the same.
  monitor.drain(std::chrono::minutes(1));
  trainer.on_step_end([&](const azimuth::StepInfo& info) {
    if (!options.checkpoints.empty() && info.step % options.every == 0) checkpoints.save(info.step);
    if (stop_requested) trainer.stop();
  });
  for (const int signal : {SIGINT, SIGTERM})
    std::signal(signal, [](int) { stop_requested = true; });
  trainer.run();
  if (stop_requested) std::printf("Stopped by a signal; the run is ended.\n");
  if (!monitor.finish(std::chrono::seconds(30))) {
    std::printf("Something was lost, as said above; what follows may lack it.\n");
  }

  const auto observations = examples::observations_of(store, run);
  std::printf("\n%s", examples::summary(observations, monitor.status()).c_str());
  std::printf(
      "That is the price of a snapshot every %lld steps; by default the library spaces its "
      "snapshots "
      "to cost at most 1%%.\n",
      static_cast<long long>(options.every));
  examples::write_picture(observations, picture);
  std::printf("Store: %s. Picture: %s. All in all: %.0f s.\n", store.c_str(), picture.c_str(),
              std::chrono::duration<double>(steady_clock::now() - start).count());
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Fine-tunes a real language model while Azimuth watches its high-norm direction.",
               "azimuth-finetune");
  add_options(app, options);
  CLI11_PARSE(app, argc, argv);
  try {
    finetune(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "azimuth-finetune: %s\n", error.what());
    return 1;
  }
  return 0;
}
