#pragma once

#include "azimuth/progress.h"

namespace azimuth::testing {

/// Ends work when it is asked for the `at`-th time.
class CancelAt : public Progress {
 public:
  explicit CancelAt(int at) : at_(at) {}
  bool cancelled() override { return ++asked_ == at_; }
  int asked() const { return asked_; }

 private:
  int at_;
  int asked_ = 0;
};

}  // namespace azimuth::testing
