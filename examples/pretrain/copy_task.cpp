#include "copy_task.h"

#include <ATen/CPUGeneratorImpl.h>
#include <torch/types.h>

#include <vector>

namespace azimuth::examples {

CopyTask::CopyTask(std::uint64_t seed) : random_(at::make_generator<at::CPUGeneratorImpl>(seed)) {
  torch::Tensor logits = torch::randn({kVocab, kVocab}, random_) * 1.5;
  probabilities_ = logits.softmax(1);
  probabilities_.select(1, kBos).zero_();
}

torch::Tensor CopyTask::next(std::int64_t batch, std::int64_t tokens) {
  std::vector<torch::Tensor> columns = {torch::full({batch}, kBos, torch::kInt64)};
  while (static_cast<std::int64_t>(columns.size()) <= tokens) {
    const torch::Tensor& last = columns.back();
    torch::Tensor drawn =
        probabilities_.index_select(0, last).multinomial(1, true, random_).squeeze(1);
    if (columns.size() > 1) {
      const torch::Tensor is_trigger = (last >= 1) & (last <= kTriggers);
      drawn = torch::where(is_trigger, columns[columns.size() - 2], drawn);
    }
    columns.push_back(drawn);
  }
  return torch::stack(columns, 1);
}

}  // namespace azimuth::examples
