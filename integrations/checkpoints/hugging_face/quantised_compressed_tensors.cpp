#include <cstring>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "hugging_face/module_pattern.h"
#include "hugging_face/quantisation.h"
#include "quantised/scaled_rows.h"

// https://github.com/vllm-project/compressed-tensors: quantization/quant_config.py and compressors.
namespace azimuth {
namespace {

constexpr std::size_t kMaxTargets = 10'000;
constexpr std::size_t kMaxPatternSteps = 1'000'000;
// Some seconds, and several times what 60,000 experts and ten patterns take.
constexpr std::int64_t kMatchingBudget = 2'000'000'000;

// Of a list of modules, from the most exact; how a module matches it.
enum class Match { name, pattern, type, none };

class Targets {
 public:
  // `key` is where they stand; `steps` counts what the patterns of all groups take of memory.
  Targets(const ConfigFields& fields, const std::string& key, std::size_t& steps) {
    const ConfigFields::Json list =
        fields.has(key) ? fields.json().at(key) : ConfigFields::Json::array();
    if (!list.is_array() || list.size() > kMaxTargets) fields.fail(key, "is not a list of modules");
    for (const ConfigFields::Json& target : list) {
      if (!target.is_string()) fields.fail(key, "holds something other than strings");
      const auto& text = target.get_ref<const std::string&>();
      constexpr std::string_view kPattern = "re:";
      if (!text.starts_with(kPattern)) {
        names_.push_back(text);
        continue;
      }
      // re.match() in Python: from the beginning, and whatever follows.
      try {
        patterns_.emplace_back("^(" + text.substr(kPattern.size()) + ").*");
      } catch (const std::invalid_argument& error) {
        fields.fail(key, "'" + text.substr(0, 120) + "' " + error.what());
      }
      steps += patterns_.back().size();
      if (steps > kMaxPatternSteps) fields.fail(key, "is too large");
    }
  }

  Match of(const std::string& module, std::int64_t& budget) const {
    budget -= std::ssize(names_);
    for (const std::string& name : names_) {
      if (name == module) return Match::name;
    }
    for (const ModulePattern& pattern : patterns_) {
      if (pattern.matches(module, budget)) return Match::pattern;
    }
    // Every quantised matrix here is that of a Linear.
    for (const std::string& name : names_) {
      if (name == "Linear") return Match::type;
    }
    return Match::none;
  }

 private:
  std::vector<std::string> names_;
  std::vector<ModulePattern> patterns_;
};

// How the weights of a group of modules are stored.
struct Group {
  Group(const ConfigFields& group, std::string_view format, std::size_t& steps)
      : targets(group, "targets", steps) {
    const ConfigFields weights = group.object("weights");
    if (weights.json().empty()) {
      plain = true;
      return;
    }
    if (group.has("format") && !group.is_null("format")) format = group.text("format", "");
    packed = format == "pack-quantized";
    if (!packed && format != "int-quantized" && format != "float-quantized" &&
        format != "naive-quantized") {
      group.fail("format", "'" + std::string(format.substr(0, 120)) +
                               "' cannot be read; pack-quantized, int-quantized, float-quantized "
                               "and naive-quantized can");
    }
    const std::string_view type = weights.text("type", "int");
    is_float = type == "float";
    if (!is_float && type != "int") weights.fail("type", "is neither int nor float");
    bits = static_cast<int>(weights.count({"num_bits"}, 8, 32));
    if (packed ? is_float || (bits != 4 && bits != 8) : bits != 8) {
      weights.fail("num_bits", "is " + std::to_string(bits) + " of type " + std::string(type) +
                                   ", which cannot be read as " + std::string(format));
    }
    symmetric = weights.flag("symmetric", true);
    if (is_float && !symmetric) weights.fail("symmetric", "is false of a float");
    read_order(weights);
    read_strategy(weights);
  }

  Targets targets;
  bool plain = false;
  bool packed = false;
  bool is_float = false;
  bool symmetric = true;
  int bits = 8;
  // Of numbers that share a scale; 0: all rows, all columns.
  std::int64_t block_rows = 0;
  std::int64_t block_columns = 0;

