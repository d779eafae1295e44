// A program that somebody else might have: a small GPT-2 with a trainer of its own, and the code of
// Azimuth's README in it.

#include <azimuth/architecture.h>
#include <azimuth/examine.h>
#include <azimuth/monitor.h>
#include <azimuth/open_model.h>
#include <azimuth/signature_file.h>
#include <torch/torch.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

constexpr std::int64_t kHidden = 16;
constexpr std::int64_t kVocab = 32;

struct Block : torch::nn::Module {
  Block() {
    ln_1 = register_module("ln_1", torch::nn::LayerNorm(std::vector<std::int64_t>{kHidden}));
    attn = register_module("attn", std::make_shared<torch::nn::Module>());
    c_attn = attn->register_module("c_attn", torch::nn::Linear(kHidden, 3 * kHidden));
    c_proj = attn->register_module("c_proj", torch::nn::Linear(kHidden, kHidden));
    ln_2 = register_module("ln_2", torch::nn::LayerNorm(std::vector<std::int64_t>{kHidden}));
    mlp = register_module("mlp", std::make_shared<torch::nn::Module>());
    c_fc = mlp->register_module("c_fc", torch::nn::Linear(kHidden, 4 * kHidden));
    down = mlp->register_module("c_proj", torch::nn::Linear(4 * kHidden, kHidden));
  }
  torch::Tensor forward(torch::Tensor x) {
    x = x + c_proj(c_attn(ln_1(x)).narrow(-1, 2 * kHidden, kHidden));
    return x + down(torch::gelu(c_fc(ln_2(x)), "tanh"));
  }
  torch::nn::LayerNorm ln_1{nullptr}, ln_2{nullptr};
  std::shared_ptr<torch::nn::Module> attn, mlp;
  torch::nn::Linear c_attn{nullptr}, c_proj{nullptr}, c_fc{nullptr}, down{nullptr};
};

struct Gpt : torch::nn::Module {
  Gpt() {
    wte = register_module("wte", torch::nn::Embedding(kVocab, kHidden));
    wpe = register_module("wpe", torch::nn::Embedding(8, kHidden));
    h = register_module("h", torch::nn::ModuleList());
    for (int i = 0; i < 2; ++i) h->push_back(std::make_shared<Block>());
  }
  torch::Tensor forward(const torch::Tensor& ids) {
    torch::Tensor x = wte(ids) + wpe(torch::arange(ids.size(1)));
    for (const auto& block : *h) x = block->as<Block>()->forward(x);
    return torch::matmul(x, wte->weight.t());
  }
  torch::nn::Embedding wte{nullptr}, wpe{nullptr};
  torch::nn::ModuleList h;
};

class Trainer {
 public:
  std::shared_ptr<torch::nn::Module> module() const { return model_; }
  azimuth::Architecture architecture() const {
    return azimuth::Architecture::gpt2({.heads = 2, .special_token_ids = {0}});
  }
  void on_step_end(std::function<void(const azimuth::StepInfo&)> callback) {
    callback_ = std::move(callback);
  }
  void fit() {
    torch::optim::AdamW optimizer(model_->parameters());
    const torch::Tensor ids = torch::arange(8).reshape({1, 8});
    for (std::int64_t step = 1; step <= 3; ++step) {
      optimizer.zero_grad();
      const torch::Tensor loss =
          torch::nn::functional::cross_entropy(model_->forward(ids).squeeze(0), ids.squeeze(0));
      loss.backward();
      optimizer.step();
      callback_({.step = step, .loss = loss.item<double>()});
    }
  }

 private:
  std::shared_ptr<Gpt> model_ = std::make_shared<Gpt>();
  std::function<void(const azimuth::StepInfo&)> callback_;
};

#include "readme_training.inc"

int main() {
  Trainer trainer;
  train(trainer);

  // The model that README.md names, by the name that it has there.
  const char* const model = std::getenv("AZIMUTH_SMOLLM2");
  if (model == nullptr) return 1;
  std::filesystem::remove("SmolLM2-135M");
  std::filesystem::create_symlink(model, "SmolLM2-135M");
#include "readme_checkpoint.inc"
}
