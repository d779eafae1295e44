#include <algorithm>
#include <cctype>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hugging_face/quantisation.h"
#include "quantised/inputs_first_rows.h"

// AWQ as AutoAWQ writes it (https://github.com/casper-hansen/AutoAWQ, awq/modules/linear/gemm.py),
// and GPTQ as AutoGPTQ and GPTQModel do (https://github.com/ModelCloud/GPTQModel).
namespace azimuth {
namespace {

// Of no size or -1 all inputs are one group.
std::int64_t group_size_of(const ConfigFields& fields, std::string_view key) {
  if (!fields.has(key) || fields.is_null(key)) return 128;
  const ConfigFields::Json& size = fields.json().at(std::string(key));
  if (size.is_number_integer() && !size.is_number_unsigned() && size.get<std::int64_t>() == -1) {
    return kMaxBlockSize;
  }
  return fields.count({key}, 128, kMaxBlockSize);
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

/// Modules that are not quantised, as a configuration lists them.
class LeftOut {
 public:
  explicit LeftOut(const ConfigFields& fields)
      : names_(fields.texts("modules_to_not_convert")),
        // Of a list of those that are quantised nothing is held against the file.
        any_(fields.has("modules_in_block_to_quantize") &&
             !fields.is_null("modules_in_block_to_quantize")) {}

  /// Programs take a name for a part of a module's, a beginning, an end or a regular expression:
  /// one that could mean the module by any of these does.
  bool may_be(std::string_view module) const {
    return any_ || std::ranges::any_of(names_, [&](const std::string& name) {
             return name.find_first_of("*+?|()[]{}^$\\") != std::string::npos ||
                    module.find(name) != std::string_view::npos;
           });
  }

 private:
  std::vector<std::string> names_;
  bool any_;
};

class InputsFirst final : public Quantisation {
 public:
  InputsFirst(std::string method, InputsFirstRows::Words words, int bits, std::int64_t group_size,
              int zero_offset, LeftOut left_out)
      : left_out_(std::move(left_out)),
        method_(std::move(method)),
        words_(words),
        bits_(bits),
        group_size_(group_size),
        zero_offset_(zero_offset) {}

  void decode(StoredTensors& tensors) const override {
    for (const std::string& module : tensors.before(".qweight")) {
      InputsFirstRows::Parts parts = {.method = method_,
                                      .words = words_,
                                      .bits = bits_,
                                      .codes = *tensors.take_if_there(module + ".qweight"),
                                      .zero_offset = zero_offset_,
                                      .group_size = group_size_};
      parts.zeros = tensors.take(module + ".qzeros", parts.codes.name);
      parts.scales = tensors.take(module + ".scales", parts.codes.name);
      if (words_ == InputsFirstRows::Words::inputs) {
        parts.group_ids = tensors.take_if_there(module + ".g_idx");
      }
      auto rows = std::make_shared<InputsFirstRows>(std::move(parts));
      const std::vector<std::int64_t> shape = rows->shape();
      tensors.add(module + ".weight", shape, std::move(rows));
    }
  }

  bool may_be_plain(std::string_view module) const override { return left_out_.may_be(module); }

 private:
  LeftOut left_out_;
  std::string method_;
  InputsFirstRows::Words words_;
  int bits_;
  std::int64_t group_size_;
  int zero_offset_;
};

}  // namespace

std::shared_ptr<const Quantisation> read_awq(const ConfigFields& fields) {
  const std::string_view key = fields.has("version") ? "version" : "format";
  if (lower_case(fields.text(key, "gemm")) != "gemm") {
    fields.fail(key, "of AWQ is not gemm, which alone can be read");
  }
  const std::string_view bits = fields.has("w_bit") ? "w_bit" : "bits";
  if (fields.count({bits}, 4, 32) != 4) fields.fail(bits, "is not 4, which alone AWQ is read with");
  if (!fields.flag("zero_point", true)) {
    fields.fail("zero_point", "is false; AWQ is read with zero points alone");
  }
  const std::string_view group = fields.has("q_group_size") ? "q_group_size" : "group_size";
  return std::make_shared<InputsFirst>("awq", InputsFirstRows::Words::outputs_of_pairs, 4,
                                       group_size_of(fields, group), 0, LeftOut(fields));
}

std::shared_ptr<const Quantisation> read_gptq(const ConfigFields& fields) {
  const std::int64_t bits = fields.count({"bits"}, 4, 32);
  if (bits != 2 && bits != 4 && bits != 8) {
    fields.fail("bits", "is " + std::to_string(bits) + "; GPTQ of 2, 4 and 8 bits can be read");
  }
  const bool has_format = fields.has("checkpoint_format") && !fields.is_null("checkpoint_format");
  const std::string_view key = has_format ? "checkpoint_format" : "format";
  const std::string format = lower_case(fields.text(key, "gptq"));
  if (format != "gptq" && format != "gptq_v2") {
    fields.fail(key, "'" + format.substr(0, 120) + "' cannot be read; gptq and gptq_v2 can");
  }
  if (fields.flag("is_marlin_format", false)) fields.fail("is_marlin_format", "is not supported");
  if (!fields.object("dynamic").json().empty()) {
    fields.fail("dynamic", "is not supported: modules with bits of their own");
  }
  if (fields.text("pack_dtype", "int32") != "int32") {
    fields.fail("pack_dtype", "is not int32, which alone can be read");
  }
  // Before gptq_v2 zero points were stored less 1.
  return std::make_shared<InputsFirst>(format, InputsFirstRows::Words::inputs,
                                       static_cast<int>(bits), group_size_of(fields, "group_size"),
                                       format == "gptq" ? 1 : 0, LeftOut(fields));
}

}  // namespace azimuth
