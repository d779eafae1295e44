#include <memory>
#include <utility>

#include "hugging_face/quantisation.h"
#include "quantised/mxfp4_rows.h"

// https://huggingface.co/docs/transformers/quantization/mxfp4
namespace azimuth {
namespace {

class Mxfp4 final : public Quantisation {
 public:
  void decode(StoredTensors& tensors) const override {
    for (const std::string& name : tensors.before("_blocks")) {
      StoredTensor blocks = *tensors.take_if_there(name + "_blocks");
      StoredTensor exponents = tensors.take(name + "_scales", blocks.name);
      auto rows = std::make_shared<Mxfp4Rows>(std::move(blocks), std::move(exponents));
      const std::vector<std::int64_t> shape = rows->shape();
      tensors.add(name, shape, std::move(rows));
    }
  }
};

}  // namespace

std::shared_ptr<const Quantisation> read_mxfp4(const ConfigFields&) {
  return std::make_shared<Mxfp4>();
}

}  // namespace azimuth
