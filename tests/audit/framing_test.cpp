#include <gtest/gtest.h>

#include "azimuth/audit.h"
#include "embedding_fit.h"
#include "support/audited_model.h"

namespace azimuth {
namespace {

using testing::AuditedModel;

// An owner of an unrelated base holds the release, and changes his base until it looks like the
// release's origin, function and all.

Audit audited_framed(const AuditedModel& base, const AuditedModel& release) {
  Workers workers(1);
  return audit(base.weights(), release.weights(), {}, workers);
}

// The share is what an owner cannot make who permutes his base after the release was seen.
TEST(FramedBase, ThatWasPermutedIsNotBelieved) {
  AuditedModel release(2);
  const Audit a = audited_framed(AuditedModel(1).frame(release), release);
  EXPECT_LT(a.log10_corrected_p, -20);
  EXPECT_LT(a.share, 0.06);
  EXPECT_EQ(a.verdict, Verdict::inconclusive);
}

// A base that was turned, function and all, until rows of its neurons lie as the release's do, and
// then permuted: only its embeddings tell, which turned with it.
TEST(FramedBase, ThatWasTurnedIsNotBelieved) {
  AuditedModel release(2, 64);
  AuditedModel base(1, 64);
  base.turn_onto(release, 13).frame(release);
  const Audit a = audited_framed(base, release);
  EXPECT_TRUE(a.embeddings.aligned);
  EXPECT_LT(a.log10_corrected_p, -20);
  EXPECT_LT(a.share, kNoMatchShare);
  EXPECT_EQ(a.verdict, Verdict::inconclusive);
}

/// The map that an audit of the two finds.
Eigen::MatrixXf found_map(const AuditedModel& base, const AuditedModel& release) {
  Workers workers(1);
  return fit_embeddings(base.weights(), release.weights(), workers).map;
}

// Neurons that add nothing may be put into a base, in the release's order, so that both of their
// vectors find the release's: more than half of all neurons then agree.
TEST(FramedBase, NeuronsWithoutEffectDoNotCount) {
  AuditedModel release(2);
  struct Scales {
    float gate, up, down;
  };
  for (const Scales& s :
       {Scales{1, 1, 0}, Scales{1, 1, 1e-4f}, Scales{1, 1e-5f, 10}, Scales{1e-5f, 10, 1}}) {
    AuditedModel base(1);
    base.add_neurons(release, found_map(base, release), s.gate, s.up, s.down);
    const Audit a = audited_framed(base, release);
    EXPECT_GT(a.log10_corrected_p, -6) << s.gate << " " << s.up << " " << s.down;
    EXPECT_LT(a.share, kNoMatchShare);
    EXPECT_EQ(a.verdict, Verdict::no_match);
    for (const NeuronShare& share : a.shares) EXPECT_EQ(share.neurons, AuditedModel::ffn);
  }
  // With an effect they do, which nobody can tell from neurons that the release took.
  AuditedModel effective(1);
  effective.add_neurons(release, found_map(effective, release), 1, 1, 1);
  EXPECT_EQ(audited_framed(effective, release).verdict, Verdict::match);
}

// Blocks may have other numbers of neurons that count.
TEST(FramedBase, TheShareIsOfNeuronsWithAnEffect) {
  AuditedModel base(1);
  base.tensor(AuditedModel::at(0, "mlp.down_proj")).leftCols(100).setZero();
  const Audit a = audited_framed(base, base);
  ASSERT_EQ(a.shares.size(), 3u);
  EXPECT_EQ(a.shares[0].neurons, 28);
  EXPECT_EQ(a.shares[0].agreeing, 28);
  EXPECT_EQ(a.shares[0].share, 1);
  EXPECT_EQ(a.shares[1].neurons, AuditedModel::ffn);
}

// Without embeddings that correspond Gram matrices find them, and the share does not.
TEST(FramedBase, NeuronsWithoutEffectDoNotCountInTheMapOfNeurons) {
  AuditedModel release(2);
  AuditedModel base(1);
  std::vector<int> own, theirs;
  for (int i = 0; i < AuditedModel::ffn; ++i) (i < 4 ? own : theirs).push_back(i);
  AuditedModel added(2);
  for (int b = 0; b < AuditedModel::blocks; ++b) {
    base.take_neurons(b, own);
    added.take_neurons(b, theirs);
  }
  base.add_neurons(added, Eigen::MatrixXf::Identity(base.hidden(), base.hidden()), 1, 1, 0);
  const Audit a = audited_framed(base, release.replace_embeddings().rotate());
  EXPECT_LT(a.grams->log10_corrected_p, -6);
  // Of its four own neurons one may agree by chance.
  for (const NeuronShare& share : a.shares) EXPECT_LT(share.agreeing, kBelievedNeurons);
  EXPECT_EQ(a.verdict, Verdict::inconclusive);
}

}  // namespace
}  // namespace azimuth
