#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "azimuth/decoder.h"
#include "azimuth/libtorch.h"
#include "azimuth/monitor.h"

namespace torch::optim {
class AdamW;
}

namespace azimuth::examples {

struct TrainingOptions {
  std::int64_t steps = 192;
  std::int64_t tokens_per_step = 128;
  double learning_rate = 1e-4;
};

/// Fine-tunes all weights of a decoder on one text with AdamW: each step takes the next tokens, and
/// after the last ones the text begins again. Nothing is random. What Azimuth needs of it are the
/// three functions of the concept azimuth::Trainer, and the names of its parameters:
///
///     monitor.attach(trainer, trainer.role_names());
class Trainer {
 public:
  /// `ids` is a vector of int64. Throws std::invalid_argument if it is too short for one step.
  Trainer(Decoder decoder, at::Tensor ids, TrainingOptions options);
  ~Trainer();

  std::shared_ptr<torch::nn::Module> module() const;
  Architecture architecture() const { return decoder_.architecture(); }
  const RoleNames& role_names() const { return decoder_.role_names(); }
  void on_step_end(std::function<void(const StepInfo&)> callback);

  /// The weights, which training goes on changing.
  NamedParameters parameters() const;

  /// From the next step on.
  void set_learning_rate(double rate);

  /// Writes the weights, as torch::save does. Throws what that throws.
  void save(const std::filesystem::path& file) const;

  void run();
  /// Ends `run` after the step at hand.
  void stop() { stopped_ = true; }

 private:
  double step(std::int64_t number);

  Decoder decoder_;
  at::Tensor ids_;
  TrainingOptions options_;
  std::unique_ptr<torch::optim::AdamW> optimizer_;
  std::vector<std::function<void(const StepInfo&)>> callbacks_;
  bool stopped_ = false;
};

}  // namespace azimuth::examples
