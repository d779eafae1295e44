#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "azimuth/observation.h"

namespace azimuth {

/// The high-norm direction of a model with what is needed to compare it.
struct Signature {
  std::int32_t schema_version = kSchemaVersion;
  ModelInfo model;
  ProbeInfo probe;
  std::vector<StageObservation> stages;
  std::vector<BlockObservation> blocks;
  std::int32_t primary_stage = -1;
  std::vector<float> direction;
  double noise_floor_degrees = kNotApplicable;
  double created = 0;                 ///< seconds since 1970-01-01 UTC
  std::vector<std::string> warnings;  ///< as in the observation
  std::string digest;  ///< SHA-256 over all other fields, in the file's encoding; set by the file
};

/// The signature that an observation amounts to.
Signature signature_of(const Observation& observation, double noise_floor_degrees);

}  // namespace azimuth
