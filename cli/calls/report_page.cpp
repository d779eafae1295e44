#include "calls/report_page.h"

#include <algorithm>
#include <cmath>

#include "azimuth/absence.h"
#include "azimuth/escaped.h"
#include "azimuth/largest_coordinates.h"
#include "azimuth/snapshot_line.h"
#include "azimuth/state_words.h"
#include "calls/html_page.h"
#include "calls/stored_runs.h"
#include "terminal/format_text.h"
#include "terminal/printable.h"

namespace azimuth::cli {
namespace {

using pictures::escaped;

constexpr std::size_t kLongestName = 160;  // characters
constexpr std::size_t kCoordinates = 8;

std::string name_of_run(const RunStory& story) {
  return escaped(printable(story.run.run, kLongestName));
}

std::string tiles(const RunStory& story) {
  const Observation& o = story.newest;
  std::string out = "<ul class=\"tiles\">\n";
  out += tile(std::string(name_of(o.state)), "since step " + std::to_string(o.state_since_step));
  for (const AngleObservation& angle : o.angles) {
    if (angle.reference != "base" || std::isnan(angle.degrees)) continue;
    const std::string floor =
        std::isnan(angle.noise_floor_degrees) ? "" : text(" ± %.2g°", angle.noise_floor_degrees);
    out += tile(text("%.3f°", angle.degrees),
                "from the base" + floor + ": " + words::reading_text(angle));
  }
  if (o.base_absent) out += tile("none", "is the base's direction: there is no angle to it");
  if (std::isfinite(peak_ratio(o))) {
    const LargestRatio largest = largest_ratio(o);
    const std::string where = largest.token_id < 0 ? ""
                                                   : text(": block %d, token %lld", largest.block,
                                                          static_cast<long long>(largest.token_id));
    out += tile(text("%.3g ×", largest.ratio), "the norm of ordinary tokens" + where);
  }
  out += tile("step " + std::to_string(o.step), snapshots_text(story.run));
  out += tile(text("%.2f%%", 100 * o.cost.overhead_ratio), "of the machine spent on watching");
  return out + "</ul>\n";
}

std::string charts(const RunStory& story) {
  std::string out = "<h3>By step</h3>\n<div class=\"charts\">\n";
  out += figure("Turn of the high-norm direction",
                "Beyond 5° from the base a direction drifts, beyond 30° it has changed; up to 2° "
                "from snapshot to snapshot it rests. Angles below their noise floor mean nothing. "
                "Below: the state.",
                draw_turns(story.points, story.marks));
  out += figure("Norms by block",
                "The longest hidden state after each block; block 0 is the embedding.",
                draw_norm_map(story.points));
  out += figure("Cost", "Share of the machine spent on watching, in per cent.",
                draw_overhead(story.points));
  const bool has_loss = std::ranges::any_of(
      story.points, [](const RunPoint& point) { return std::isfinite(point.loss); });
  if (has_loss) out += figure("Training loss", "As the program gave it.", draw_loss(story.points));
  return out + "</div>\n";
}

std::string fact(const std::string& name, const std::string& value) {
  return value.empty() ? ""
                       : "<tr><th scope=\"row\">" + name + "</th><td>" + value + "</td></tr>\n";
}

std::string factor_list(const std::vector<BlockFactor>& blocks) {
  constexpr std::size_t kMost = 40;
  std::string out;
  for (const BlockFactor& block : std::span(blocks).first(std::min(blocks.size(), kMost))) {
    out += text("%s%d (×%.3g)", out.empty() ? "" : ", ", block.block, block.factor);
  }
  return blocks.size() > kMost ? out + ", …" : out;
}

std::string model_facts(const RunStory& story) {
  const ModelInfo& model = story.newest.model;
  std::string out = "<table>\n";
  out += fact("Model", escaped(printable(model.architecture, kLongestName)));
  out += fact("Blocks", std::to_string(model.block_count));
  out += fact("Hidden size", std::to_string(model.hidden_size));
  out += fact("FFN size", std::to_string(model.ffn_size));
  out += fact("Vocabulary", std::to_string(model.vocab_size));
  out += fact("Parameters", text("%.4g million", static_cast<double>(model.parameter_count) / 1e6));
  if (const StageObservation* stage = primary_stage(story.newest)) {
    out += fact("High-norm", text("blocks %d to %d", stage->first_block, stage->last_block));
    out += fact("Explosion", factor_list(stage->explosion_blocks));
    out += fact("Decay", factor_list(stage->decay_blocks));
    out += fact("Spread over", text("%.3g coordinates", stage->participation_ratio));
  }
  if (!std::isnan(story.noise_floor_degrees)) {
    out += fact("Noise floor", text("%.2g°", story.noise_floor_degrees));
  }
  if (!story.weights_digest.empty()) {
    out += fact("SHA-256 of the weights",
                "<code>" + escaped(printable(story.weights_digest, kLongestName)) +
                    "</code> at step " + std::to_string(story.digest_step));
  }
  return out + "</table>\n";
}

std::string coordinates(const std::vector<float>& direction) {
  std::string out =
      "<table><thead><tr><th class=\"number\">coordinate</th><th class=\"number\">value</th>"
      "<th>size</th></tr></thead>\n";
  for (const std::size_t i : largest_coordinates(direction, kCoordinates)) {
    const double value = direction[i];
    out += text(
        "<tr><td class=\"number\">%zu</td><td class=\"number\">%+.4f</td>"
        "<td class=\"wide\"><i style=\"width:%.1f%%\"></i></td></tr>\n",
        i, value, 100 * std::clamp(std::abs(value), 0.0, 1.0));
  }
  return out + "</table>\n";
}

std::string signature(const RunStory& story) {
  const Observation& o = story.newest;
  std::string out = text("<h3>Signature at step %lld</h3>\n", static_cast<long long>(o.step));
  if (o.state == State::nonfinite) {
    out += "<p class=\"quiet\">There is no direction: hidden states are not finite.</p>\n";
  } else if (o.direction.empty()) {
    out += "<p class=\"quiet\">" + absence_text(o) + ".</p>\n";
  } else if (o.provisional) {
    out += "<p class=\"quiet\">The direction is provisional. " + absence_text(o) + ".</p>\n";
  }
  out += "<div class=\"columns\">\n" + model_facts(story);
  if (!o.direction.empty()) out += coordinates(o.direction);
  return out + "</div>\n";
}

std::string event_row(const RunStory& story, const RunStory::Happening& happening) {
  const Event& event = happening.event;
  std::string out = "<tr><td class=\"number\">" + std::to_string(event.step) +
                    "</td><td class=\"time\">" + time_text(happening.time);
  if (story.run.attempts > 1) out += ", attempt " + std::to_string(happening.attempt);
  return out + (happening.severe ? "</td><td class=\"severe\">" : "</td><td>") +
         escaped(words::kind_text(event)) + "</td><td>" + escaped(event.message) + "</td></tr>\n";
}

std::string events(const RunStory& story) {
  std::string out = "<h3>Events</h3>\n";
  if (story.events.empty()) return out + "<p class=\"quiet\">Nothing happened.</p>\n";
  if (story.events_left_out > 0) {
    out += text(
        "<p class=\"quiet\">The first and the last ones; %lld between them are left out. "
        "<code>azimuth history</code> shows all.</p>\n",
        static_cast<long long>(story.events_left_out));
  }
  out +=
      "<div class=\"scroll\"><table class=\"events\"><thead><tr><th class=\"number\">step</th>"
      "<th>time (UTC)</th><th>event</th><th>message</th></tr></thead>\n";
  for (const auto& happening : story.events) out += event_row(story, happening);
  return out + "</table></div>\n";
}

std::string section(const RunStory& story, std::size_t number, const char* heading) {
  const std::string tag = heading;
  std::string out = text("<section id=\"run-%zu\">\n", number);
  out += "<" + tag + ">" + name_of_run(story) + "</" + tag + ">\n";
  out += "<p class=\"quiet\">" + escaped(run_summary(story.run)) + "</p>\n" + tiles(story) + "<p>";
  for (const std::string& sentence : in_words(story)) out += escaped(sentence) + "\n";
  out += "</p>\n" + charts(story) + signature(story) + events(story);
  return out + "</section>\n";
}

std::string contents(const std::string& store, std::span<const RunStory> stories,
                     std::size_t left_out) {
  std::string out = "<h1>" + escaped(printable(store, kLongestName)) + "</h1>\n<ul>\n";
  for (std::size_t i = 0; i < stories.size(); ++i) {
    out += text("<li><a href=\"#run-%zu\">", i + 1) + name_of_run(stories[i]) +
           "</a>: " + escaped(run_summary(stories[i].run)) + "</li>\n";
  }
  out += "</ul>\n";
  if (left_out > 0) {
    out += text("<p class=\"quiet\">%zu older runs are not on this page.</p>\n", left_out);
  }
  return out;
}

// The words of the page, for whoever sees them for the first time.
std::string words_section() {
  std::string out = "<section id=\"words\">\n<h2>What the words mean</h2>\n<dl>\n";
  for (const words::Term& term : words::glossary()) {
    out += "<dt>" + escaped(std::string(term.term)) + "</dt><dd>" +
           escaped(std::string(term.meaning)) + "</dd>\n";
  }
  out += "</dl>\n<table><thead><tr><th>state</th><th>means</th><th>do</th></tr></thead>\n";
  for (const words::StateWords& state : words::state_words()) {
    out += "<tr><td class=\"state\">" + std::string(name_of(state.state)) + "</td><td>" +
           escaped(std::string(state.meaning)) + "</td><td>" + escaped(std::string(state.advice)) +
           "</td></tr>\n";
  }
  return out + "</table>\n</section>\n";
}

}  // namespace

std::string report_page(const std::string& store, std::span<const RunStory> stories,
                        std::size_t left_out) {
  const bool several = stories.size() > 1 || left_out > 0;
  std::string page;
  if (several) page += contents(store, stories, left_out);
  for (std::size_t i = 0; i < stories.size(); ++i) {
    page += section(stories[i], i + 1, several ? "h2" : "h1");
  }
  page += words_section() + "<p class=\"quiet\">Made by azimuth " AZIMUTH_VERSION " from " +
          escaped(printable(store, kLongestName)) + ".</p>\n";
  return html_page(printable(several ? store : stories.front().run.run, kLongestName), page);
}

}  // namespace azimuth::cli
