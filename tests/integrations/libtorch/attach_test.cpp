#include <gmock/gmock.h>
#include <torch/optim/sgd.h>
#include <torch/script.h>

#include <map>
#include <sstream>

#include "test_support.h"
#include "tiny_models.h"

namespace azimuth::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// The norms after every block of the one-token sequences of the probe, by the module itself.
template <class Model>
void expect_norms_of(Model& model, const Observation& o) {
  const torch::NoGradGuard no_grad;
  for (std::size_t t = 0; t < o.probe.token_ids.size(); ++t) {
    const Output out = model->forward(torch::full({1, 1}, o.probe.token_ids[t], torch::kInt64));
    ASSERT_EQ(out.hidden_states.size(), o.blocks.size());
    for (std::size_t b = 0; b < o.blocks.size(); ++b) {
      const double expected = out.hidden_states[b].norm().template item<double>();
      EXPECT_NEAR(o.blocks[b].norms[t], expected, 1e-5 * expected)
          << "token " << o.probe.token_ids[t] << ", block " << b;
    }
  }
}

torch::Tensor random_ids(std::int64_t batch, std::int64_t tokens) {
  return torch::randint(kVocabulary, {batch, tokens}, torch::kInt64);
}

torch::Tensor loss_of(const torch::Tensor& logits, const torch::Tensor& ids) {
  return torch::nn::functional::cross_entropy(logits.reshape({-1, kVocabulary}),
                                              ids.roll(-1, 1).reshape(-1));
}

/// A trainer with a list of callbacks that keeps its model behind a shared pointer.
class EpochTrainer {
 public:
  std::shared_ptr<TinyLlamaImpl> module() { return model_.ptr(); }
  Architecture architecture() const { return TinyLlamaImpl::architecture(); }
  void on_step_end(std::function<void(const StepInfo&)> callback) {
    callbacks_.push_back(std::move(callback));
  }
  std::size_t callbacks() const { return callbacks_.size(); }

  void train(int steps) {
    torch::optim::SGD optimizer(model_->parameters(), 0.1);
    for (int i = 0; i < steps; ++i) {
      const torch::Tensor ids = random_ids(2, 5);
      const torch::Tensor loss = loss_of(model_->forward(ids).logits, ids);
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
      for (auto& callback : callbacks_) callback({++step_, loss.item<double>()});
    }
  }

 private:
  TinyLlama model_;
  std::vector<std::function<void(const StepInfo&)>> callbacks_;
  std::int64_t step_ = 0;
};

/// Another one, unrelated: accumulates gradients, has one hook, and gives what it has by reference.
struct AccumulatingTrainer {
  const std::shared_ptr<torch::nn::Module>& module() const { return erased; }
  const Architecture& architecture() { return described; }
  void on_step_end(const std::function<void(const StepInfo&)>& callback) { hook = callback; }

  void train(std::int64_t micro_batches) {
    torch::optim::SGD optimizer(model->parameters(), 0.1);
    for (std::int64_t i = 0; i < micro_batches; ++i) {
      const torch::Tensor ids = random_ids(1, 5);
      (loss_of(model->forward(ids).logits, ids) / 4).backward();
      if (++micro_batches_done % 4 != 0) continue;
      optimizer.step();
      optimizer.zero_grad();
      hook({.step = micro_batches_done / 4});
      fingerprints[micro_batches_done / 4] = fingerprint_of(*model, described);
    }
  }

  TinyGpt2 model{/*conv1d=*/false};
  std::shared_ptr<torch::nn::Module> erased = model.ptr();
  Architecture described = TinyGpt2Impl::architecture();
  std::function<void(const StepInfo&)> hook = [](const StepInfo&) {};
  std::int64_t micro_batches_done = 0;
  std::map<std::int64_t, std::string> fingerprints;
};

static_assert(Trainer<EpochTrainer>);
static_assert(Trainer<AccumulatingTrainer>);
static_assert(!Trainer<TinyLlama>);
static_assert(!Trainer<TinyLlamaImpl>);

TEST(Attach, TrainerIsWatchedByOneLine) {
  torch::manual_seed(1);
  EpochTrainer trainer;
  Watch watch(2);
  watch.monitor->attach(trainer);
  for (int i = 0; i < 3; ++i) {
    watch.drained();
    trainer.train(2);
  }
  const auto observations = watch.drained();
  ASSERT_EQ(observations.size(), 4u);
  EXPECT_EQ(observations[0].step, 0);
  EXPECT_EQ(observations[3].step, 6);
  EXPECT_TRUE(std::isnan(observations[0].loss));
  EXPECT_GT(observations[3].loss, 0);
  EXPECT_EQ(observations[3].model.architecture, "llama");
  EXPECT_EQ(observations[3].model.hidden_size, kHidden);
  EXPECT_EQ(observations[3].model.ffn_size, kFfn);
  EXPECT_EQ(observations[3].model.vocab_size, kVocabulary);
  auto model = trainer.module();
  expect_norms_of(model, observations[3]);
}

