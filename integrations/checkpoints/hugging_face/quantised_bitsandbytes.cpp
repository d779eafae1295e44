#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "azimuth/file_error.h"
#include "files/strict_json.h"
#include "hugging_face/quantisation.h"
#include "quantised/four_bit_rows.h"
#include "quantised/scaled_rows.h"

// https://github.com/bitsandbytes-foundation/bitsandbytes: functional.py, QuantState.
namespace azimuth {
namespace {

constexpr std::string_view kNf4 = "nf4";
constexpr std::string_view kFp4 = "fp4";

// bitsandbytes computes with these, whatever table lies beside the weight.
constexpr std::array<float, 16> kNf4Values = {
    -1.0f,         -0.69619280f, -0.52507305f, -0.39491749f, -0.28444138f, -0.18477343f,
    -0.091050036f, 0.0f,         0.079580300f, 0.16093020f,  0.24611230f,  0.33791524f,
    0.44070983f,   0.56261700f,  0.72295684f,  1.0f};
constexpr std::array<float, 16> kFp4Values = {
    0,     0.0625f / 12,  8.0f / 12,  1,  4.0f / 12,  6.0f / 12,  2.0f / 12,  3.0f / 12,
    -0.0f, -0.0625f / 12, -8.0f / 12, -1, -4.0f / 12, -6.0f / 12, -2.0f / 12, -3.0f / 12};

// What the tensor beside a weight says of it in JSON.
struct QuantState {
  std::vector<std::int64_t> shape;
  std::int64_t block_size = 0;
  std::int64_t nested_block_size = 0;  // 0: the magnitudes are not quantised
  float nested_offset = 0;
};

class QuantStateReader {
 public:
  explicit QuantStateReader(const StoredTensor& tensor) : tensor_(tensor) {
    if (!tensor.is("U8")) tensor.fail("its type is " + tensor.raw.type + " where U8 is expected");
    constexpr std::size_t kMaxValues = 100;
    const std::string_view text(reinterpret_cast<const char*>(tensor.raw.bytes.data()),
                                tensor.raw.bytes.size());
    try {
      json_ = parse_json<nlohmann::json>(tensor.name, "JSON", text, kMaxValues);
    } catch (const FileError& error) {
      throw std::invalid_argument(std::string("tensor ") + error.what());
    }
    if (!json_.is_object()) tensor.fail("is not an object in JSON");
  }

  QuantState read(std::string_view type) const {
    const nlohmann::json& found = field("quant_type");
    if (found != type) tensor_.fail("its quant_type is not " + std::string(type));
    QuantState state;
    const nlohmann::json& shape = field("shape");
    if (!shape.is_array() || shape.size() != 2) tensor_.fail("its shape is not that of a matrix");
    for (const nlohmann::json& side : shape)
      state.shape.push_back(count(side, "shape", kMaxMatrixSide));
    state.block_size = count(field("blocksize"), "blocksize", kMaxBlockSize);
    if (!json_.contains("nested_blocksize")) return state;
    state.nested_block_size = count(field("nested_blocksize"), "nested_blocksize", kMaxBlockSize);
    const nlohmann::json& offset = field("nested_offset");
    if (!offset.is_number()) tensor_.fail("its nested_offset is not a number");
    state.nested_offset = offset.get<float>();
    if (!std::isfinite(state.nested_offset)) tensor_.fail("its nested_offset is not finite");
    return state;
  }

 private:
  const nlohmann::json& field(const char* key) const {
    const auto found = json_.find(key);
    if (found == json_.end()) tensor_.fail(std::string("its ") + key + " is missing");
    return *found;
  }

  std::int64_t count(const nlohmann::json& number, const char* key, std::int64_t max) const {
    if (!number.is_number_unsigned() || number.get<std::uint64_t>() < 1 ||
        number.get<std::uint64_t>() > static_cast<std::uint64_t>(max)) {
      tensor_.fail(std::string("its ") + key + " holds something other than numbers from 1 to " +
                   std::to_string(max));
    }
    return number.get<std::int64_t>();
  }

