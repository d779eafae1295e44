#include "calls/lineage.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "azimuth/file_error.h"
#include "azimuth/lineage.h"
#include "azimuth/proto_conversion.h"
#include "calls/audit_text.h"
#include "calls/audited_checkpoint.h"
#include "calls/measure.h"
#include "terminal/format_text.h"
#include "terminal/output.h"
#include "terminal/printable.h"
#include "terminal/progress_bar.h"

namespace azimuth::cli {
namespace {

struct LineageOptions {
  std::vector<std::string> checkpoints;
  OpenModelOptions reading;
  double rate = 1e-6;
  std::string format;
};

std::string percent_of(double share) { return text("%.0f%%", 100 * share); }

std::string edge_text(const LineageEdge& edge) {
  return (std::isnan(edge.degrees) ? "  – apart" : text("  %.2f° apart", edge.degrees)) +
         ", neighbours in " + percent_of(edge.confidence);
}

/// A line a member, below and to the right of its parent.
std::string tree_text(const Lineage& lineage, const LineageFamily& family) {
  std::size_t width = 0;
  for (const std::size_t member : family.members) {
    width = std::max(width, utf8_characters(printable(lineage.names[member], 200)));
  }
  std::string out = "  " + printable(lineage.names[family.root], 200) + "\n";
  const std::function<void(std::size_t, const std::string&)> add = [&](std::size_t parent,
                                                                       const std::string& indent) {
    std::vector<const LineageEdge*> edges;
    for (const LineageEdge& edge : family.edges) {
      if (edge.parent == parent) edges.push_back(&edge);
    }
    for (const LineageEdge* edge : edges) {
      const bool last = edge == edges.back();
      out += "  " + indent + (last ? "└─ " : "├─ ") +
             left(printable(lineage.names[edge->child], 200), width) + edge_text(*edge) + "\n";
      add(edge->child, indent + (last ? "   " : "│  "));
    }
  };
  add(family.root, "");
  return out;
}

/// A line a pair: the order that says most of the two that were audited.
std::string pairs_text(const Lineage& lineage) {
  const std::size_t n = lineage.names.size();
  std::string out = "Pairs, with the corrected p at most\n";
  for (std::size_t a = 0; a < n; ++a) {
    for (std::size_t b = a + 1; b < n; ++b) {
      std::size_t best = a * n + b;
      const std::size_t other = b * n + a;
      const bool better = lineage.verdicts[other] &&
                          (!lineage.verdicts[best] ||
                           rank(*lineage.verdicts[other]) < rank(*lineage.verdicts[best]));
      if (better) best = other;
      const double p =
          std::fmin(lineage.log10_corrected_p[a * n + b], lineage.log10_corrected_p[other]);
      out += "  " + left(std::string(name_of(*lineage.verdicts[best])), 17) +
             left(std::isnan(p) ? "–" : power(p), 9) + printable(lineage.names[a], 200) + "  –  " +
             printable(lineage.names[b], 200) + "\n";
    }
  }
  return out + "\n";
}

std::string lineage_text(const Lineage& lineage) {
  std::string out;
  std::string alone;
  int families = 0;
  for (const LineageFamily& family : lineage.families) {
    if (family.members.size() == 1) {
      alone += "  " + printable(lineage.names[family.root], 200) + "\n";
      continue;
    }
    ++families;
    out += "Family " + std::to_string(families) + ", of " + std::to_string(family.members.size()) +
           " models that are connected by matches\n" + tree_text(lineage, family) + "\n";
  }
  if (!alone.empty()) out += "Match no other (not a proof of independence)\n" + alone + "\n";
  out += pairs_text(lineage);
  out += text(
      "Matches at a rate of %g, corrected for %lld audits. A merge connects what has nothing else "
      "in "
      "common.\nA tree joins those that are nearest: they are neighbours in so many of 1,000 trees "
      "from "
      "neurons drawn again.\nIt is drawn from its centre: which model came first, weights do not "
      "say.\n",
      lineage.rate, static_cast<long long>(lineage.audits));
  return out;
}

void run_lineage(const LineageOptions& options) {
  std::vector<AuditedCheckpoint> checkpoints;
  std::vector<AuditedWeights> models;
  for (const std::string& name : options.checkpoints) {
    checkpoints.push_back(open_audited(name, options.reading));
  }
  for (const AuditedCheckpoint& checkpoint : checkpoints) {
    models.emplace_back(weights_of(checkpoint.checkpoint, checkpoint.name, "lineage"),
                        checkpoint.tokens);
  }
  Workers workers(all_cores());
  Lineage result;
  {
    ProgressBar bar("auditing pairs");
    result = lineage(options.checkpoints, models, options.rate, workers, &bar);
  }
  if (options.format == "json") {
    print_json(to_json(result));
  } else {
    print(lineage_text(result));
  }
}

}  // namespace

void add_lineage(CLI::App& app) {
  const auto options = std::make_shared<LineageOptions>();
  CLI::App* call = app.add_subcommand(
      "lineage",
      "Which of several models have a common origin, and the tree of the nearest in each family.");
  call->add_option(
          "CKPT", options->checkpoints,
          "2 to 32 models: Hugging Face folders, GGUF files, or .safetensors, .bin, .pt or .ckpt "
          "files with --config")
      ->required()
      ->expected(2, 32);
  add_config_option(*call, options->reading);
  call->add_option("--rate", options->rate,
                   "How often any two independent models may be put into one family")
      ->check(CLI::Range(1e-300, 0.5))
      ->capture_default_str();
  add_format_option(*call, options->format, "one Lineage of azimuth.v1");
  call->footer(
      "Every pair is audited as 'azimuth audit' does. What a tree tells and what it does not is in "
      "docs/audit.md.\n"
      "Example:\n  azimuth lineage ./base ./chat ./merged");
  call->callback([options] { run_lineage(*options); });
}

}  // namespace azimuth::cli
