#include <optional>
#include <span>
#include <stdexcept>
#include <string>

#include "azimuth/proto_conversion.h"

namespace azimuth {
namespace {

v1::Verdict verdict_to_proto(Verdict verdict) {
  switch (verdict) {
    case Verdict::match:
      return v1::VERDICT_MATCH;
    case Verdict::match_empirical:
      return v1::VERDICT_MATCH_EMPIRICAL;
    case Verdict::no_match:
      return v1::VERDICT_NO_MATCH;
    case Verdict::inconclusive:
      return v1::VERDICT_INCONCLUSIVE;
  }
  throw std::invalid_argument("unknown verdict");
}

void convert(const FfnPlace& in, v1::FfnPlace& out) {
  out.set_block(in.block);
  out.set_expert(in.expert);
}

void convert(const OrderTest& in, v1::OrderTest& out) {
  out.set_test(std::string(in.test));
  out.set_count(in.count);
  out.set_made(in.made);
  out.set_no_p(in.no_p);
  convert(in.base, *out.mutable_base());
  convert(in.release, *out.mutable_release());
  out.set_mapped(in.mapped);
  out.set_matched(in.matched);
  out.set_in_order(in.in_order);
  out.set_log10_p(in.log10_p);
  out.set_log10_corrected_p(in.log10_corrected_p);
  for (const RowPair& pair : in.pairs) {
    out.add_base_rows(pair.base);
    out.add_release_rows(pair.release);
  }
}

void convert(const GramPair& in, v1::GramPair& out) {
  convert(in.base, *out.mutable_base());
  convert(in.release, *out.mutable_release());
  out.set_first_alignment(in.first_alignment);
  out.set_second_alignment(in.second_alignment);
  out.set_p(in.p);
}

void convert(const BlockPair& in, v1::BlockPair& out) {
  out.set_base_block(in.base_block);
  out.set_release_block(in.release_block);
  out.set_matched(in.matched);
  out.set_in_order(in.in_order);
  out.set_share(in.share);
}

v1::DirectionStatus status_to_proto(DirectionStatus status) {
  switch (status) {
    case DirectionStatus::compared:
      return v1::DIRECTION_STATUS_COMPARED;
    case DirectionStatus::signature_absent:
      return v1::DIRECTION_STATUS_SIGNATURE_ABSENT;
    case DirectionStatus::other_hidden_size:
      return v1::DIRECTION_STATUS_OTHER_HIDDEN_SIZE;
  }
  return v1::DIRECTION_STATUS_UNSPECIFIED;
}

void convert(const DirectionFigures& in, v1::DirectionFigures& out) {
  out.mutable_explosion_blocks()->Assign(in.explosion_blocks.begin(), in.explosion_blocks.end());
  out.mutable_decay_blocks()->Assign(in.decay_blocks.begin(), in.decay_blocks.end());
  out.set_peak_ratio(in.peak_ratio);
  out.set_singular_ratio(in.singular_ratio);
  out.set_decay_eigenvalue(in.decay_eigenvalue);
  out.set_absence(in.absence);
}

void convert(const DirectionEvidence& in, v1::DirectionEvidence& out) {
  out.set_base_has_signature(in.base_has_signature);
  out.set_release_has_signature(in.release_has_signature);
  convert(in.base, *out.mutable_base());
  convert(in.release, *out.mutable_release());
  out.set_degrees(in.degrees);
  out.set_p(in.p);
  out.set_resolution(in.resolution);
  out.set_vocabulary_correlation(in.vocabulary_correlation);
  for (const VocabularyPoint& point : in.vocabulary) {
    out.add_vocabulary_base(point.base);
    out.add_vocabulary_release(point.release);
  }
  out.set_map_agreement(in.map_agreement);
}

void convert(const NeuronShare& in, v1::NeuronShare& out) {
  convert(in.base, *out.mutable_base());
  convert(in.release, *out.mutable_release());
  out.set_mapped(in.mapped);
  out.set_neurons(in.neurons);
  out.set_agreeing(in.agreeing);
  out.set_share(in.share);
  out.set_cosine(in.cosine);
  out.set_control(in.control);
  out.set_neuron_map(in.neuron_map);
}

void convert(const EmbeddingAlignment& in, v1::EmbeddingAlignment& out) {
  out.set_by_string(in.by_string);
  out.set_shared_tokens(in.shared_tokens);
  out.set_fitted_tokens(in.fitted_tokens);
  out.set_similarity(in.similarity);
  out.set_aligned(in.aligned);
}

void convert(const GramTest& in, v1::GramTest& out) {
  out.set_no_p(in.no_p);
  out.set_orders(in.orders);
  for (const GramPair& pair : in.pairs) convert(pair, *out.add_pairs());
  out.set_log10_p(in.log10_p);
  out.set_log10_corrected_p(in.log10_corrected_p);
}

}  // namespace

v1::Audit to_proto(const Audit& in) {
  v1::Audit out;
  out.set_verdict(verdict_to_proto(in.verdict));
  *out.mutable_base() = to_proto(in.base);
  *out.mutable_release() = to_proto(in.release);
  out.set_rate(in.rate);
  out.set_bases(in.bases);
  out.set_thorough(in.thorough);
  out.set_nonfinite(in.nonfinite);
  out.set_tests(in.tests);
  out.set_log10_corrected_p(in.log10_corrected_p);
  for (const OrderTest& test : in.exact) convert(test, *out.add_exact());
  for (const NeuronShare& share : in.shares) convert(share, *out.add_shares());
  out.set_share(in.share);
  convert(in.embeddings, *out.mutable_embeddings());
  for (const BlockPair& pair : in.blocks) convert(pair, *out.add_blocks());
  convert(in.grams.value_or(GramTest()), *out.mutable_grams());
  out.mutable_grams()->set_made(in.grams.has_value());
  convert(in.direction.value_or(DirectionEvidence()), *out.mutable_direction());
  if (in.direction) out.mutable_direction()->set_status(status_to_proto(in.direction->status));
  return out;
}

v1::Audits to_proto(std::span<const Audit> in) {
  v1::Audits out;
  for (const Audit& audit : in) *out.add_audits() = to_proto(audit);
  return out;
}

v1::Lineage to_proto(const Lineage& in) {
  v1::Lineage out;
  out.mutable_names()->Add(in.names.begin(), in.names.end());
  out.set_rate(in.rate);
  out.set_audits(in.audits);
  for (const std::optional<Verdict>& verdict : in.verdicts) {
    out.add_verdicts(verdict ? verdict_to_proto(*verdict) : v1::VERDICT_UNSPECIFIED);
  }
  out.mutable_log10_corrected_p()->Assign(in.log10_corrected_p.begin(), in.log10_corrected_p.end());
  out.mutable_degrees()->Assign(in.degrees.begin(), in.degrees.end());
  for (const LineageFamily& family : in.families) {
    v1::LineageFamily& one = *out.add_families();
    for (const std::size_t member : family.members) {
      one.add_members(static_cast<std::int32_t>(member));
    }
    one.set_root(static_cast<std::int32_t>(family.root));
    for (const LineageEdge& in_edge : family.edges) {
      v1::LineageEdge& edge = *one.add_edges();
      edge.set_parent(static_cast<std::int32_t>(in_edge.parent));
      edge.set_child(static_cast<std::int32_t>(in_edge.child));
      edge.set_degrees(in_edge.degrees);
      edge.set_confidence(in_edge.confidence);
      edge.set_direction_confidence(in_edge.direction_confidence);
    }
  }
  return out;
}

}  // namespace azimuth
