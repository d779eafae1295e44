#include "hugging_face/quantisation.h"

#include <array>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace azimuth {
namespace {

struct QuantisationMethod {
  std::string_view name;
  std::shared_ptr<const Quantisation> (*read)(const ConfigFields& fields);
};

constexpr QuantisationMethod kMethods[] = {
    {"fp8", read_fp8},   {"compressed-tensors", read_compressed_tensors},
    {"awq", read_awq},   {"bitsandbytes", read_bitsandbytes},
    {"gptq", read_gptq}, {"mxfp4", read_mxfp4},
};

// How pieces of a quantised matrix are called, whatever the method.
constexpr std::string_view kPieces[] = {".weight_scale",
                                        ".weight_scale_inv",
                                        ".weight_scale_2",
                                        ".weight_zero_point",
                                        ".weight_packed",
                                        ".weight_shape",
                                        ".weight_g_idx",
                                        ".weight_global_scale",
                                        ".input_global_scale",
                                        ".qweight",
                                        ".qzeros",
                                        ".scales",
                                        ".g_idx",
                                        ".SCB",
                                        ".weight_format",
                                        ".absmax",
                                        ".quant_map",
                                        ".nested_absmax",
                                        ".nested_quant_map",
                                        "_blocks",
                                        "_scales",
                                        "_scale_inv",
                                        "_packed",
                                        ".bitsandbytes__nf4",
                                        ".bitsandbytes__fp4",
                                        ".weight.qscale_weight"};

}  // namespace

std::shared_ptr<const Quantisation> read_quantisation(const ConfigFields& quantisation) {
  if (quantisation.json().empty()) return nullptr;
  // bitsandbytes was the only method before there was a key for it.
  const bool of_old =
      quantisation.flag("load_in_8bit", false) || quantisation.flag("load_in_4bit", false);
  const std::string_view name = quantisation.text("quant_method", of_old ? "bitsandbytes" : "");
  for (const QuantisationMethod& method : kMethods) {
    if (method.name == name) return method.read(quantisation);
  }
  std::string known;
  for (const QuantisationMethod& method : kMethods) {
    known += (known.empty() ? "" : ", ") + std::string(method.name);
  }
  quantisation.fail("quant_method",
                    "weights quantised by '" +
                        std::string(name.empty() ? "unknown" : name.substr(0, 120)) +
                        "' cannot be read; can be " + known);
}

NamedTensors decode_quantised(const Quantisation& quantisation, NamedTensors tensors) {
  StoredTensors stored(std::move(tensors));
  quantisation.decode(stored);
  for (const std::string_view ending : kPieces) {
    for (const std::string& before : stored.before(ending)) {
      throw std::invalid_argument("tensor " + before + std::string(ending) +
                                  ": is a piece of a quantised weight, and the others do not lie "
                                  "beside it as quantization_config says");
    }
  }
  if (stored.added() == 0) {
    throw std::invalid_argument(
        "quantization_config says that weights are quantised, and none is stored so");
  }
  return std::move(stored).finish();
}

void take_scales_of_activations(StoredTensors& tensors) {
  for (const std::string_view ending :
       {".input_scale", ".input_zero_point", ".output_scale", ".output_zero_point",
        ".activation_scale", ".q_scale", ".k_scale", ".v_scale", ".q_zero_point", ".k_zero_point",
        ".v_zero_point"}) {
    for (const std::string& before : tensors.before(ending)) {
      tensors.take_if_there(before + std::string(ending));
    }
  }
}

}  // namespace azimuth
