#include "checkpoint_keeper.h"

#include <string>

namespace azimuth::examples {

void CheckpointKeeper::save(std::int64_t step) {
  if (changed_) return;
  std::filesystem::create_directories(folder_);
  const auto path = folder_ / ("step-" + std::to_string(step) + ".pt");
  const auto unfinished = folder_ / "unfinished.pt";  // a kill leaves no half of a checkpoint
  write_(unfinished);
  std::filesystem::rename(unfinished, path);
  kept_.emplace_back(step, path);
  if (kept_.size() <= kKept) return;
  std::filesystem::remove(kept_.front().second);
  kept_.pop_front();
}

std::filesystem::path CheckpointKeeper::direction_changed(std::int64_t step) {
  changed_ = true;
  while (!kept_.empty() && kept_.back().first >= step) {
    std::filesystem::remove(kept_.back().second);
    kept_.pop_back();
  }
  return kept_.empty() ? std::filesystem::path() : kept_.back().second;
}

}  // namespace azimuth::examples
