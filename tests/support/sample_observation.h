#pragma once

#include "azimuth/observation.h"

namespace azimuth::testing {

/// An observation of a model with hidden size 4 and two blocks in which every field has a value of
/// its own, so that a field that is lost or swapped is seen.
inline Observation sample_observation(std::int64_t sequence = 3) {
  Observation o;
  o.run = "sample-run";
  o.attempt = 2;
  o.sequence = sequence;
  o.step = 10 * sequence;
  o.time = 1'700'000'000.25 + static_cast<double>(sequence);
  o.loss = 3.5;
  o.model = {"llama", 4, 12, 2, 100, 12345, "digest", "fingerprint", "rounded"};
  o.probe = {{1, 50, 99}, {1}, {50, 99}, ReferenceNorm::activations, {{7, 8}, {11.0, 12.0}}};
  for (int block = 0; block <= 2; ++block) {
    BlockObservation b;
    b.block = block;
    b.stage = block == 2 ? 0 : -1;
    b.norms = {1.0 + block, 200.0 + block, 300.0 + block};
    b.reference_norm = 1.5 + block;
    b.ratio_max = 100.0 + block;
    b.high_norm_count = block;
    if (block == 2) {
      b.growth = 20;
      b.gain = 19;
      b.concentration = 0.99;
      b.angle_to_primary = 0.5;
      b.singular = {{30, 3}, 1.5, 2.5, {1e-6, 2e-6}, true, 20};
      b.ffn = {{9, 2}, {90, 20}, {8, 7}, 0.7};
      b.rayleigh = -0.75;
      b.eigen = {-0.9, 0.1, 3.5, 1e-7, true};
      b.spectral_reason = "a <reason>";
      b.spectral_experts = {1, 5};
      b.gain_error = -0.25;
    }
    o.blocks.push_back(b);
  }
  o.stages = {{2, 2, {{2, 20.0}}, {{3, 0.5}}, 102.0, 0.995, 0.25, 0.75, 1.1, {0.6f, 0, 0, 0.8f}}};
  o.primary_stage = 0;
  o.direction = o.stages[0].direction;
  o.provisional = true;
  o.angles = {{"previous", 0.125, 0.01, 20}, {"base", 1.25, 0.02, 0}};
  o.state = State::stable;
  o.state_since_step = 15;
  o.events = {{"state_changed", 30, "settling to stable", 1.0}};
  o.nonfinite = NonfiniteTensor{"w", 2, true};
  o.loss_is_nan = true;
  o.absence = "ABSENT: sample";
  o.base_absent = true;
  o.text =
      TextObservation{.ids_digest = "text digest",
                      .sequences = 3,
                      .length = 512,
                      .first_token_id = 1,
                      .perplexity = 15.5,
                      .blocks = {{2, 1.25, 3, 4, 200, 150, 20, 0.5, 1.5, 2.5}},
                      .stages = {{7, 0.99, 0.75, {0.6f, 0, 0, 0.8f}}},
                      .initial_tokens = {{50, "a", 3, 2, 120, 2, 3, 11, 4, 90, 80}},
                      .other_tokens = {{8, "<.>", 9, 5, 110, 1, 2, 12, 1, 95, 85}, {7, ",", 6}},
                      .types = {2, 3, 1, 0.5, 1.0 / 3},
                      .occurrences = {15, 8, 5, 1.0 / 3, 0.625}};
  o.cost = {0.01, 0.2, 0.3, 0.004, 4096};
  return o;
}

}  // namespace azimuth::testing
