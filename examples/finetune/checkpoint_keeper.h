#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <utility>

namespace azimuth::examples {

/// Keeps the newest checkpoints of a training in a folder, "step-40.pt", and once its direction has
/// changed the last of them from before.
class CheckpointKeeper {
 public:
  using Write = std::function<void(const std::filesystem::path&)>;

  /// Snapshots are analysed while training goes on: before a change is known, checkpoints from
  /// after it are written. As many may be as are kept, less one.
  static constexpr std::size_t kKept = 4;

  /// `write` writes a checkpoint of the weights as they are.
  CheckpointKeeper(std::filesystem::path folder, Write write)
      : folder_(std::move(folder)), write_(std::move(write)) {}

  /// Nothing any more once the direction has changed.
  void save(std::int64_t step);

  /// Removes what was saved at `step` or later. Gives the newest that is left; empty: none.
  std::filesystem::path direction_changed(std::int64_t step);

 private:
  std::filesystem::path folder_;
  Write write_;
  std::deque<std::pair<std::int64_t, std::filesystem::path>> kept_;
  bool changed_ = false;
};

}  // namespace azimuth::examples
