#include "azimuth/signature.h"

namespace azimuth {

Signature signature_of(const Observation& observation, double noise_floor_degrees) {
  Signature signature;
  signature.model = observation.model;
  signature.probe = observation.probe;
  signature.stages = observation.stages;
  signature.blocks = observation.blocks;
  signature.primary_stage = observation.primary_stage;
  signature.direction = observation.direction;
  signature.noise_floor_degrees = noise_floor_degrees;
  signature.created = observation.time;
  signature.warnings = observation.warnings;
  return signature;
}

}  // namespace azimuth
