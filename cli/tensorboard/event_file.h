#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace azimuth::cli {

/// A number with the name under which TensorBoard draws it.
struct Scalar {
  std::string tag;
  double value;
};

/// The bytes of an event file of TensorBoard: records of TFRecord, one Event each.
class EventFile {
 public:
  explicit EventFile(double wall_time);

  /// A run was started once more: TensorBoard forgets what it has of `step` and later ones.
  void restart(double wall_time, std::int64_t step);

  /// Those that are not finite are left out: TensorBoard has no place for them in a curve.
  void add(double wall_time, std::int64_t step, std::span<const Scalar> scalars);

  const std::string& bytes() const { return bytes_; }

 private:
  void append(const std::string& event);

  std::string bytes_;
};

}  // namespace azimuth::cli
