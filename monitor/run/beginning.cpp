#include "run/beginning.h"

#include <stdexcept>
#include <string>

#include "azimuth/analysis.h"
#include "azimuth/guarded.h"

namespace azimuth {

void Beginning::go_on_from(const RunHistory::LastKnown& known, std::size_t queue_capacity) {
  attempt = known.attempt + 1;
  // What was in the store's queue when the process ended is lost, and others may have seen it.
  sequence = known.sequence + static_cast<std::int64_t>(queue_capacity) + 1;
  resumed_after_step = known.step;
  if (!base) base = known.base;
  if (!base && first_snapshot_is_base) {
    warnings.emplace_back("the run began without a base, and goes on without one");
  }
  first_snapshot_is_base = false;
}

namespace {

void check_width(const std::string& what, const Signature& signature, std::int64_t hidden_size) {
  const std::int64_t width = signature.model.hidden_size > 0
                                 ? signature.model.hidden_size
                                 : static_cast<std::int64_t>(signature.direction.size());
  if (width == 0 || width == hidden_size) return;
  throw std::invalid_argument(what + " has hidden size " + std::to_string(width) +
                              ", and the model " + std::to_string(hidden_size) +
                              ": directions of two widths cannot be compared");
}

}  // namespace

void Beginning::check_signatures(std::int64_t hidden_size) {
  for (const auto& [name, signature] : references) {
    check_width("reference '" + name + "'", *signature, hidden_size);
  }
  if (!base) return;
  check_width("the base", *base, hidden_size);
  if (base->primary_stage >= 0) return;
  warnings.emplace_back("the base has no high-norm direction, and no angle to it is measured");
}

void Beginning::choose_probe(const RunHistory::LastKnown* known, const MonitorOptions& options,
                             const Architecture& architecture, std::int64_t vocab_size) {
  const std::vector<std::int64_t>& special = architecture.special_token_ids;
  if (base && !base->probe.token_ids.empty()) {
    token_ids = base->probe.token_ids;
  } else if (known != nullptr && !known->token_ids.empty()) {
    token_ids = known->token_ids;
  } else if (!options.token_ids.empty()) {
    token_ids = options.token_ids;
  } else {
    if (special.empty()) {
      guarded([&] {
        options.log(
            LogLevel::warning,
            "the architecture names no special token ids; ids 0 to 7 stand for them in the probe");
      });
    }
    token_ids = default_probe(special, vocab_size, options.probe_size);
  }
  for (const std::int64_t id : special) {
    if (id >= 0 && id < vocab_size) continue;
    warnings.push_back("special token id " + std::to_string(id) +
                       " lies outside the vocabulary of " + std::to_string(vocab_size) +
                       ", and is not probed");
  }
  for (const std::int64_t id : token_ids) {
    if (id < 0 || id >= vocab_size) {
      throw std::invalid_argument("probe token id " + std::to_string(id) +
                                  " lies outside the vocabulary of " + std::to_string(vocab_size));
    }
  }
}

}  // namespace azimuth
