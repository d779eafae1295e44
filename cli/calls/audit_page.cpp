#include "calls/audit_page.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "azimuth/escaped.h"
#include "azimuth/pictures.h"
#include "calls/html_page.h"
#include "terminal/format_text.h"
#include "terminal/printable.h"

namespace azimuth::cli {
namespace {

using pictures::escaped;

constexpr std::size_t kLongestPath = 160;  // characters

std::string shown(const std::string& name) { return escaped(printable(name, kLongestPath)); }

/// Lines that a terminal needs become one; lists and paragraphs stay.
std::string flowing(const std::string& lines) {
  std::string out = lines;
  bool in_item = false;
  for (std::size_t i = 1; i + 1 < out.size(); ++i) {
    if (out[i] != '\n') continue;
    const bool item = out.compare(i + 1, 4, "  - ") == 0;
    const bool ends = in_item && out[i + 1] != ' ';
    in_item = item || (in_item && !ends);
    if (out[i - 1] != '\n' && out[i + 1] != '\n' && !item && !ends) out[i] = ' ';
  }
  return out;
}

std::string row(std::string_view test, const std::string& sentence, const std::string& p) {
  return "<tr><th scope=\"row\">" + std::string(test) + "</th><td>" + sentence +
         "</td><td class=\"number\">" + p + "</td></tr>\n";
}

std::string what_is_matched(std::string_view test) {
  if (test == order_test::coordinates) return "coordinates of the embeddings";
  if (test == order_test::neurons) return "neurons";
  return "rows of W<sub>V</sub> within heads";
}

std::string order_row(const OrderTest& test) {
  std::string sentence;
  if (test.made > 0) {
    sentence = text("Of %lld %s that are each other's nearest, %lld stand in the base's order",
                    static_cast<long long>(test.matched), what_is_matched(test.test).c_str(),
                    static_cast<long long>(test.in_order));
    if (test.base.block > 0) {
      sentence += " (block " + place_text(test.base) + " of the base, block " +
                  place_text(test.release) + " of the release" +
                  (test.mapped ? ", after the map" : "") + ")";
    }
    sentence += ".";
  }
  if (!test.no_p.empty()) sentence += " No p-value: " + shown(test.no_p) + ".";
  return row(test.test, sentence, test.made > 0 ? power(test.log10_corrected_p) : "–");
}

std::string gram_row(const GramTest& grams) {
  std::string sentence = text(
      "%zu pairs of FFNs, in which neurons of one index were asked whether they relate to the "
      "others alike.",
      grams.pairs.size());
  if (!grams.no_p.empty()) sentence += " No p-value: " + shown(grams.no_p) + ".";
  return row("Gram matrices", sentence,
             std::isnan(grams.log10_p) ? "–" : power(grams.log10_corrected_p));
}

std::string share_row(const Audit& a) {
  if (a.shares.empty()) {
    return row("share",
               "There is none: one model's FFNs are gated and the other's are not, one has none, "
               "or there is no map.",
               "");
  }
  const auto& most = *std::ranges::max_element(a.shares, {}, &NeuronShare::share);
  return row("share",
             text("Of %lld neurons of block %s, %lld (%s) have both of their vectors nearest to "
                  "those of one "
                  "neuron of block %s of the release; of no other block more than %s. There is no "
                  "probability for it; 4.2%% is the most that unrelated models reached.",
                  static_cast<long long>(most.neurons), place_text(most.base).c_str(),
                  static_cast<long long>(most.agreeing), percent(most.share).c_str(),
                  place_text(most.release).c_str(), percent(most.control).c_str()),
             "");
}

std::string embeddings_row(const EmbeddingAlignment& e) {
  return row("embeddings",
             text("Of %lld tokens that both have, by their %s, embeddings %s",
                  static_cast<long long>(e.shared_tokens), e.by_string ? "strings" : "ids",
                  e.aligned ? "correspond" : "do not correspond") +
                 (std::isnan(e.similarity) ? "" : text(" (similarity %.2f)", e.similarity)) +
                 text(". On %lld of them the map between the two residual streams was fitted.",
                      static_cast<long long>(e.fitted_tokens)),
             "");
}

std::string direction_row(const DirectionEvidence& d) {
  std::string sentence;
  switch (d.status) {
    case DirectionStatus::compared:
      sentence = text("%.2f° apart (p %s%.1e).", d.degrees, d.p <= d.resolution ? "≤ " : "= ", d.p);
      break;
    case DirectionStatus::signature_absent:
      sentence = "SIGNATURE_ABSENT.";
      if (!d.base_has_signature) sentence += " The base is " + d.base.absence + ".";
      if (!d.release_has_signature) sentence += " The release is " + d.release.absence + ".";
      break;
    case DirectionStatus::other_hidden_size:
      sentence = "The hidden sizes differ.";
      break;
  }
  return row("high-norm direction",
             sentence + " It can be planted and removed, and decides nothing.", "");
}

std::string tests(const Audit& a) {
  std::string out =
      "<h2>Tests</h2>\n<table><thead><tr><th>test</th><th>found</th>"
      "<th class=\"number\">corrected p, at most</th></tr></thead>\n";
  for (const OrderTest& test : a.exact) out += order_row(test);
  if (a.grams) out += gram_row(*a.grams);
  if (!a.exact.empty()) out += share_row(a) + embeddings_row(a.embeddings);
  if (a.direction) out += direction_row(*a.direction);
  return out + "</table>\n";
}

std::string pictures_of(const Audit& a) {
  if (a.exact.empty()) return {};
  const auto neurons = std::ranges::find(a.exact, order_test::neurons, &OrderTest::test);
  std::string out = "<h2>Pictures</h2>\n<div class=\"charts\">\n";
  out += figure(
      "Order of the neurons",
      "Each dot is a neuron of the base and its match in the release. A release that was "
      "made from the base shows a diagonal, unless its neurons were permuted; chance, a cloud. "
      "A base that was permuted into the release's order shows a diagonal too, and no share.",
      draw_matching(neurons == a.exact.end() ? OrderTest() : *neurons));
  out +=
      figure("Blocks",
             "Each row is a block of the base: dark where its neurons are found in a block of the "
             "release.",
             draw_block_pairs(a.blocks));
  if (a.direction && !a.direction->vocabulary.empty()) {
    out +=
        figure("Vocabulary",
               "Each dot is a token that both have: how far its embedding lies along the model's "
               "high-norm direction. Models of one language resemble each other here, too.",
               draw_vocabulary(a.direction->vocabulary));
  }
  return out + "</div>\n";
}

std::string model_rows(const char* name, const ModelInfo& model) {
  return row(
      name,
      escaped(printable(model.architecture, kLongestPath)) +
          text(", %lld blocks, hidden size %lld, FFN size %lld, vocabulary %lld",
               static_cast<long long>(model.block_count), static_cast<long long>(model.hidden_size),
               static_cast<long long>(model.ffn_size), static_cast<long long>(model.vocab_size)) +
          "<br>SHA-256 of the weights <code>" + shown(model.weights_digest) + "</code>",
      "");
}

std::string file_rows(const char* name, const std::vector<FileDigest>& files) {
  std::string list;
  for (const FileDigest& file : files) {
    list += (list.empty() ? "" : "<br>") + shown(file.name) + " <code>" + file.sha256 + "</code>";
  }
  return files.empty() ? "" : row(name, "SHA-256 of each<br>" + list, "");
}

std::string others(std::span<const NamedAudit> audits) {
  if (audits.empty()) return {};
  std::string out =
      "<h2>Other bases</h2>\n<table><thead><tr><th>base</th><th>verdict</th>"
      "<th class=\"number\">corrected p, at most</th></tr></thead>\n";
  for (const NamedAudit& other : audits) {
    out +=
        row(shown(other.base), std::string(name_of(other.audit.verdict)),
            std::isnan(other.audit.log10_corrected_p) ? "–" : power(other.audit.log10_corrected_p));
  }
  return out + "</table>\n";
}

}  // namespace

std::string audit_page(const std::string& release, std::span<const NamedAudit> audits,
                       const AuditedFiles& files) {
  const Audit& a = audits.front().audit;
  const std::string verdict(name_of(a.verdict));
  std::string body = "<h1>" + verdict + "</h1>\n<p class=\"quiet\">" + shown(release) +
                     ", held against " + shown(audits.front().base) +
                     (audits.size() > 1 ? ", which says most of " + std::to_string(audits.size()) +
                                              " bases that were tried"
                                        : "") +
                     "</p>\n";
  body += "<p class=\"said\">" + escaped(flowing(verdict_sentences(a))) +
          "</p>\n<ul class=\"tiles\">\n";
  if (a.tests > 0) {
    body += tile(std::isnan(a.log10_corrected_p) ? "–" : power(a.log10_corrected_p),
                 "p at most, corrected for " + std::to_string(a.tests) + " tests");
  }
  if (!std::isnan(a.share)) body += tile(percent(a.share), "of neurons agree on their partner");
  if (a.verdict == Verdict::match) body += tile(text("%g", a.rate), "how often MATCH may be wrong");
  body += "</ul>\n" + tests(a) + pictures_of(a) + others(audits.subspan(1)) +
          "<h2>Models</h2>\n<table>\n" + model_rows("base", a.base) +
          file_rows("its files", files.base) + model_rows("release", a.release) +
          file_rows("its files", files.release) + "</table>\n<p class=\"quiet\">Made on " +
          time_text(files.unix_seconds) +
          " UTC by azimuth " AZIMUTH_VERSION
          ". What a verdict means, how each test works and what defeats it is in "
          "docs/audit.md.</p>\n";
  return html_page(verdict + ": " + printable(release, kLongestPath), body);
}

}  // namespace azimuth::cli
