#include "azimuth/quantisation_export.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string_view>

namespace azimuth {
namespace {

constexpr std::string_view kAbout =
    "Down projections to keep in float, weight and input: the advice of 'azimuth quantize'.\n"
    "Layers count from 0 here; Azimuth counts blocks from 1.\n";

std::string as_comment(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = text.find('\n') + 1;
    out += "# " + std::string(text.substr(0, end));
    text.remove_prefix(end);
  }
  return out;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

// Of the module whose weight has that name. What is in it goes into a program that somebody runs.
std::string module_of(const std::string& tensor) {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
  };
  if (!std::ranges::all_of(tensor, is_plain)) {
    throw std::invalid_argument("tensor " + tensor +
                                ": its name has a character that no module's has");
  }
  const std::string_view end = ".weight";
  return tensor.ends_with(end) ? tensor.substr(0, tensor.size() - end.size()) : tensor;
}

std::string escaped(const std::string& name) { return replaced(name, ".", "\\."); }

struct Modules {
  std::string name;     // of one; empty: there are several, of all experts
  std::string pattern;  // a regular expression that matches it, or them
  std::string blocks;   // and one that matches what stands before the number of the block
};

// Of the `layer`-th, from 0. A folder may call what lies in a multimodal model otherwise than
// Transformers does: "language_model.model." where that has "model.language_model.".
Modules modules_of(const std::string& module, std::int64_t layer, bool all_experts) {
  const std::size_t before = module.find("." + std::to_string(layer) + ".");
  if (before == std::string::npos) {
    throw std::invalid_argument("tensor of " + module +
                                ": the number of its layer does not stand in its name");
  }
  const std::size_t number = before + 1;
  const std::string part = "language_model.";
  Modules modules = {module, {}, escaped(module.substr(0, number))};
  std::size_t rest = number;
  if (const std::size_t found = module.find(part); found < number) {
    modules.name.clear();
    std::size_t from = found + part.size();
    if (module.compare(from, 6, "model.") == 0) from += 6;
    modules.blocks = ".*language_model\\.(model\\.)?" + escaped(module.substr(from, number - from));
  }
  modules.pattern = modules.blocks;
  if (all_experts) {
    // "experts.0." stands for all of them.
    const std::size_t expert = module.find("experts.", number) + 8;
    modules.pattern += escaped(module.substr(number, expert - number)) + "\\d+";
    rest = module.find('.', expert);
    modules.name.clear();
  }
  modules.pattern += escaped(module.substr(rest));
  return modules;
}

std::vector<Modules> kept_modules(const ModelWeights& weights, const QuantisationAdvice& advice) {
  std::map<std::int32_t, std::vector<Modules>> by_block;
  for (const DownProjection& one : advice.projections) {
    if (!one.kept) continue;
    const std::vector<std::string> tensors = weights.stored_names(one.role, one.block);
    if (tensors.empty()) {
      throw std::invalid_argument("the model has no down projection in block " +
                                  std::to_string(one.block));
    }
    for (const std::string& tensor : tensors) {
      const std::string module = module_of(tensor);
      const bool all_experts = one.experts > 0 && module.find("experts.0.") != std::string::npos;
      by_block[one.block].push_back(modules_of(module, one.block - 1, all_experts));
      if (all_experts) break;
    }
  }
  std::vector<Modules> all;
  for (const auto& [block, modules] : by_block) {
    all.insert(all.end(), modules.begin(), modules.end());
  }
  return all;
}

std::string ignore_list(const ModelWeights& weights, const std::vector<Modules>& kept) {
  std::string out = as_comment(kAbout) +
                    as_comment(
                        "The head is among them, as is usual. For llm-compressor the list is a\n"
                        "modifier's 'ignore', for compressed-tensors QuantizationConfig's.\n") +
                    "ignore:\n";
  const auto head = weights.stored_names(Role::head_weight, 0);
  out += "  - '" + (head.empty() ? "lm_head" : module_of(head.front())) + "'\n";
  for (const Modules& one : kept) {
    out += "  - '" + (one.name.empty() ? "re:" + one.pattern + "$" : one.name) + "'\n";
  }
  return out;
}

std::string torchao_filter(const std::vector<Modules>& kept) {
  std::string patterns;
  for (const Modules& one : kept) {
    patterns += "    r\"" + std::string(patterns.empty() ? "" : "|") + one.pattern + "\"\n";
  }
  return as_comment(kAbout) +
         "#\n"
         "#     from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_\n"
         "#     from torchao_filter import is_quantised\n"
         "#     quantize_(model, Int8DynamicActivationInt8WeightConfig(), filter_fn=is_quantised)\n"
         "import re\n\n"
         "import torch\n\n"
         "BLOCKS = re.compile(r\"" +
         kept.front().blocks +
         "\\d+\\.\")\n"
         "KEPT = re.compile(\n" +
         patterns +
         ")\n\n\n"
         "def is_quantised(module, name):\n"
         "    \"\"\"Linear maps of the blocks, but for those that are kept.\"\"\"\n"
         "    return isinstance(module, torch.nn.Linear) and BLOCKS.match(name) and not "
         "KEPT.fullmatch(name)\n";
}

std::string llama_option(const QuantisationAdvice& advice) {
  std::map<std::string, std::vector<std::int32_t>> layers;  // by pattern's end
  for (const DownProjection& one : advice.projections) {
    if (!one.kept) continue;
    const std::string tensor = one.role == Role::shared_down_weight ? "ffn_down_shexp"
                               : one.experts > 0                    ? "ffn_down_exps"
                                                                    : "ffn_down";
    layers[tensor + "\\.=" + std::string(name_of(one.kept_as))].push_back(one.block - 1);
  }
  std::string out = as_comment(kAbout);
  std::string between;
  for (auto& [end, numbers] : layers) {
    std::ranges::sort(numbers);
    std::string list;
    for (const std::int32_t number : numbers) {
      list += (list.empty() ? "" : "|") + std::to_string(number);
    }
    out += between + "--tensor-type \"blk\\.(" + list + ")\\." + end + "\"";
    between = " ";
  }
  return out + "\n";
}

}  // namespace

std::vector<ExportedFile> exported(const ModelWeights& weights, const QuantisationAdvice& advice) {
  if (advice.kept() == 0) throw std::invalid_argument("nothing is kept");
  std::vector<ExportedFile> files;
  const std::vector<Modules> kept = kept_modules(weights, advice);
  if (!kept.front().pattern.starts_with("blk")) {
    files.push_back({"ignore.yaml", ignore_list(weights, kept)});
    files.push_back({"torchao_filter.py", torchao_filter(kept)});
  }
  files.push_back({"llama_quantize.txt", llama_option(advice)});
  return files;
}

}  // namespace azimuth
