#include "azimuth/lineage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>
#include <vector>

#include "support/audited_model.h"

namespace azimuth {
namespace {

using testing::AuditedModel;
using ::testing::ElementsAre;

Lineage lineage_of(const std::vector<ModelWeights>& weights) {
  std::vector<AuditedWeights> models(weights.begin(), weights.end());
  std::vector<std::string> names;
  for (std::size_t i = 0; i < weights.size(); ++i) names.push_back(std::to_string(i));
  Workers workers;
  return lineage(names, models, 1e-6, workers);
}

// Noise of one model is the same draw each time, unless something else was drawn before.
// Two fine-tunes of model 1, one of them fine-tuned again and disguised; model 4 has nothing to do
// with them.
TEST(Lineage, FindsFamiliesAndTheirTrees) {
  const Lineage l = lineage_of({AuditedModel(1).add_noise(0.1f).weights(),
                                AuditedModel(4).weights(), AuditedModel(1).weights(),
                                AuditedModel(1).permute_values().add_noise(0.2f).rotate().weights(),
                                AuditedModel(1).add_noise(0.1f).add_noise(0.3f).weights()});
  EXPECT_EQ(l.audits, 20);
  ASSERT_EQ(l.families.size(), 2u);
  EXPECT_THAT(l.families[1].members, ElementsAre(1));
  EXPECT_TRUE(l.families[1].edges.empty());

  const LineageFamily& family = l.families[0];
  EXPECT_THAT(family.members, ElementsAre(0, 2, 3, 4));
  // 3 – 2 – 0 – 4, whose centre is 0 or 2.
  ASSERT_EQ(family.edges.size(), 3u);
  std::vector<std::pair<std::size_t, std::size_t>> links;
  for (const LineageEdge& edge : family.edges) {
    links.emplace_back(std::min(edge.parent, edge.child), std::max(edge.parent, edge.child));
    EXPECT_GT(edge.confidence, 0.95);
    EXPECT_GE(edge.direction_confidence, 0.5);
  }
  EXPECT_THAT(links,
              ::testing::UnorderedElementsAre(std::pair(0, 2), std::pair(2, 3), std::pair(0, 4)));
  EXPECT_TRUE(family.root == 0 || family.root == 2);

  // Of noise that is independent of a row, the cosine is 1 / sqrt(1 + the ratio of variances).
  EXPECT_NEAR(l.degrees[0 * 5 + 2], std::atan(0.1) * 180 / M_PI, 0.3);
  EXPECT_NEAR(l.degrees[2 * 5 + 3], std::atan(0.2) * 180 / M_PI, 0.6);
  EXPECT_EQ(l.degrees[2 * 5 + 3], l.degrees[3 * 5 + 2]);
  EXPECT_EQ(l.degrees[0], 0);
  // One order is enough where it matches.
  EXPECT_EQ(l.verdicts[0 * 5 + 2], Verdict::match);
  EXPECT_EQ(l.verdicts[2 * 5 + 0], std::nullopt);
  EXPECT_EQ(l.verdicts[0 * 5 + 1], Verdict::no_match);
  EXPECT_EQ(l.verdicts[1 * 5 + 0], Verdict::no_match);
}

TEST(Lineage, OfTwoModelsNothingSaysWhichCameFirst) {
  const Lineage l =
      lineage_of({AuditedModel(1).weights(), AuditedModel(1).add_noise(0.1f).weights()});
  ASSERT_EQ(l.families.size(), 1u);
  ASSERT_EQ(l.families[0].edges.size(), 1u);
  EXPECT_EQ(l.families[0].edges[0].direction_confidence, 0.5);
  EXPECT_EQ(l.families[0].edges[0].confidence, 1);
}

TEST(Lineage, AStarsChildrenPointAwayFromItsCentre) {
  const Lineage l =
      lineage_of({AuditedModel(1).add_noise(0.2f).weights(), AuditedModel(1).weights(),
                  AuditedModel(1).permute_values().add_noise(0.2f).weights(),
                  AuditedModel(1).permute_values().permute_values().add_noise(0.2f).weights()});
  ASSERT_EQ(l.families.size(), 1u);
  EXPECT_EQ(l.families[0].root, 1u);
  ASSERT_EQ(l.families[0].edges.size(), 3u);
  for (const LineageEdge& edge : l.families[0].edges) {
    EXPECT_EQ(edge.parent, 1u);
    EXPECT_EQ(edge.direction_confidence, 0.75);
  }
}

TEST(Lineage, RefusesWhatIsNoPair) {
  const ModelWeights weights = AuditedModel(1).weights();
  const std::vector<AuditedWeights> one = {weights};
  const std::vector<AuditedWeights> two = {weights, weights};
  Workers workers;
  EXPECT_THROW(lineage({"a"}, one, 1e-6, workers), std::invalid_argument);
  EXPECT_THROW(lineage({"a"}, two, 1e-6, workers), std::invalid_argument);
}

}  // namespace
}  // namespace azimuth
