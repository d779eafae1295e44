#pragma once

#include "azimuth/observation.h"
#include "support/sample_observation.h"

namespace azimuth::testing {

/// The signature of the model of `sample_observation`, which may be written to a file.
inline Signature sample_signature() {
  const Observation observation = sample_observation();
  Signature s;
  s.model = observation.model;
  s.probe = observation.probe;
  s.stages = observation.stages;
  s.stages[0].decay_blocks = {{2, 0.5}};
  s.blocks = observation.blocks;
  s.primary_stage = observation.primary_stage;
  s.direction = observation.direction;
  s.noise_floor_degrees = 0.03125;
  s.created = 1'700'000'100.5;
  return s;
}

}  // namespace azimuth::testing