  const StoredTensor& tensor_;
  nlohmann::json json_;
};

std::vector<float> table_of(const StoredTensor& tensor, std::int64_t size) {
  tensor.expect("F32", {size});
  return Scales(tensor).all();
}

class BitsAndBytes final : public Quantisation {
 public:
  explicit BitsAndBytes(const ConfigFields& fields) {
    const auto says = [&](const char* key, const char* older) {
      return fields.flag(fields.has(key) ? key : older, false);
    };
    four_bits_ = says("load_in_4bit", "_load_in_4bit");
    eight_bits_ = says("load_in_8bit", "_load_in_8bit");
    if (four_bits_ == eight_bits_) {
      fields.fail("load_in_4bit", "and load_in_8bit: one of them has to be true");
    }
    type_ = fields.text("bnb_4bit_quant_type", kFp4);
    if (type_ != kNf4 && type_ != kFp4) {
      fields.fail("bnb_4bit_quant_type",
                  "'" + type_.substr(0, 120) + "' cannot be read; nf4 and fp4 can");
    }
  }

  void decode(StoredTensors& tensors) const override {
    if (four_bits_) {
      const std::string state = ".quant_state.bitsandbytes__" + type_;
      for (const std::string& weight : tensors.before(state)) four_bits(tensors, weight, state);
    } else {
      for (const std::string& module : tensors.before(".SCB")) eight_bits(tensors, module);
    }
  }

 private:
  void four_bits(StoredTensors& tensors, const std::string& weight,
                 const std::string& state_name) const {
    StoredTensor json = *tensors.take_if_there(weight + state_name);
    const QuantState state = QuantStateReader(json).read(type_);
    FourBitRows::Parts parts = {.method = type_,
                                .shape = state.shape,
                                // Of any type: it is storage for bytes.
                                .codes = tensors.take(weight, json.name),
                                .block_size = state.block_size,
                                .magnitudes = tensors.take(weight + ".absmax", weight)};
    const StoredTensor map = tensors.take(weight + ".quant_map", weight);
    parts.values = type_ == kNf4 ? kNf4Values : kFp4Values;
    const auto near = [](float a, float b) { return std::abs(a - b) < 1e-4f; };
    if (!std::ranges::equal(table_of(map, 16), parts.values, near)) {
      map.fail("is not the table of " + type_);
    }
    parts.others.push_back(std::move(json));
    if (state.nested_block_size > 0) {
      const StoredTensor nested_map = tensors.take(weight + ".nested_quant_map", weight);
      parts.others.push_back(nested_map);
      parts.nested = {.values = table_of(nested_map, 256),
                      .scales = tensors.take(weight + ".nested_absmax", weight),
                      .block_size = state.nested_block_size,
                      .offset = state.nested_offset};
    }
    tensors.add(weight, state.shape, std::make_shared<FourBitRows>(std::move(parts)));
  }

  // Scales are the largest magnitudes of rows, which level 127 stands for.
  static void eight_bits(StoredTensors& tensors, const std::string& module) {
    const std::string weight = module + ".weight";
    StoredTensor scales = *tensors.take_if_there(module + ".SCB");
    ScaledRows::Parts parts = {.method = "int8 of bitsandbytes",
                               .levels = tensors.take(weight, scales.name),
                               .table = &signed_byte_levels(),
                               .scales = std::move(scales),
                               .factor = 1 / 127.0f};
    if (!parts.levels.is("I8") || parts.levels.raw.shape.size() != 2) {
      parts.levels.fail("is not a matrix of I8");
    }
    // 0: row after row; others are orders of some GPUs' own.
    if (const auto format = tensors.take_if_there(module + ".weight_format")) {
      if (!format->is("U8") || format->size() != 1 || format->raw.bytes[0] != std::byte{0}) {
        format->fail("is not that of rows");
      }
    }
    parts.shape = parts.levels.raw.shape;
    parts.block_columns = parts.shape[1];
    const std::vector<std::int64_t> shape = parts.shape;
    tensors.add(weight, shape, std::make_shared<ScaledRows>(std::move(parts)));
  }

  bool four_bits_ = false;
  bool eight_bits_ = false;
  std::string type_;
};

}  // namespace

std::shared_ptr<const Quantisation> read_bitsandbytes(const ConfigFields& fields) {
  return std::make_shared<BitsAndBytes>(fields);
}

}  // namespace azimuth