TEST(Attach, UnrelatedTrainerWithGradientAccumulation) {
  torch::manual_seed(2);
  AccumulatingTrainer trainer;
  Watch watch;
  watch.monitor->attach(trainer);
  watch.drained();
  for (int micro_batch = 1; micro_batch <= 14; ++micro_batch) {
    trainer.train(1);
    EXPECT_EQ(watch.drained().size(), static_cast<std::size_t>(1 + micro_batch / 4));
  }
  const auto observations = watch.drained();
  ASSERT_EQ(observations.size(), 4u);
  for (std::int64_t step : {1, 2, 3}) {
    const Observation& o = observations[static_cast<std::size_t>(step)];
    EXPECT_EQ(o.step, step);
    EXPECT_EQ(o.model.weights_fingerprint, trainer.fingerprints.at(step));
  }
}

TEST(Attach, TrainerMayGoFirst) {
  Watch watch;
  {
    EpochTrainer trainer;
    watch.monitor->attach(trainer);
    trainer.train(1);
  }
  EXPECT_TRUE(watch.monitor->finish(kGenerous));
  EXPECT_EQ(watch.exporter->observations().back().step, 1);
}

TEST(Attach, ModuleHolderInAPlainLoop) {
  torch::manual_seed(3);
  TinyLlama model;
  Watch watch;
  Attachment watched = watch.monitor->attach(model, TinyLlamaImpl::architecture());
  {
    const torch::NoGradGuard no_grad;
    for (auto& parameter : model->parameters()) parameter.mul_(1.5);
  }
  watch.drained();
  watched.step({.step = 1, .loss = 2.5});
  const auto observations = watch.drained();
  ASSERT_EQ(observations.size(), 2u);
  EXPECT_EQ(observations[1].loss, 2.5);
  expect_norms_of(model, observations[1]);
}

TEST(Attach, SharedModuleNeedsNoHolder) {
  TinyLlama model;
  Watch watch;
  watch.monitor->attach(model.ptr(), TinyLlamaImpl::architecture());
  EXPECT_EQ(watch.drained().size(), 1u);
}

TEST(Attach, NullModuleIsMisuse) {
  Watch watch;
  EXPECT_THROW(watch.monitor->attach(TinyLlama(nullptr), TinyLlamaImpl::architecture()),
               std::invalid_argument);
}

// The fused matrix of nanoGPT is {3d, d}, that of Hugging Face's Conv1D {d, 3d}.
TEST(Attach, NanoGptAndHuggingFaceGpt2) {
  for (const bool conv1d : {false, true}) {
    SCOPED_TRACE(conv1d ? "Conv1D" : "nn::Linear");
    torch::manual_seed(4);
    TinyGpt2 model(conv1d);
    Watch watch;
    watch.monitor->attach(model, TinyGpt2Impl::architecture());
    const auto observations = watch.drained();
    ASSERT_EQ(observations.size(), 1u);
    expect_norms_of(model, observations[0]);
  }
}

// A scripted module as another program has saved it: a tree of modules of parameters.
torch::jit::Module scripted(const NamedParameters& parameters) {
  struct Node {
    std::map<std::string, Node> children;
    std::map<std::string, torch::Tensor> parameters;
  };
  Node root;
  for (const auto& [name, tensor] : parameters) {
    Node* node = &root;
    std::string_view rest = name;
    for (std::size_t dot; (dot = rest.find('.')) != std::string_view::npos;
         rest.remove_prefix(dot + 1)) {
      node = &node->children[std::string(rest.substr(0, dot))];
    }
    node->parameters[std::string(rest)] = tensor.detach();
  }
  const auto compilation_unit = std::make_shared<torch::jit::CompilationUnit>();
  int count = 0;
  const std::function<torch::jit::Module(const Node&)> build = [&](const Node& node) {
    torch::jit::Module module(c10::QualifiedName("__torch__.Part" + std::to_string(count++)),
                              compilation_unit);
    for (const auto& [name, tensor] : node.parameters) {
      module.register_parameter(name, tensor, /*is_buffer=*/false);
    }
    for (const auto& [name, child] : node.children) module.register_module(name, build(child));
    return module;
  };
  std::stringstream file;
  build(root).save(file);
  return torch::jit::load(file);
}

