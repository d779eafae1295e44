#pragma once

#include <span>
#include <string>
#include <string_view>

#include "azimuth/audit.h"
#include "azimuth/comparison.h"
#include "azimuth/observation.h"
#include "azimuth/quantisation_evaluation.h"

namespace azimuth {

/// A picture of a run, as one SVG of 1200 × 520 that needs nothing else: the norms by block of the
/// last observation with its stages, explosion and decay blocks, and the angles to the base and to
/// the previous snapshot, with the state, by step. Where no observation has an angle or a state,
/// the norms have all the room.
///
///     std::ofstream("run.svg") << azimuth::draw_run(observations);
///
/// `observations` are of one run, oldest first, and may be none. Numbers that are not finite are
/// left out. Names may hold anything: they are escaped. Thread-safe; throws nothing but
/// std::bad_alloc.
std::string draw_run(std::span<const Observation> observations);

/// A picture of one model, of the same kind: its norms by block, and beside them the angle of each
/// block's singular direction to the direction that hidden states really have there (the paper's
/// two figures). Where no singular direction was computed, the norms have all the room. Of an
/// observation with a text two panels stand below: its directions by block, and its tokens, a dot
/// each. `title` is what the model is called.
std::string draw_model(const Observation& observation, std::string_view title);

/// A heat map of the angles between models (the paper's figure), dark where they share a direction,
/// with p-values where there is room.
std::string draw_comparison(const Comparison& comparison);

/// The perplexity of each set of matrices that was measured, a dot between what float and what
/// round-to-nearest have, which are lines; with the share that comes back. Below, where it was
/// measured, perplexity by the number kept, in the advice's order and in that of measuring.
std::string draw_quantisation(const QuantisationEvaluation& evaluation, std::string_view title);

/// Of an audit, each a square SVG for a page: the matches of one test, release's order against the
/// base's, a diagonal where one was made from the other.
std::string draw_matching(const OrderTest& test);

/// Which blocks of the release hold the tested blocks of the base: dark where neurons agree, or are
/// in order where there is no share.
std::string draw_block_pairs(std::span<const BlockPair> pairs);

/// How far embeddings lie along the high-norm direction, a dot a token.
std::string draw_vocabulary(std::span<const VocabularyPoint> vocabulary);

}  // namespace azimuth
