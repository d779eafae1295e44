#include "calls/history_verify.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "azimuth/begins_with.h"
#include "azimuth/file_error.h"
#include "azimuth/history_chain.h"
#include "azimuth/history_proto.h"
#include "azimuth/proto_conversion.h"
#include "azimuth/workers.h"
#include "calls/checkpoint.h"
#include "calls/measure.h"
#include "calls/stored_runs.h"
#include "terminal/exit_codes.h"
#include "terminal/output.h"
#include "terminal/printable.h"

namespace azimuth::cli {
namespace {

std::string counted_records(std::int64_t count) {
  return std::to_string(count) + (count == 1 ? " record" : " records");
}

/// "observation of attempt 1, sequence 4, step 40".
std::string record_name(const HistoryChain::Fault& fault) {
  std::string name = fault.kind;
  std::ranges::replace(name, '_', ' ');
  if (fault.kind == link_kind::earlier) return "the records of an earlier version";
  if (fault.kind == link_kind::base) return "the base";
  if (fault.kind == link_kind::end) return "the end of the run";
  if (fault.kind == link_kind::observation) {
    return name + " of attempt " + std::to_string(fault.attempt) + ", sequence " +
           std::to_string(fault.sequence) + ", step " + std::to_string(fault.step);
  }
  if (fault.kind == link_kind::failed_snapshot) {
    return name + " of attempt " + std::to_string(fault.attempt) + ", step " +
           std::to_string(fault.step);
  }
  return "";
}

std::string chain_text(const HistoryChain& chain) {
  const std::string links = std::to_string(chain.links) + (chain.links == 1 ? " link" : " links");
  std::string out = printable(chain.run) + ": ";
  if (chain.fault) {
    const std::string name = record_name(*chain.fault);
    out += "does not fit";
    if (chain.fault->link > 0) out += " at link " + std::to_string(chain.fault->link);
    out += "\n  " + (name.empty() ? "" : name + ": ") + chain.fault->message + "\n  " + links +
           " fit before it";
    if (chain.links > 0) out += ", up to  " + printable(chain.head);
    return out + "\n";
  }
  if (chain.links == 0) {
    return out + "has no chain: an earlier version wrote its " +
           counted_records(chain.earlier_records) + ", or the links were removed\n";
  }
  out +=
      "fits, " + links + "\n  from the base  " +
      (chain.base_digest.empty() ? "none, or one without a digest" : printable(chain.base_digest)) +
      "\n  to the head    " + printable(chain.head) + "\n";
  if (chain.earlier_records > 0) {
    out += "  An earlier version wrote " + counted_records(chain.earlier_records) +
           ". They have one link together, as they were when the chain began.\n";
  }
  return out;
}

struct Release {
  ModelInfo model;
  std::string inexact;  ///< why rounded digests of the same weights may differ; empty: they do not
};

Release read_release(const HistoryVerifyOptions& options) {
  if (is_step_of_history(options.release)) {
    throw FileError(options.release, "release",
                    "is a step of a history, which says of itself what its weights were; give the "
                    "model's folder or file, or its signature");
  }
  Checkpoint checkpoint = open_checkpoint(options.release, options.reading);
  if (const auto* signature = std::get_if<Signature>(&checkpoint)) {
    return {signature->model, "a signature does not say how the weights were stored"};
  }
  const auto& weights = std::get<ModelWeights>(checkpoint);
  Workers workers(all_cores());
  Release release = {.model = weights.sizes(), .inexact = {}};
  release.model.weights_digest = weights.digest(workers);
  release.model.bfloat16_digest = weights.bfloat16_digest(workers);
  for (const StoredType type : weights.stored_types()) {
    if (type == StoredType::f32 || type == StoredType::bf16) continue;
    release.inexact +=
        (release.inexact.empty() ? "it is stored as " : " and ") + std::string(name_of(type));
  }
  if (!release.inexact.empty()) {
    release.inexact += ", which does not hold every value of bfloat16";
  } else if (begins_with(options.release, "GGUF")) {
    release.inexact = "GGUF keeps rows of queries and keys, and norms, in another form";
  }
  return release;
}

v1::ReleaseCheck check_release(const HistoryChain& chain, const Release& release) {
  v1::ReleaseCheck check;
  const auto say = [&](v1::ReleaseMatch match, const std::string& message) {
    check.set_match(match);
    check.set_message(message);
    return check;
  };
  Signature named;
  named.model = release.model;
  *check.mutable_release() = to_proto(named).model();
  check.mutable_snapshot();
  if (chain.fault) {
    return say(v1::RELEASE_MATCH_UNKNOWN, "nothing is compared, since the history does not fit");
  }
  if (!chain.newest) return say(v1::RELEASE_MATCH_UNKNOWN, "the run has no snapshot");
  const Observation& newest = *chain.newest;
  const ModelInfo& snapshot = newest.model;
  *check.mutable_snapshot() = to_proto(newest).model();
  check.set_step(newest.step);
  const std::string last = "the run's last snapshot, of step " + std::to_string(newest.step);
  if (snapshot.weights_digest.empty()) {
    return say(v1::RELEASE_MATCH_UNKNOWN,
               last +
                   ", has no digest: one is made at attach and by finish, and the run has gone "
                   "on since, or was killed");
  }
  if (release.model.weights_digest.empty()) {
    return say(v1::RELEASE_MATCH_UNKNOWN, "the release has no digest");
  }
  if (release.model.weights_digest == snapshot.weights_digest) {
    return say(v1::RELEASE_MATCH_SAME, "its weights are those of " + last);
  }
  if (release.model.bfloat16_digest.empty() || snapshot.bfloat16_digest.empty()) {
    return say(v1::RELEASE_MATCH_UNKNOWN,
               "its bytes are not those of " + last +
                   ", and there is no digest of rounded values to tell another stored type by");
  }
  if (release.model.bfloat16_digest == snapshot.bfloat16_digest) {
    return say(v1::RELEASE_MATCH_SAME_IN_BFLOAT16,
               "its weights, rounded to bfloat16, are those of " + last +
                   "; its bytes are not: another stored type, or digits that bfloat16 lacks");
  }
  if (!release.inexact.empty()) {
    return say(v1::RELEASE_MATCH_UNKNOWN,
               "its digests are not those of " + last + ", but could not be: " + release.inexact);
  }
  if (release.model.vocab_size != snapshot.vocab_size) {
    return say(v1::RELEASE_MATCH_UNKNOWN, "its digests are not those of " + last +
                                              ", but could not be: the vocabularies have " +
                                              std::to_string(release.model.vocab_size) + " and " +
                                              std::to_string(snapshot.vocab_size) + " tokens");
  }
  return say(v1::RELEASE_MATCH_DIFFERENT,
             "its weights are not those of " + last + ", or are laid out in another way");
}

int verification_code(const v1::HistoryVerification& found) {
  const bool broken = std::ranges::any_of(
      found.runs(), [](const v1::RunChain& run) { return !run.fault().message().empty(); });
  if (broken || found.release().match() == v1::RELEASE_MATCH_DIFFERENT) return kNoMatch;
  const bool fit =
      !found.runs().empty() &&
      std::ranges::all_of(found.runs(), [](const v1::RunChain& run) { return run.fits(); });
  return fit && found.release().match() != v1::RELEASE_MATCH_UNKNOWN ? 0 : kUndecided;
}

}  // namespace

void verify_history(const HistoryVerifyOptions& options) {
  const std::vector<HistoryChain> chains = verify_chains(options.store, options.run);
  if (chains.empty() && !options.run.empty()) {
    HistoryReader history(options.store);
    stored_runs(history, options.store, options.run);  // throws, naming the runs that there are
  }
  v1::HistoryVerification found;
  std::string out;
  for (const HistoryChain& chain : chains) {
    *found.add_runs() = to_proto(chain);
    out += chain_text(chain);
  }
  if (chains.empty()) out += options.store.string() + ": no runs\n";
  found.mutable_release()->mutable_snapshot();
  found.mutable_release()->mutable_release();
  if (!options.release.empty()) {
    if (chains.size() != 1) {
      throw FileError(options.store, "runs",
                      chains.empty() ? "there are none yet"
                                     : "there are several: name that of the release with --run");
    }
    *found.mutable_release() = check_release(chains.front(), read_release(options));
    out += "release " + printable(options.release) + ": " + printable(found.release().message()) +
           "\n";
  }
  if (options.format == "json") {
    print_json(to_json(found));
  } else {
    print(out);
  }
  if (const int code = verification_code(found); code != 0) throw CLI::RuntimeError(code);
}

}  // namespace azimuth::cli
