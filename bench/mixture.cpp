// What a mixture of experts costs: a model of random weights in the shape of OLMoE, a Hugging Face
// folder in bfloat16 that is made for the run. The pass reads the experts that its tokens take and
// no others, which a counter shows; the digest reads all, and has a line of its own; then
// `azimuth inspect`, whole process and all, and the singular direction of a block.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "analysis/block_operator.h"
#include "analysis/singular_triples.h"
#include "azimuth/analysis.h"
#include "azimuth/clock.h"
#include "azimuth/open_model.h"
#include "bounds.h"
#include "called_program.h"

namespace {

using namespace azimuth;

struct Shape {
  std::int64_t blocks = 2;
  std::int64_t hidden_size = 2048;
  std::int64_t experts = 64;
  std::int64_t expert_size = 1024;
  std::int64_t experts_per_token = 8;
};
constexpr std::int64_t kVocab = 1024;
constexpr std::int64_t kHeadSize = 128;

struct StoredMatrix {
  std::string name;
  std::int64_t outputs = 1;
  std::int64_t inputs = 0;  // 0: a norm's weight, `outputs` numbers
};

std::vector<StoredMatrix> matrices_of(const Shape& shape) {
  const std::int64_t d = shape.hidden_size;
  std::vector<StoredMatrix> all = {
      {"model.embed_tokens", kVocab, d}, {"lm_head", kVocab, d}, {"model.norm", d}};
  for (std::int64_t b = 0; b < shape.blocks; ++b) {
    const std::string block = "model.layers." + std::to_string(b) + ".";
    for (const char* projection : {"q_proj", "k_proj", "v_proj", "o_proj"}) {
      all.push_back({block + "self_attn." + projection, d, d});
    }
    for (const char* norm :
         {"input_layernorm", "post_attention_layernorm", "self_attn.q_norm", "self_attn.k_norm"}) {
      all.push_back({block + norm, d});
    }
    all.push_back({block + "mlp.gate", shape.experts, d});
    for (std::int64_t e = 0; e < shape.experts; ++e) {
      const std::string expert = block + "mlp.experts." + std::to_string(e) + ".";
      all.push_back({expert + "gate_proj", shape.expert_size, d});
      all.push_back({expert + "up_proj", shape.expert_size, d});
      all.push_back({expert + "down_proj", d, shape.expert_size});
    }
  }
  return all;
}

// Numbers of a uniform distribution, so that what a matrix makes of a vector is about as long.
std::vector<std::uint16_t> random_numbers(const StoredMatrix& matrix, std::mt19937& random) {
  const bool norm = matrix.inputs == 0;
  std::vector<std::uint16_t> numbers(
      static_cast<std::size_t>(matrix.outputs * std::max<std::int64_t>(matrix.inputs, 1)));
  const float scale = norm ? 0 : std::sqrt(3.0f / static_cast<float>(matrix.inputs)) / 0x1p31f;
  for (std::uint16_t& number : numbers) {
    const float value = norm ? 1 : scale * static_cast<float>(static_cast<std::int32_t>(random()));
    number = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16);
  }
  return numbers;
}

