#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "azimuth/tensor_view.h"
#include "hugging_face/config_fields.h"
#include "quantised/stored_tensors.h"

namespace azimuth {

/// How a checkpoint stores its weights, as the `quantization_config` of its config.json says.
/// Which of them are stored so the tensors say: those that are left as they are (`ignore`,
/// `modules_to_not_convert`) have one of a type that is read, and no pieces beside it.
class Quantisation {
 public:
  virtual ~Quantisation() = default;

  /// Puts one matrix in the place of the pieces of each weight, under the weight's plain name, and
  /// takes out what belongs to activations, which are not quantised here. Throws
  /// std::invalid_argument, naming the tensor: a piece that is missing, has another type or shape
  /// than the others and the configuration ask for, or holds a number that it cannot hold.
  virtual void decode(StoredTensors& tensors) const = 0;

  /// Whether the weight of a linear layer may lie there as plain numbers. So it may where
  /// Transformers takes it as it is, whatever the configuration says of it: FP8,
  /// compressed-tensors, bitsandbytes and MXFP4. AWQ and GPTQ have layers of another kind in its
  /// place, which take nothing of that name and are left without weights: there it must be left out
  /// by name.
  virtual bool may_be_plain(std::string_view) const { return true; }
};

/// Null: there is none. Throws FileError, naming the key: a method that is not known here, or a
/// value that changes what the numbers mean and is not supported.
std::shared_ptr<const Quantisation> read_quantisation(const ConfigFields& quantisation);

/// `Quantisation::decode`, after which no piece may be left over. Throws std::invalid_argument.
NamedTensors decode_quantised(const Quantisation& quantisation, NamedTensors tensors);

/// Of each method.
std::shared_ptr<const Quantisation> read_fp8(const ConfigFields& fields);
std::shared_ptr<const Quantisation> read_compressed_tensors(const ConfigFields& fields);
std::shared_ptr<const Quantisation> read_bitsandbytes(const ConfigFields& fields);
std::shared_ptr<const Quantisation> read_awq(const ConfigFields& fields);
std::shared_ptr<const Quantisation> read_gptq(const ConfigFields& fields);
std::shared_ptr<const Quantisation> read_mxfp4(const ConfigFields& fields);

/// A block size or a size of groups, and a side of a matrix.
constexpr std::int64_t kMaxBlockSize = 1 << 24;
constexpr std::int64_t kMaxMatrixSide = 1ll << 31;

/// Takes out what stands beside a weight for the model's activations or its cache, whose scales
/// change nothing that is stored.
void take_scales_of_activations(StoredTensors& tensors);

}  // namespace azimuth
