#pragma once

namespace azimuth {

/// The clocks that Azimuth reads, in seconds. Replace it to test what depends on time. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual double monotonic_seconds() const;
  virtual double unix_seconds() const;  ///< since 1970-01-01 UTC
  /// CPU seconds that the calling thread has used.
  virtual double thread_cpu_seconds() const;
};

}  // namespace azimuth