/// A folder that is gone with this object.
class MixtureFolder {
 public:
  explicit MixtureFolder(const Shape& shape)
      : path_(std::filesystem::temp_directory_path() /
              ("bench-mixture-" + std::to_string(getpid()))) {
    std::filesystem::create_directory(path_);
    std::ofstream(path_ / "config.json")
        << R"({"model_type": "olmoe", "rms_norm_eps": 1e-5, "tie_word_embeddings": false)"
        << ", \"hidden_size\": " << shape.hidden_size
        << ", \"intermediate_size\": " << shape.expert_size
        << ", \"num_hidden_layers\": " << shape.blocks
        << ", \"num_attention_heads\": " << shape.hidden_size / kHeadSize
        << ", \"num_key_value_heads\": " << shape.hidden_size / kHeadSize
        << ", \"num_experts\": " << shape.experts
        << ", \"num_experts_per_tok\": " << shape.experts_per_token
        << ", \"vocab_size\": " << kVocab << ", \"eos_token_id\": 2}\n";
    write_weights(matrices_of(shape));
  }
  ~MixtureFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  MixtureFolder(const MixtureFolder&) = delete;
  MixtureFolder& operator=(const MixtureFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path weights() const { return path_ / "model.safetensors"; }

 private:
  void write_weights(const std::vector<StoredMatrix>& matrices) const {
    std::string header = "{";
    std::int64_t end = 0;
    for (const StoredMatrix& m : matrices) {
      const std::int64_t begin = end;
      end += 2 * m.outputs * std::max<std::int64_t>(m.inputs, 1);
      header += (begin == 0 ? "\"" : ", \"") + m.name +
                R"(.weight": {"dtype": "BF16", "shape": [)" + std::to_string(m.outputs) +
                (m.inputs == 0 ? "" : ", " + std::to_string(m.inputs)) + "], \"data_offsets\": [" +
                std::to_string(begin) + ", " + std::to_string(end) + "]}";
    }
    header += "}";
    header.resize((header.size() + 7) / 8 * 8, ' ');
    std::ofstream file(weights(), std::ios::binary);
    const std::uint64_t length = header.size();
    file.write(reinterpret_cast<const char*>(&length), sizeof length);
    file << header;
    std::mt19937 random(1);
    for (const StoredMatrix& m : matrices) {
      const std::vector<std::uint16_t> numbers = random_numbers(m, random);
      file.write(reinterpret_cast<const char*>(numbers.data()),
                 static_cast<std::streamsize>(2 * numbers.size()));
    }
    if (!file.flush()) throw std::runtime_error("cannot write " + weights().string());
  }

  std::filesystem::path path_;
};

void print_pass(const ModelWeights& weights, std::int64_t ids, std::int64_t all, int times,
                Workers& workers) {
  const std::vector<std::int64_t> probe = default_probe({}, kVocab, ids);
  const std::vector<std::int64_t> tokens(probe.begin(), probe.begin() + ids);
  std::int64_t taken = 0;
  const double seconds = bench::best_of(
      times, [&] { taken = single_token_pass<float>(weights, tokens, workers).expert_products; });
  std::printf("%4lld %18lld of %lld %18.3f\n", static_cast<long long>(ids),
              static_cast<long long>(taken), static_cast<long long>(all), seconds);
}

void measure(const Shape& shape, int times) {
  const MixtureFolder folder(shape);
  const ModelWeights weights = open_model(folder.path());
  Workers workers(static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));
  const std::int64_t all = shape.blocks * shape.experts;
  std::printf(
      "%lld blocks of %lld experts of %lld, %lld a token, hidden size %lld: %.0f MB in bfloat16, "
      "%d "
      "threads, best of %d\n\n",
      static_cast<long long>(shape.blocks), static_cast<long long>(shape.experts),
      static_cast<long long>(shape.expert_size), static_cast<long long>(shape.experts_per_token),
      static_cast<long long>(shape.hidden_size),
      static_cast<double>(std::filesystem::file_size(folder.weights())) / 1e6, workers.threads(),
      times);

  const double digest = bench::best_of(times, [&] { weights.digest(workers); });
  std::printf("%4s %25s %18s\n", "ids", "experts multiplied with", "pass, seconds");
  for (const std::int64_t ids : {1, 2, 8, 32}) print_pass(weights, ids, all, times, workers);

  // A block's experts go by the tokens that it is approximated for: here one.
  const HiddenStates<float> states =
      single_token_pass<float>(weights, std::vector<std::int64_t>{1}, workers);
  const Eigen::MatrixXd state = states.initial.front().cast<double>();
  std::size_t experts = 0;
  const double spectral = bench::best_of(times, [&] {
    const BlockOperator op(weights.blocks().front(), state, workers);
    experts = op.experts().size();
    singular_triples(op.block(), {}, {});
  });
  const std::string direction =
      "singular directions of a block, of " + std::to_string(experts) + " experts";
  std::printf("\n%-52s %8.3f s\n", direction.c_str(), spectral);
  std::printf("%-52s %8.3f s\n", "the digest, which reads every expert", digest);
  double inspect = INFINITY;
  std::int64_t bytes = 0;
  for (int i = 0; i < times; ++i) {
    const bench::Call call = bench::call_program({"inspect", folder.path()}, true);
    inspect = std::min(inspect, call.seconds);
    bytes = std::max(bytes, call.anonymous_bytes);
  }
  std::printf("%-52s %8.3f s, %.0f MB beside the file\n", "azimuth inspect, the digest included",
              inspect, static_cast<double>(bytes) / 1e6);
}

}  // namespace

int main(int argc, char** argv) {
  Shape shape;
  int times = 3;
  CLI::App app("Measures what a mixture of experts costs.", "bench-mixture");
  const auto option = [&](const char* name, std::int64_t& value, const char* what) {
    app.add_option(name, value, what)->check(CLI::PositiveNumber)->capture_default_str();
  };
  option("--blocks", shape.blocks, "Blocks");
  option("--hidden", shape.hidden_size, "Numbers in a hidden state, a multiple of 128");
  option("--experts", shape.experts, "Experts a block");
  option("--ffn", shape.expert_size, "Numbers within an expert");
  app.add_option("--times", times, "How often each figure is measured")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.footer("Example:\n  bench-mixture --blocks 1");
  CLI11_PARSE(app, argc, argv);
  try {
    measure(shape, times);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench-mixture: %s\n", error.what());
    return 3;
  }
}
