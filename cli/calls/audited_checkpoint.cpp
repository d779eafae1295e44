#include "calls/audited_checkpoint.h"

#include <cstdint>
#include <variant>

#include "azimuth/token_strings.h"
#include "calls/measure.h"
#include "terminal/progress_bar.h"

namespace azimuth::cli {
namespace {

Signature signature_of(const AuditedCheckpoint& model, const AuditedCheckpoint& other) {
  if (const auto* given = std::get_if<Signature>(&model.checkpoint)) return *given;
  const ModelWeights& weights = std::get<ModelWeights>(model.checkpoint);
  std::vector<std::int64_t> tokens = std::get<Signature>(other.checkpoint).probe.token_ids;
  std::erase_if(tokens, [&](std::int64_t id) { return id >= weights.vocab_size(); });
  return measure(weights, {.tokens = tokens}, "measuring " + short_name(model.name)).signature();
}

}  // namespace

AuditedCheckpoint open_audited(const std::string& name, const OpenModelOptions& options) {
  AuditedCheckpoint out = {.name = name, .checkpoint = open_checkpoint(name, options)};
  if (std::holds_alternative<ModelWeights>(out.checkpoint)) out.tokens = read_token_strings(name);
  return out;
}

Audit audit_checkpoints(const AuditedCheckpoint& base, const AuditedCheckpoint& release,
                        const AuditOptions& options, Workers& workers) {
  const auto* base_weights = std::get_if<ModelWeights>(&base.checkpoint);
  const auto* release_weights = std::get_if<ModelWeights>(&release.checkpoint);
  if (base_weights == nullptr || release_weights == nullptr) {
    return audit_signatures(signature_of(base, release), signature_of(release, base), options,
                            workers);
  }
  ProgressBar bar("auditing " + short_name(release.name) +
                  (options.bases > 1 ? " against " + short_name(base.name) : ""));
  return audit({*base_weights, base.tokens, base.digest},
               {*release_weights, release.tokens, release.digest}, options, workers, &bar);
}

}  // namespace azimuth::cli
