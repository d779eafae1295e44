#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "azimuth/workers.h"

/// What the machine can do, measured beside what it is asked to do.
namespace azimuth::bench {

/// The least time of several. Seconds.
double best_of(int times, const std::function<void()>& work);

/// A matrix of rows × inputs times one of inputs × columns.
struct Product {
  std::int64_t rows = 0;
  std::int64_t inputs = 0;
  std::int64_t columns = 0;
};

/// All products, one after another, by LibTorch's sgemm on LibTorch's threads, of float32 matrices
/// that are there already.
double sgemm_seconds(const std::vector<Product>& products);

/// Reading every byte once.
double read_seconds(std::span<const std::byte> bytes, Workers& workers);

}  // namespace azimuth::bench
