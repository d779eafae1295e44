#include <stdexcept>
#include <string>

#include "azimuth/proto_conversion.h"

namespace azimuth {
namespace {

std::string name_of_set(MeasuredSet::Kind kind) {
  using enum MeasuredSet::Kind;
  switch (kind) {
    case all_float:
      return "float";
    case round_to_nearest:
      return "round_to_nearest";
    case advised:
      return "advised";
    case smooth:
      return "smoothquant";
    case smooth_advised:
      return "smoothquant_advised";
    case paper:
      return "explosion_and_decay_blocks";
    case greedy:
      return "greedy";
    case control:
      return "control";
    case all_down:
      return "all_down";
  }
  throw std::invalid_argument("no such set");
}

}  // namespace

v1::Quantisation to_proto(const ModelInfo& model, const QuantisationAdvice& in) {
  v1::Quantisation out;
  *out.mutable_model() = to_proto(model);
  v1::QuantisationAdvice& advice = *out.mutable_advice();
  for (const DownProjection& projection : in.projections) {
    v1::DownProjection& one = *advice.add_projections();
    one.set_block(projection.block);
    one.set_role(std::string(name_of(projection.role)));
    one.set_experts(projection.experts);
    one.set_rank(projection.rank);
    one.set_kept(projection.kept);
    one.set_score(projection.score);
    one.set_explosion_block(projection.explosion_block);
    one.set_decay_block(projection.decay_block);
    one.set_first_peak(projection.first_peak);
    one.set_others_peak(projection.others_peak);
    one.set_typical(projection.typical);
    one.set_outlier_ratio(projection.outlier_ratio);
    one.set_expert(projection.expert);
    one.set_parameters(projection.parameters);
    one.set_kept_as(std::string(name_of(projection.kept_as)));
    one.set_extra_bytes(projection.extra_bytes);
  }
  advice.set_total_score(in.total_score);
  advice.mutable_first_token_ids()->Assign(in.first_token_ids.begin(), in.first_token_ids.end());
  advice.set_nothing_to_keep(in.nothing_to_keep);
  return out;
}

v1::QuantisationEvaluation to_proto(const QuantisationEvaluation& in) {
  v1::QuantisationEvaluation out;
  out.set_weight_bits(in.scheme.weight_bits);
  out.set_per_channel(in.scheme.per_channel);
  out.set_sequences(in.sequences);
  out.set_length(in.length);
  out.set_ids_digest(in.ids_digest);
  out.set_calibration_sequences(in.calibration_sequences);
  out.set_calibration_digest(in.calibration_digest);
  for (const MeasuredSet& set : in.sets) {
    v1::MeasuredSet& one = *out.add_sets();
    one.set_kind(name_of_set(set.kind));
    for (const WeightPlace& place : set.kept) {
      v1::WeightPlace& kept = *one.add_kept();
      kept.set_block(static_cast<std::int32_t>(place.block));
      kept.set_role(std::string(name_of(place.role)));
    }
    one.set_perplexity(set.perplexity);
    one.set_recovered(set.recovered);
    one.set_parameters(set.parameters);
    one.set_bytes(set.bytes);
  }
  out.set_goal(in.goal);
  out.set_measured(in.measured);
  out.mutable_greedy()->Add(in.greedy.begin(), in.greedy.end());
  out.set_no_greedy(in.no_greedy);
  out.mutable_order()->Add(in.order.begin(), in.order.end());
  return out;
}

}  // namespace azimuth
