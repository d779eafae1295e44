// Writes what a training program on LibTorch saves: a module, a tensor, several tensors. See
// README.md.
#include <torch/torch.h>

#include <string>
#include <vector>

struct Block : torch::nn::Module {
  Block() {
    norm = register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({4})));
    up = register_module("up", torch::nn::Linear(4, 6));
  }
  torch::nn::LayerNorm norm{nullptr};
  torch::nn::Linear up{nullptr};
};

struct Model : torch::nn::Module {
  Model() {
    embedding = register_module("embedding", torch::nn::Embedding(5, 4));
    layers = register_module("layers", torch::nn::ModuleList());
    for (int i = 0; i < 2; ++i) layers->push_back(std::make_shared<Block>());
    register_buffer("position_ids", torch::arange(8));
  }
  torch::nn::Embedding embedding{nullptr};
  torch::nn::ModuleList layers{nullptr};
};

int main(int, char** arguments) {
  const std::string folder = arguments[1];
  torch::manual_seed(1);
  const auto model = std::make_shared<Model>();
  torch::save(model, folder + "/libtorch_module.pt");
  torch::save(torch::rand({2, 3}).to(torch::kBFloat16), folder + "/libtorch_tensor.pt");
  torch::save(std::vector<torch::Tensor>{torch::rand({2, 3}), torch::rand({4}).t()},
              folder + "/libtorch_tensors.pt");
}
