#include "azimuth/perplexity.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>

namespace azimuth {
namespace {

// By the definition, a number at a time.
double expected(const torch::Tensor& logits, const torch::Tensor& ids) {
  double loss = 0;
  for (std::int64_t t = 0; t + 1 < ids.size(1); ++t) {
    double sum = 0;
    for (std::int64_t v = 0; v < logits.size(2); ++v) {
      sum += std::exp(logits[0][t][v].item<double>());
    }
    loss += std::log(sum) - logits[0][t][ids[0][t + 1].item<std::int64_t>()].item<double>();
  }
  return loss;
}

TEST(Perplexity, IsThatOfItsDefinition) {
  torch::manual_seed(1);
  const torch::Tensor logits = 3 * torch::randn({1, 70, 5});  // more rows than are summed at once
  const torch::Tensor ids = torch::randint(0, 5, {1, 70}, torch::kInt64);
  const torch::Tensor more = torch::randn({1, 3, 5});
  const torch::Tensor more_ids = torch::tensor({{4, 0, 2}}, torch::kInt64);
  Perplexity perplexity;
  EXPECT_TRUE(std::isnan(perplexity.value()));
  perplexity.add(logits, ids);
  EXPECT_NEAR(perplexity.value(), std::exp(expected(logits, ids) / 69), 1e-4);
  perplexity.add(more, more_ids);
  EXPECT_EQ(perplexity.tokens(), 71);
  const double both = expected(logits, ids) + expected(more, more_ids);
  EXPECT_NEAR(perplexity.value(), std::exp(both / 71), 1e-4);
}

}  // namespace
}  // namespace azimuth
