#include <memory>
#include <optional>
#include <utility>

#include "hugging_face/quantisation.h"
#include "quantised/scaled_rows.h"

// https://huggingface.co/docs/transformers/quantization/finegrained_fp8
namespace azimuth {
namespace {

struct Fp8BlockSize {
  std::int64_t rows;
  std::int64_t columns;
};

class Fp8 final : public Quantisation {
 public:
  explicit Fp8(const ConfigFields& fields) {
    if (fields.text("expert_dtype", "fp8") != "fp8") {
      fields.fail("expert_dtype", "is not fp8, which alone can be read");
    }
    // A key that is there and null: one scale a matrix.
    if (fields.is_null("weight_block_size")) return;
    size_ = {128, 128};
    explicit_ = fields.has("weight_block_size");
    if (!explicit_) return;
    const ConfigFields::Json& sizes = fields.json().at("weight_block_size");
    const auto is_size = [](const ConfigFields::Json& size) {
      return size.is_number_unsigned() && size.get<std::uint64_t>() >= 1 &&
             size.get<std::uint64_t>() <= static_cast<std::uint64_t>(kMaxBlockSize);
    };
    if (!sizes.is_array() || sizes.size() != 2 || !is_size(sizes[0]) || !is_size(sizes[1])) {
      fields.fail("weight_block_size",
                  "is not two sizes from 1 to " + std::to_string(kMaxBlockSize));
    }
    size_ = {sizes[0].get<std::int64_t>(), sizes[1].get<std::int64_t>()};
  }

  void decode(StoredTensors& tensors) const override {
    for (const std::string& module : tensors.before(".weight")) {
      const std::string name = module + ".weight";
      if (!tensors.find(name)->is("F8_E4M3")) continue;
      ScaledRows::Parts parts = {.method = "fp8",
                                 .shape = tensors.find(name)->raw.shape,
                                 .levels = *tensors.take_if_there(name),
                                 .table = &e4m3_levels()};
      if (parts.shape.size() != 2) parts.levels.fail("is not a matrix");
      // Transformers' name, and that of the programs before it; both are factors.
      std::optional<StoredTensor> scale = tensors.take_if_there(module + ".weight_scale");
      parts.scales = scale ? *std::move(scale) : tensors.take(module + ".weight_scale_inv", name);
      const bool one = !size_ || (!explicit_ && parts.scales.size() == 1);
      parts.block_rows = one ? parts.shape[0] : size_->rows;
      parts.block_columns = one ? parts.shape[1] : size_->columns;
      const std::vector<std::int64_t> shape = parts.shape;
      tensors.add(name, shape, std::make_shared<ScaledRows>(std::move(parts)));
    }
    take_scales_of_activations(tensors);
  }

 private:
  std::optional<Fp8BlockSize> size_;
  bool explicit_ = false;
};

}  // namespace

std::shared_ptr<const Quantisation> read_fp8(const ConfigFields& fields) {
  return std::make_shared<Fp8>(fields);
}

}  // namespace azimuth
