#pragma once

#include <span>
#include <string>

#include "azimuth/audit.h"
#include "azimuth/comparison.h"
#include "azimuth/lineage.h"
#include "azimuth/observation.h"
#include "azimuth/quantisation_advice.h"
#include "azimuth/quantisation_evaluation.h"
#include "azimuth/signature.h"
#include "azimuth/tracker_state.h"
#include "azimuth/v1/audit.pb.h"
#include "azimuth/v1/comparison.pb.h"
#include "azimuth/v1/lineage.pb.h"
#include "azimuth/v1/observation.pb.h"
#include "azimuth/v1/quantisation.pb.h"
#include "azimuth/v1/signature.pb.h"
#include "azimuth/v1/state.pb.h"

namespace azimuth {

/// Between the core's plain structs and the messages of azimuth.v1, for the wire, the files and
/// JSON. `from_proto(to_proto(x))` is `x`, times to the nanosecond.
///
///     std::string bytes = to_proto(observation).SerializeAsString();
///     std::puts(to_json(observation).c_str());
///
/// All functions may be called from several threads at once.

/// Every sub-message is set. Throws std::out_of_range if a size of the model is negative or above
/// 2^31 - 1. Strings are expected to be UTF-8.
v1::Observation to_proto(const Observation& observation);
v1::Model to_proto(const ModelInfo& model);
v1::Signature to_proto(const Signature& signature);
v1::TrackerState to_proto(const TrackerState& state);
v1::Comparison to_proto(const Comparison& comparison);
v1::Audit to_proto(const Audit& audit);
v1::Audits to_proto(std::span<const Audit> audits);
v1::Lineage to_proto(const Lineage& lineage);
v1::Quantisation to_proto(const ModelInfo& model, const QuantisationAdvice& advice);
v1::QuantisationEvaluation to_proto(const QuantisationEvaluation& evaluation);

/// A sub-message that is not set gives the struct's defaults: NaN where a number does not apply.
/// Throws std::invalid_argument for a state or a reference norm that this version does not know,
/// and where one of a pair of numbers is missing. Does not check anything else: messages of
/// strangers may, for instance, hold directions of any length. (`read_signature` checks.)
Observation from_proto(const v1::Observation& message);
Signature from_proto(const v1::Signature& message);
TrackerState from_proto(const v1::TrackerState& message);

/// Protobuf JSON on one line, with the field names of the .proto files and every field present: NaN
/// is "NaN", 64-bit integers are strings, enums "STATE_STABLE". Throws std::runtime_error if the
/// message holds what JSON cannot, such as a time after the year 9999.
std::string to_json(const google::protobuf::Message& message);
std::string to_json(const Observation& observation);
std::string to_json(const Signature& signature);
std::string to_json(const Comparison& comparison);
std::string to_json(const Audit& audit);
std::string to_json(std::span<const Audit> audits);
std::string to_json(const Lineage& lineage);

}  // namespace azimuth
