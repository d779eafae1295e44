#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "azimuth/proto_conversion.h"
#include "proto/sample_signature.h"
#include "support/sample_observation.h"

namespace azimuth {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using testing::sample_observation;
using testing::sample_signature;
using ::testing::UnorderedElementsAre;

std::set<std::string> names(const json& object) {
  std::set<std::string> result;
  for (const auto& [name, field] : object.items()) result.insert(name);
  return result;
}

// What others read: these names are a promise.
const auto kModel = UnorderedElementsAre("architecture", "hidden_size", "ffn_size", "block_count",
                                         "vocab_size", "parameter_count", "weights_digest",
                                         "weights_fingerprint", "bfloat16_digest");
const auto kProbe = UnorderedElementsAre("token_ids", "special_token_ids", "high_norm_token_ids",
                                         "reference", "vocabulary");
const auto kBlock = UnorderedElementsAre("block", "stage", "norms", "reference_norm", "ratio_max",
                                         "high_norm_count", "growth", "gain", "concentration",
                                         "angle_to_primary", "singular", "ffn", "rayleigh", "eigen",
                                         "spectral_reason", "spectral_experts", "gain_error");
const auto kSingular = UnorderedElementsAre("sigma", "angle_to_block_direction", "angle_to_primary",
                                            "residual", "converged", "step");
const auto kFfn =
    UnorderedElementsAre("sigma", "output_norm_plus", "output_norm_minus", "coefficient");
const auto kEigen = UnorderedElementsAre("real", "imaginary", "angle", "residual", "converged");
const auto kStage = UnorderedElementsAre(
    "first_block", "last_block", "explosion_blocks", "decay_blocks", "peak_ratio", "concentration",
    "token_spread_median", "token_spread_max", "participation_ratio", "direction");

void expect_blocks_and_stages(const json& value) {
  EXPECT_THAT(names(value.at("model")), kModel);
  EXPECT_THAT(names(value.at("probe")), kProbe);
  EXPECT_THAT(names(value.at("probe").at("vocabulary")),
              UnorderedElementsAre("exploding_token_ids", "ratio"));
  const json& block = value.at("blocks").at(0);
  EXPECT_THAT(names(block), kBlock);
  EXPECT_THAT(names(block.at("singular")), kSingular);
  EXPECT_THAT(names(block.at("ffn")), kFfn);
  EXPECT_THAT(names(block.at("eigen")), kEigen);
  const json& stage = value.at("stages").at(0);
  EXPECT_THAT(names(stage), kStage);
  EXPECT_THAT(names(stage.at("explosion_blocks").at(0)), UnorderedElementsAre("block", "factor"));
  EXPECT_THAT(names(stage.at("decay_blocks").at(0)), UnorderedElementsAre("block", "factor"));
}

TEST(JsonContract, ObservationHasEveryField) {
  const json value = json::parse(to_json(sample_observation()));
  EXPECT_THAT(names(value),
              UnorderedElementsAre("schema_version", "run", "attempt", "sequence", "step", "time",
                                   "loss", "model", "probe", "blocks", "stages", "primary_stage",
                                   "direction", "provisional", "angles", "state",
                                   "state_since_step", "events", "cost", "warnings", "nonfinite",
                                   "loss_is_nan", "absence", "base_absent", "text"));
  EXPECT_THAT(names(value.at("nonfinite")), UnorderedElementsAre("name", "block", "update"));
  EXPECT_THAT(names(value.at("text")),
              UnorderedElementsAre("ids_digest", "sequences", "length", "first_token_id",
                                   "perplexity", "blocks", "stages", "initial_tokens",
                                   "other_tokens", "types", "occurrences"));
  EXPECT_THAT(names(value.at("text").at("blocks").at(0)),
              UnorderedElementsAre("block", "reference_norm", "high_norm_initial",
                                   "high_norm_others", "initial_norm", "others_norm", "growth",
                                   "angle_to_weights", "singular_angle", "eigen_angle"));
  EXPECT_THAT(names(value.at("text").at("stages").at(0)),
              UnorderedElementsAre("states", "alignment", "angle_to_weights", "direction"));
  for (const char* tokens : {"initial_tokens", "other_tokens"}) {
    EXPECT_THAT(names(value.at("text").at(tokens).at(0)),
                UnorderedElementsAre("id", "spelling", "occurrences", "high_norm", "peak_ratio",
                                     "first_block", "last_block", "ratio_alone", "explosion_block",
                                     "response", "response_alone"));
  }
  for (const char* prediction : {"types", "occurrences"}) {
    EXPECT_THAT(names(value.at("text").at(prediction)),
                UnorderedElementsAre("predicted", "exploded", "both", "precision", "recall"));
  }
  expect_blocks_and_stages(value);
  EXPECT_THAT(names(value.at("angles").at(0)),
              UnorderedElementsAre("reference", "degrees", "noise_floor_degrees", "step"));
  EXPECT_THAT(names(value.at("events").at(0)),
              UnorderedElementsAre("kind", "step", "message", "value"));
  EXPECT_THAT(names(value.at("cost")),
              UnorderedElementsAre("training_thread_seconds", "analysis_cpu_seconds",
                                   "analysis_wall_seconds", "overhead_ratio", "peak_extra_bytes"));
}

TEST(JsonContract, AuditHasEveryField) {
  Audit audit;
  audit.verdict = Verdict::match_empirical;
  audit.log10_corrected_p = -1339.5;
  audit.exact = {{.test = order_test::neurons, .matched = 256, .in_order = 255}};
  audit.shares = {{.base = {6, 1}, .agreeing = 250, .share = 0.98}};
  const json value = json::parse(to_json(audit));
  EXPECT_THAT(names(value), UnorderedElementsAre("verdict", "base", "release", "rate", "tests",
                                                 "log10_corrected_p", "exact", "shares", "share",
                                                 "embeddings", "blocks", "grams", "direction",
                                                 "bases", "thorough", "nonfinite"));
  EXPECT_EQ(value.at("verdict"), "VERDICT_MATCH_EMPIRICAL");
  EXPECT_EQ(value.at("log10_corrected_p"), -1339.5);
  EXPECT_EQ(value.at("share"), "NaN");
  EXPECT_THAT(names(value.at("base")), kModel);
  EXPECT_THAT(names(value.at("exact").at(0)),
              UnorderedElementsAre("test", "count", "made", "no_p", "base", "release", "mapped",
                                   "matched", "in_order", "log10_p", "log10_corrected_p",
                                   "base_rows", "release_rows"));
  EXPECT_EQ(value.at("exact").at(0).at("in_order"), "255");
  EXPECT_THAT(names(value.at("shares").at(0)),
              UnorderedElementsAre("base", "release", "mapped", "neurons", "agreeing", "share",
                                   "cosine", "control", "neuron_map"));
  EXPECT_EQ(value.at("shares").at(0).at("base"), json({{"block", "6"}, {"expert", "1"}}));
  EXPECT_THAT(names(value.at("grams")), UnorderedElementsAre("made", "no_p", "orders", "pairs",
                                                             "log10_p", "log10_corrected_p"));
  EXPECT_EQ(value.at("grams").at("made"), false);
  EXPECT_EQ(value.at("direction").at("status"), "DIRECTION_STATUS_UNSPECIFIED");
  EXPECT_EQ(json::parse(to_json(std::vector{audit, audit})).at("audits").size(), 2U);
  EXPECT_THAT(
      names(value.at("embeddings")),
      UnorderedElementsAre("by_string", "shared_tokens", "fitted_tokens", "similarity", "aligned"));
}

TEST(JsonContract, LineageHasEveryField) {
  Lineage lineage;
  lineage.names = {"a", "b"};
  lineage.verdicts = {std::nullopt, Verdict::match, std::nullopt, std::nullopt};
  lineage.families = {{.members = {0, 1}, .root = 0, .edges = {{.parent = 0, .child = 1}}}};
  const json value = json::parse(to_json(lineage));
  EXPECT_THAT(names(value), UnorderedElementsAre("names", "rate", "audits", "verdicts",
                                                 "log10_corrected_p", "degrees", "families"));
  EXPECT_EQ(value.at("verdicts"), json({"VERDICT_UNSPECIFIED", "VERDICT_MATCH",
                                        "VERDICT_UNSPECIFIED", "VERDICT_UNSPECIFIED"}));
  const json& family = value.at("families").at(0);
  EXPECT_THAT(names(family), UnorderedElementsAre("members", "root", "edges"));
  EXPECT_THAT(
      names(family.at("edges").at(0)),
      UnorderedElementsAre("parent", "child", "degrees", "confidence", "direction_confidence"));
}

TEST(JsonContract, QuantisationOnTextHasEveryField) {
  const QuantisationEvaluation evaluation = {
      .scheme = {.weight_bits = 4, .per_channel = true},
      .sequences = 8,
      .length = 512,
      .ids_digest = "ab",
      .calibration_sequences = 4,
      .calibration_digest = "cd",
      .sets = {{.kind = MeasuredSet::Kind::smooth_advised,
                .kept = {{3, Role::down_weight}, {1, Role::shared_down_weight}},
                .perplexity = 20.5,
                .recovered = 0.75,
                .parameters = 960,
                .bytes = 961}},
      .goal = 0.9,
      .measured = 30,
      .greedy = {25, 20.5},
      .order = {26, 21, 20.25},
      .no_greedy = "why"};
  v1::Quantisation all;
  *all.mutable_evaluation() = to_proto(evaluation);
  EXPECT_EQ(json::parse(to_json(all)).at("evaluation"), json::parse(R"({
    "weight_bits": 4, "per_channel": true, "sequences": "8", "length": "512", "ids_digest": "ab",
    "calibration_sequences": "4", "calibration_digest": "cd",
    "sets": [{"kind": "smoothquant_advised", "kept": [{"block": 3, "role": "down_weight"},
      {"block": 1, "role": "shared_down_weight"}], "perplexity": 20.5, "recovered": 0.75,
      "parameters": "960", "bytes": "961"}],
    "goal": 0.9, "measured": "30", "greedy": [25, 20.5], "no_greedy": "why",
    "order": [26, 21, 20.25]})"));
}

TEST(JsonContract, QuantisationHasEveryField) {
  const QuantisationAdvice advice = {.projections = {{.block = 2,
                                                      .role = Role::shared_down_weight,
                                                      .experts = 8,
                                                      .rank = 1,
                                                      .kept = true,
                                                      .score = 0.25,
                                                      .explosion_block = true,
                                                      .first_peak = 100,
                                                      .others_peak = 4,
                                                      .typical = 0.5,
                                                      .outlier_ratio = 200,
                                                      .expert = 3,
                                                      .parameters = 960,
                                                      .kept_as = StoredType::bf16,
                                                      .extra_bytes = 961}},
                                     .total_score = 0.5,
                                     .first_token_ids = {7, 9},
                                     .nothing_to_keep = "why"};
  const json value = json::parse(to_json(to_proto(ModelInfo(), advice)));
  EXPECT_THAT(names(value), UnorderedElementsAre("model", "advice"));
  EXPECT_THAT(names(value.at("model")), kModel);
  EXPECT_EQ(value.at("advice"), json::parse(R"({
    "projections": [{"block": 2, "role": "shared_down_weight", "experts": 8, "rank": 1,
      "kept": true, "score": 0.25, "explosion_block": true, "decay_block": false,
      "first_peak": 100, "others_peak": 4, "typical": 0.5, "outlier_ratio": 200, "expert": 3,
      "parameters": "960", "kept_as": "bf16", "extra_bytes": "961"}],
    "total_score": 0.5, "first_token_ids": ["7", "9"], "nothing_to_keep": "why"})"));
}

TEST(JsonContract, SignatureHasEveryField) {
  const json value = json::parse(to_json(sample_signature()));
  EXPECT_THAT(
      names(value),
      UnorderedElementsAre("schema_version", "model", "probe", "stages", "blocks", "primary_stage",
                           "direction", "noise_floor_degrees", "created", "digest", "warnings"));
  expect_blocks_and_stages(value);
}

TEST(JsonContract, ComparisonHasEveryField) {
  Workers workers;
  const std::vector<Signature> signatures = {sample_signature(), sample_signature()};
  const json value = json::parse(to_json(compare({"a", "b"}, signatures, workers)));
  EXPECT_THAT(names(value),
              UnorderedElementsAre("names", "degrees", "noise_floor_degrees", "p_values", "stages",
                                   "primary_stages", "rival_stages", "same_probe",
                                   "weights_digests", "absences"));
  for (const char* matrix :
       {"degrees", "noise_floor_degrees", "p_values", "stages", "same_probe"}) {
    EXPECT_EQ(value.at(matrix).size(), 4U) << matrix;
  }
  for (const char* list :
       {"names", "primary_stages", "rival_stages", "weights_digests", "absences"}) {
    EXPECT_EQ(value.at(list).size(), 2U) << list;
  }
}

TEST(JsonContract, AnEmptyObservationHasEveryFieldToo) {
  EXPECT_EQ(names(json::parse(to_json(Observation()))),
            names(json::parse(to_json(sample_observation()))));
}

TEST(JsonContract, ValuesAreWrittenAsProtobufWritesThem) {
  const std::string json = to_json(sample_observation());
  EXPECT_THAT(json, HasSubstr(R"("schema_version":1)"));
  EXPECT_THAT(json, HasSubstr(R"("sequence":"3")"));
  EXPECT_THAT(json, HasSubstr(R"("step":"30")"));
  EXPECT_THAT(json, HasSubstr(R"("attempt":"2")"));
  EXPECT_THAT(json, HasSubstr(R"("token_ids":["1","50","99"])"));
  EXPECT_THAT(json, HasSubstr(R"("hidden_size":4,)"));
  EXPECT_THAT(json, HasSubstr(R"("parameter_count":"12345")"));
  EXPECT_THAT(json, HasSubstr(R"("reference":"activations")"));
  EXPECT_THAT(json, HasSubstr(R"("time":"2023-11-14T22:13:23.250Z")"));
  EXPECT_THAT(json, HasSubstr(R"("state":"STATE_STABLE")"));
  EXPECT_THAT(json, HasSubstr(R"("kind":"state_changed")"));
  EXPECT_THAT(json, HasSubstr(R"("growth":"NaN")"));
  EXPECT_THAT(json, HasSubstr(R"("sigma":["NaN","NaN"])"));
  EXPECT_THAT(json, HasSubstr(R"("direction":[0.6,0,0,0.8])"));
  EXPECT_THAT(json, HasSubstr(R"("loss":3.5)"));
  EXPECT_EQ(json.find('\n'), std::string::npos);

  EXPECT_THAT(to_json(Observation()), HasSubstr(R"("reference":"zero_attention")"));
  EXPECT_THAT(to_json(Observation()), HasSubstr(R"("state":"STATE_UNSPECIFIED")"));
}

}  // namespace
}  // namespace azimuth
