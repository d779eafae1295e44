#include <torch/nn/functional/loss.h>
#include <torch/nn/module.h>
#include <torch/optim/adamw.h>
#include <torch/utils.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <vector>

#include "azimuth/console_exporter.h"
#include "azimuth/history_store.h"
#include "azimuth/libtorch.h"
#include "azimuth/monitor.h"
#include "copy_task.h"
#include "new_llama.h"
#include "report.h"

namespace {

namespace examples = azimuth::examples;

constexpr std::uint64_t kSeed = 5;
constexpr std::int64_t kBatch = 16;
constexpr std::int64_t kTokens = 64;
constexpr double kLearningRate = 3e-3;

constexpr std::int64_t kBlocks = 3;

azimuth::Decoder new_decoder() {
  return examples::new_llama({.hidden = 32,
                              .ffn = 128,
                              .blocks = kBlocks,
                              .heads = 2,
                              .kv_heads = 2,
                              .vocab = examples::CopyTask::kVocab,
                              .tied_head = false,
                              .special_token_ids = {examples::CopyTask::kBos}});
}

// A model this small does not reach the norms of real ones, and its direction turns for longer.
// Chosen by measuring: BOS begins at about 1.1 times the norm of ordinary tokens and comes to about
// 4 times; over 5 snapshots its direction turns by about 10 degrees at first, by 3 at the end.
constexpr azimuth::Thresholds kThresholds = {
    .emerging_ratio = 1.5, .high_norm_ratio = 2, .stable_angle = 5, .drift_angle = 12};

struct Options {
  std::filesystem::path out = "demo";
  std::int64_t steps = 5000;
  std::int64_t every = 125;
};

/// Constant, then falling to 0 over the last 40%, so that the model comes to rest.
double learning_rate(std::int64_t step, std::int64_t steps) {
  const double left = 1 - static_cast<double>(step) / static_cast<double>(steps);
  return kLearningRate * std::min(1.0, left / 0.4);
}

void tap_all(azimuth::Attachment& watched, const std::vector<torch::Tensor>& hidden_states,
             const torch::Tensor& ids) {
  for (std::size_t block = 0; block < hidden_states.size(); ++block) {
    tap(watched, static_cast<std::int32_t>(block), hidden_states[block], ids);
  }
}

void train(const azimuth::Decoder& decoder, azimuth::Attachment& watched, const Options& options) {
  examples::CopyTask task(kSeed);
  torch::optim::AdamW optimizer(
      decoder.module()->parameters(),
      torch::optim::AdamWOptions(kLearningRate).betas({0.9, 0.99}).weight_decay(1e-4));
  auto& settings =
      static_cast<torch::optim::AdamWOptions&>(optimizer.param_groups().front().options());
  for (std::int64_t step = 1; step <= options.steps; ++step) {
    settings.lr(learning_rate(step - 1, options.steps));
    const torch::Tensor ids = task.next(kBatch, kTokens);
    const torch::Tensor inputs = ids.slice(1, 0, kTokens);
    std::vector<torch::Tensor> hidden_states(kBlocks + 1);
    const torch::Tensor logits =
        decoder.forward(inputs, [&](std::int64_t block, std::size_t, const torch::Tensor& states) {
          hidden_states[static_cast<std::size_t>(block)] = states;
        });
    const torch::Tensor loss = torch::nn::functional::cross_entropy(
        logits.flatten(0, 1), ids.slice(1, 1, kTokens + 1).flatten());
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();

    if (step % options.every == 0) tap_all(watched, hidden_states, inputs);
    watched.step({.step = step, .loss = loss.item<double>()});
    // For the snapshot of `finish`.
    if (step == options.steps) tap_all(watched, hidden_states, inputs);
  }
}

void pretrain(const Options& options) {
  std::filesystem::create_directories(options.out);
  const auto store = options.out / "pretrain.azimuth";
  const auto picture = options.out / "pretrain.svg";
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::filesystem::remove(store.string() + suffix);
  }

  std::printf(
      "Training a decoder of %lld blocks from nothing: %lld steps, a snapshot every %lld steps.\n"
      "Its own thresholds: emerging at %.1f, high-norm at %.1f times the norm of ordinary tokens;\n"
      "stable where it turns by at most %.0f° over 5 snapshots.\n",
      static_cast<long long>(kBlocks), static_cast<long long>(options.steps),
      static_cast<long long>(options.every), kThresholds.emerging_ratio,
      kThresholds.high_norm_ratio, kThresholds.stable_angle);
  std::fflush(stdout);

  torch::set_num_threads(1);  // tensors this small are faster so
  torch::manual_seed(kSeed);
  const azimuth::Decoder decoder = new_decoder();
  // Only BOS is ever at position 0 here; the other tokens of the probe are what it is held against.
  // The training's own activations (`tap`) say the ratios that are printed, and the store has what
  // they show of high-norm tokens.
  azimuth::Monitor monitor(
      {.run = "pretrain",
       .snapshot_interval = azimuth::SnapshotInterval::every_steps(options.every),
       .thresholds = kThresholds});
  monitor.add(azimuth::ConsoleExporter::create({.total_steps = options.steps}));
  monitor.add(azimuth::HistoryStore::open(store));
  auto watched = monitor.attach(decoder.module(), decoder.architecture(), decoder.role_names());
  train(decoder, watched, options);
  if (!monitor.finish(std::chrono::seconds(30))) {
    std::printf("Something was lost, as said above; what follows may lack it.\n");
  }

  const auto observations = examples::observations_of(store, "pretrain");
  std::printf("\n%s", examples::summary(observations, monitor.status()).c_str());
  examples::write_picture(observations, picture);
  std::printf("Store: %s. Picture: %s.\n", store.c_str(), picture.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Trains a small language model from nothing until its high-norm direction settles.",
               "azimuth-pretrain");
  app.add_option("--out", options.out, "Folder for pretrain.azimuth and pretrain.svg")
      ->capture_default_str();
  app.add_option("--steps", options.steps, "Optimizer steps")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--every", options.every, "Steps from one snapshot to the next")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.footer("Example:\n  azimuth-pretrain --out demo --steps 5000");
  CLI11_PARSE(app, argc, argv);
  try {
    pretrain(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "azimuth-pretrain: %s\n", error.what());
    return 1;
  }
  return 0;
}
