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