 private:
  // "weight" changed how the levels were found, and not what they mean.
  static void read_order(const ConfigFields& weights) {
    if (!weights.has("actorder") || weights.is_null("actorder")) return;
    if (weights.json().at("actorder") == false) return;
    const std::string_view order = weights.text("actorder", "");
    if (order != "weight" && order != "static") {
      weights.fail("actorder", "'" + std::string(order.substr(0, 120)) + "' cannot be read");
    }
  }

  void read_strategy(const ConfigFields& weights) {
    const bool has_size = weights.has("group_size") && !weights.is_null("group_size");
    const bool negative = has_size && weights.json().at("group_size") == -1;
    const std::string_view strategy = weights.text("strategy", !has_size  ? "tensor"
                                                               : negative ? "channel"
                                                                          : "group");
    if (strategy == "tensor") return;
    block_rows = 1;
    if (strategy == "channel") return;
    if (strategy == "group") {
      if (!has_size) weights.fail("group_size", "is missing");
      block_columns = weights.count({"group_size"}, 128, kMaxBlockSize);
    } else if (strategy == "block") {
      const ConfigFields::Json* const sizes =
          weights.has("block_structure") ? &weights.json().at("block_structure") : nullptr;
      if (sizes == nullptr || !sizes->is_array() || sizes->size() != 2) {
        weights.fail("block_structure", "is not two sizes");
      }
      block_rows = block_side(weights, (*sizes)[0]);
      block_columns = block_side(weights, (*sizes)[1]);
    } else {
      weights.fail("strategy", "'" + std::string(strategy.substr(0, 120)) +
                                   "' cannot be read; tensor, channel, group and block can");
    }
  }

  static std::int64_t block_side(const ConfigFields& weights, const ConfigFields::Json& size) {
    if (!size.is_number_unsigned() || size.get<std::uint64_t>() < 1 ||
        size.get<std::uint64_t>() > static_cast<std::uint64_t>(kMaxBlockSize)) {
      weights.fail("block_structure",
                   "is not two sizes from 1 to " + std::to_string(kMaxBlockSize));
    }
    return size.get<std::int64_t>();
  }
};

// The shape of a packed matrix, which its words do not tell to the last column.
std::vector<std::int64_t> shape_of(const StoredTensor& tensor) {
  if ((!tensor.is("I64") && !tensor.is("I32")) || tensor.size() != 2) {
    tensor.fail("is not two integers");
  }
  std::vector<std::int64_t> shape(2);
  for (std::size_t i = 0; i < 2; ++i) {
    if (tensor.is("I64")) {
      std::memcpy(&shape[i], tensor.raw.bytes.data() + 8 * i, 8);
    } else {
      std::int32_t side = 0;
      std::memcpy(&side, tensor.raw.bytes.data() + 4 * i, 4);
      shape[i] = side;
    }
    if (shape[i] < 1 || shape[i] > kMaxMatrixSide) tensor.fail("is not the shape of a matrix");
  }
  return shape;
}

class CompressedTensors final : public Quantisation {
 public:
  explicit CompressedTensors(const ConfigFields& fields) {
    const ConfigFields sparsity = fields.object("sparsity_config");
    if (sparsity.text("format", "dense") != "dense") {
      sparsity.fail("format", "'" + std::string(sparsity.text("format", "").substr(0, 120)) +
                                  "' cannot be read; dense can");
    }
    const ConfigFields transforms = fields.object("transform_config");
    if (!transforms.object("config_groups").json().empty()) {
      fields.fail("transform_config", "is not supported: rotations that the model applies");
    }
    const std::string_view format = fields.text("format", "");
    const ConfigFields groups = fields.object("config_groups");
    if (groups.json().empty()) fields.fail("config_groups", "is missing");
    constexpr std::size_t kMaxGroups = 1'000;
    if (groups.json().size() > kMaxGroups) fields.fail("config_groups", "has too many groups");
    std::size_t steps = 0;
    for (const auto& [name, group] : groups.json().items()) {
      groups_.emplace_back(groups.object(name), format, steps);
    }
  }

