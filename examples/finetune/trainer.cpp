#include "trainer.h"

#include <torch/nn/functional/loss.h>
#include <torch/nn/module.h>
#include <torch/optim/adamw.h>
#include <torch/serialize/output-archive.h>

#include <stdexcept>
#include <utility>

namespace azimuth::examples {

Trainer::Trainer(Decoder decoder, at::Tensor ids, TrainingOptions options)
    : decoder_(std::move(decoder)),
      ids_(std::move(ids)),
      options_(options),
      optimizer_(std::make_unique<torch::optim::AdamW>(
          decoder_.module()->parameters(), torch::optim::AdamWOptions(options.learning_rate))) {
  if (ids_.size(0) <= options_.tokens_per_step) {
    throw std::invalid_argument("the text is too short for one step");
  }
}

Trainer::~Trainer() = default;

std::shared_ptr<torch::nn::Module> Trainer::module() const { return decoder_.module(); }

NamedParameters Trainer::parameters() const {
  NamedParameters named;
  for (auto& parameter : decoder_.module()->named_parameters()) {
    named.emplace_back(parameter.key(), parameter.value());
  }
  return named;
}

void Trainer::on_step_end(std::function<void(const StepInfo&)> callback) {
  callbacks_.push_back(std::move(callback));
}

void Trainer::set_learning_rate(double rate) {
  for (auto& group : optimizer_->param_groups()) {
    static_cast<torch::optim::AdamWOptions&>(group.options()).lr(rate);
  }
}

void Trainer::save(const std::filesystem::path& file) const {
  torch::serialize::OutputArchive archive;
  decoder_.module()->save(archive);
  archive.save_to(file.string());
}

void Trainer::run() {
  for (std::int64_t number = 1; number <= options_.steps && !stopped_; ++number) {
    const double loss = step(number);
    for (const auto& callback : callbacks_) callback({.step = number, .loss = loss});
  }
}

double Trainer::step(std::int64_t number) {
  const std::int64_t tokens = options_.tokens_per_step;
  const std::int64_t windows = (ids_.size(0) - 1) / tokens;
  const std::int64_t begin = (number - 1) % windows * tokens;
  const torch::Tensor logits = decoder_.forward(ids_.slice(0, begin, begin + tokens).unsqueeze(0));
  const torch::Tensor loss = torch::nn::functional::cross_entropy(
      logits.squeeze(0), ids_.slice(0, begin + 1, begin + tokens + 1));
  optimizer_->zero_grad();
  loss.backward();
  optimizer_->step();
  return loss.item<double>();
}

}  // namespace azimuth::examples