TEST(Attach, CallableOfAScriptedModule) {
  torch::manual_seed(5);
  TinyLlama model;
  const torch::jit::Module module = scripted(parameters_of(*model));
  Watch watch;
  Attachment watched = watch.monitor->attach(
      [module] {
        NamedParameters named;
        for (const auto& parameter : module.named_parameters()) {
          named.emplace_back(parameter.name, parameter.value);
        }
        return named;
      },
      TinyLlamaImpl::architecture());
  const auto observations = watch.drained();
  ASSERT_EQ(observations.size(), 1u);
  EXPECT_EQ(observations[0].model.weights_digest,
            copy_of(parameters_of(*model), TinyLlamaImpl::architecture()).digest());
  expect_norms_of(model, observations[0]);
}

TEST(Attach, MissingRolesAreNamed) {
  TinyLlama model;
  NamedParameters parameters = parameters_of(*model);
  std::erase_if(parameters, [](const auto& p) { return p.first.find("1.mlp.up") != p.first.npos; });
  Watch watch;
  const auto attach = [&] {
    watch.monitor->attach([&] { return parameters; }, TinyLlamaImpl::architecture());
  };
  EXPECT_THAT(attach,
              ThrowsMessage<std::invalid_argument>(AllOf(
                  HasSubstr("up_weight of block 2"), HasSubstr("every parameter plays another"))));
}

TEST(Attach, OddNamesAreMapped) {
  TinyLlama model;
  const std::map<std::string, std::string> renamed = {
      {"model.layers.0.mlp.down_proj.weight", "stage0/ffn/out"},
      {"model.layers.1.mlp.down_proj.weight", "stage1/ffn/out"},
      {"model.embed_tokens.weight", "table"}};
  const auto odd = [&] {
    NamedParameters parameters = parameters_of(*model);
    for (auto& [name, tensor] : parameters) {
      if (const auto found = renamed.find(name); found != renamed.end()) name = found->second;
    }
    return parameters;
  };
  Watch unmapped;
  EXPECT_THROW(unmapped.monitor->attach(odd, TinyLlamaImpl::architecture()), std::invalid_argument);
  Watch watch;
  watch.monitor->attach(odd, TinyLlamaImpl::architecture(),
                        RoleNames{.patterns = {{Role::down_weight, "stage{}/ffn/out"},
                                               {Role::token_embedding, "table"}}});
  const auto observations = watch.drained();
  ASSERT_EQ(observations.size(), 1u);
  expect_norms_of(model, observations[0]);
}

TEST(Attach, EveryParameterOfABlockIsPlaced) {
  TinyLlama model;
  const auto with = [&](const std::string& name) {
    return [&model, name] {
      NamedParameters parameters = parameters_of(*model);
      parameters.emplace_back(name, torch::ones({kHidden}));
      return parameters;
    };
  };
  const std::string bias = "model.layers.0.mlp.down_proj.bias_of_mine";
  Watch refusing;
  EXPECT_THAT([&] { refusing.monitor->attach(with(bias), TinyLlamaImpl::architecture()); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("tensor " + bias)));
  Watch ignoring;
  ignoring.monitor->attach(with(bias), TinyLlamaImpl::architecture(),
                           RoleNames{.ignored = {"model.layers.{}.mlp.down_proj.bias_of_mine"}});
  EXPECT_TRUE(ignoring.drained().front().warnings.empty());
  EXPECT_TRUE(ignoring.logged("down_weight is model.layers.0.mlp.down_proj.weight"));
  Watch mistaken;
  EXPECT_THAT(
      [&] {
        mistaken.monitor->attach(with(bias), TinyLlamaImpl::architecture(),
                                 RoleNames{.ignored = {"layers.{}.nothing"}});
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("layers.{}.nothing matches no parameter")));
  Watch outside;
  outside.monitor->attach(with("value_head.weight"), TinyLlamaImpl::architecture());
  EXPECT_THAT(outside.drained().front().warnings,
              ElementsAre("1 tensor outside the blocks is not used: value_head.weight"));
  EXPECT_TRUE(outside.logged("value_head.weight"));
}

TEST(Attach, UnsupportedTypesAreNamed) {
  TinyLlama model;
  model->blocks[1]->up->to(torch::kFloat64);
  Watch watch;
  EXPECT_THAT([&] { watch.monitor->attach(model, TinyLlamaImpl::architecture()); },
              ThrowsMessage<std::invalid_argument>(
                  AllOf(HasSubstr("model.layers.1.mlp.up_proj.weight"), HasSubstr("Double"))));
}

TEST(Attach, OtherRanksDoNothing) {
  EpochTrainer trainer;
  Watch watch(1, {.run = "test", .rank = 1});
  Attachment watched = watch.monitor->attach(trainer);
  EXPECT_EQ(trainer.callbacks(), 0u);
  watch.monitor->attach(
      []() -> NamedParameters { throw std::logic_error("nobody may look at the model"); },
      TinyLlamaImpl::architecture());
  watched.step({.step = 1});
  EXPECT_TRUE(watch.drained().empty());
}

}  // namespace
}  // namespace azimuth::testing