  void decode(StoredTensors& tensors) const override {
    std::int64_t budget = kMatchingBudget;
    for (const std::string& module : tensors.before(".weight_packed")) {
      const Group& group = group_of(module, module + ".weight_packed", budget);
      StoredTensor levels = *tensors.take_if_there(module + ".weight_packed");
      if (!group.packed) levels.fail("its format is not pack-quantized in quantization_config");
      const StoredTensor shape = tensors.take(module + ".weight_shape", levels.name);
      ScaledRows::Parts parts = {.method = "packed int" + std::to_string(group.bits),
                                 .shape = shape_of(shape),
                                 .levels = std::move(levels),
                                 .table = &offset_levels(group.bits),
                                 .bits = group.bits,
                                 .in_words = true};
      const std::int64_t words = (parts.shape[1] * group.bits + 31) / 32;
      parts.levels.expect("I32", {parts.shape[0], words});
      add(tensors, module, group, std::move(parts));
    }
    for (const std::string& module : tensors.before(".weight")) {
      const StoredTensor* const found = tensors.find(module + ".weight");
      if (!found->is("I8") && !found->is("F8_E4M3")) continue;
      const Group& group = group_of(module, found->name, budget);
      const bool is_float = found->is("F8_E4M3");
      StoredTensor levels = *tensors.take_if_there(module + ".weight");
      if (group.packed || group.is_float != is_float) {
        levels.fail("its type is " + levels.raw.type +
                    ", and quantization_config says that it is stored otherwise");
      }
      if (levels.raw.shape.size() != 2) levels.fail("is not a matrix");
      ScaledRows::Parts parts = {.method = is_float ? "fp8" : "int8",
                                 .shape = levels.raw.shape,
                                 .levels = std::move(levels),
                                 .table = is_float ? &e4m3_levels() : &signed_byte_levels()};
      add(tensors, module, group, std::move(parts));
    }
    take_scales_of_activations(tensors);
  }

 private:
  static void add(StoredTensors& tensors, const std::string& module, const Group& group,
                  ScaledRows::Parts parts) {
    const std::string name = parts.levels.name;
    parts.scales = tensors.take(module + ".weight_scale", name);
    parts.block_rows = group.block_rows > 0 ? group.block_rows : parts.shape[0];
    parts.block_columns = group.block_columns > 0 ? group.block_columns : parts.shape[1];
    if (!group.symmetric) {
      parts.zeros = tensors.take(module + ".weight_zero_point", name);
    } else if (tensors.find(module + ".weight_zero_point") != nullptr) {
      tensors.find(module + ".weight_zero_point")
          ->fail("is there, though quantization_config says symmetric");
    }
    const std::vector<std::int64_t> shape = parts.shape;
    tensors.add(module + ".weight", shape, std::make_shared<ScaledRows>(std::move(parts)));
  }

  // The group that names the module most exactly.
  const Group& group_of(const std::string& module, const std::string& tensor,
                        std::int64_t& budget) const {
    const Group* found = groups_.size() == 1 ? &groups_.front() : nullptr;
    if (found != nullptr && !found->plain) return *found;
    Match best = Match::none;
    for (const Group& group : groups_) {
      const Match match = group.targets.of(module, budget);
      if (match >= best) continue;
      best = match;
      found = &group;
    }
    if (budget < 0) {
      throw std::invalid_argument("the patterns of quantization_config take too long to match");
    }
    if (found == nullptr || found->plain) {
      throw std::invalid_argument("tensor " + tensor +
                                  ": no group of quantization_config says how it is stored");
    }
    return *found;
  }

  std::vector<Group> groups_;
};

}  // namespace

std::shared_ptr<const Quantisation> read_compressed_tensors(const ConfigFields& fields) {
  return std::make_shared<CompressedTensors>(fields);
}

}  // namespace azimuth
