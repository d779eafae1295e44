#include "azimuth/pictures.h"

#include <gmock/gmock.h>
#include <sys/wait.h>

#include <cmath>
#include <cstdio>
#include <limits>
#include <tuple>
#include <vector>

#include "azimuth/run_charts.h"
#include "support/sample_observation.h"

namespace azimuth::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// Whether Python's XML parser takes it.
bool is_well_formed(const std::string& xml) {
  FILE* parser = popen(
      "python3 -c 'import sys, xml.sax; xml.sax.parse(sys.stdin.buffer, xml.sax.ContentHandler())'",
      "w");
  if (parser == nullptr) return false;
  const bool written = fwrite(xml.data(), 1, xml.size(), parser) == xml.size();
  return WEXITSTATUS(pclose(parser)) == 0 && written;
}

int count(const std::string& text, const std::string& part) {
  int found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

/// A model of 12 blocks with a stage from 3 to 4 and the primary one from 6 to 10.
Observation twelve_blocks(std::int64_t step, State state) {
  auto o = sample_observation();
  o.step = step;
  o.state = state;
  o.model.block_count = 12;
  o.blocks.clear();
  for (int block = 0; block <= 12; ++block) {
    BlockObservation b;
    b.block = block;
    const double high = block >= 6 && block <= 10 ? 20000 : 500;
    b.norms = {40, high, high * 1.1};
    b.reference_norm = 50;
    o.blocks.push_back(b);
  }
  StageObservation first, primary;
  first.first_block = 3;
  first.last_block = 4;
  first.explosion_blocks = {{3, 12.5}};
  first.decay_blocks = {{5, 0.25}};
  primary.first_block = 6;
  primary.last_block = 10;
  primary.explosion_blocks = {{6, 147.2}};
  primary.decay_blocks = {{11, 0.4}};
  o.stages = {first, primary};
  o.primary_stage = 1;
  return o;
}

std::vector<Observation> a_run() {
  std::vector<Observation> run = {
      twelve_blocks(0, State::settling), twelve_blocks(100, State::settling),
      twelve_blocks(200, State::stable), twelve_blocks(300, State::stable)};
  run[0].angles = {{"base", 0, 0.02, 0}};
  return run;
}

TEST(DrawRun, ShowsNormsStagesAnglesAndStates) {
  const auto svg = draw_run(a_run());
  EXPECT_TRUE(is_well_formed(svg));
  for (const auto part : {"sample-run",
                          "hidden size 4",
                          "12 blocks",
                          "step 300",
                          "stable since step 15",
                          "high-norm tokens",
                          "initial tokens, median",
                          "reference",
                          "explosion block",
                          "decay block",
                          "stage 2 (primary)",
                          "norm of the hidden state",
                          "10⁴",
                          "optimizer step",
                          "to the base",
                          "to the previous snapshot",
                          "noise floor",
                          ">0°<",
                          ">settling<",
                          ">stable<"}) {
    EXPECT_THAT(svg, HasSubstr(part));
  }
  for (const auto label : {"3 ×12.5", "5 ×0.25", "6 ×147", "11 ×0.4"}) {
    EXPECT_THAT(svg, HasSubstr(std::string(">") + label + "<"));
  }
  EXPECT_EQ(count(svg, "class=\"stage\""), 2);
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg, Not(HasSubstr("inf\"")));
}

TEST(DrawRun, DrawsTheThresholdsThatTheAxisShows) {
  auto run = a_run();
  const auto turned = [&](double degrees) {
    run[3].angles = {{"base", degrees, 0.02, 0}};
    const std::vector points = {run_point(run[0]), run_point(run[3])};
    const auto chart = draw_turns(points, {});
    EXPECT_TRUE(is_well_formed(chart));
    EXPECT_EQ(count(draw_run(run), ": drifting<"), count(chart, ": drifting<"));
    return chart;
  };
  EXPECT_THAT(turned(40),
              AllOf(HasSubstr(">up to 2°: at rest<"), HasSubstr(">beyond 5°: drifting<"),
                    HasSubstr(">beyond 30°: changed<")));
  EXPECT_THAT(turned(8), AllOf(HasSubstr(">beyond 5°: drifting<"), Not(HasSubstr(": changed<"))));
}

TEST(DrawRun, EscapesHostileNames) {
  auto o = twelve_blocks(0, State::stable);
  o.run = "</text><script>alert('x')</script> & \"y\" \x01\xff\xe2\x28 \xed\xa0\x80 né";
  o.model.architecture = "<b>";
  const auto svg = draw_run({{o}});
  EXPECT_TRUE(is_well_formed(svg));
  EXPECT_THAT(svg, Not(HasSubstr("<script")));
  EXPECT_THAT(svg, Not(HasSubstr("<b>")));
  EXPECT_THAT(svg,
              HasSubstr("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;y&quot;"));
  EXPECT_THAT(svg, HasSubstr("né"));
}

TEST(DrawRun, CutsLongNamesBetweenCharacters) {
  auto o = twelve_blocks(0, State::stable);
  for (o.run = "x"; o.run.size() < 5000;) o.run += "é";
  const auto svg = draw_run({{o}});
  EXPECT_TRUE(is_well_formed(svg));
  EXPECT_THAT(svg, HasSubstr("é…<"));
  EXPECT_THAT(svg, Not(HasSubstr("\uFFFD")));
}

TEST(DrawRun, ShowsThatThereIsNothing) {
  const auto svg = draw_run({});
  EXPECT_TRUE(is_well_formed(svg));
  EXPECT_THAT(svg, HasSubstr("no observations"));
}

TEST(DrawRun, AFileHasNormsAlone) {
  auto o = twelve_blocks(0, State::unspecified);
  o.sequence = 0;
  o.angles.clear();
  const auto svg = draw_run({{o}});
  EXPECT_TRUE(is_well_formed(svg));
  EXPECT_THAT(svg, HasSubstr("stage 2 (primary)"));
  EXPECT_THAT(svg, Not(HasSubstr("step")));
}

TEST(DrawRun, WithoutStagesThereAreNoMarks) {
  auto o = twelve_blocks(0, State::absent);
  o.stages.clear();
  o.primary_stage = -1;
  o.angles.clear();
  o.probe.high_norm_token_ids.clear();
  const auto svg = draw_run({{o}});
  EXPECT_TRUE(is_well_formed(svg));
  EXPECT_THAT(svg, Not(HasSubstr("class=\"stage\"")));
  EXPECT_THAT(svg, Not(HasSubstr("explosion block")));
  EXPECT_THAT(svg, HasSubstr("no angles: no token is high-norm (ABSENT)"));
  EXPECT_THAT(svg, HasSubstr("  ·  ABSENT: no token is high-norm"));
  EXPECT_THAT(draw_turns({{run_point(o)}}, {}), HasSubstr("(ABSENT)"));
  o.state = State::settling;
  EXPECT_THAT(draw_run({{o}}), HasSubstr("no angles yet"));
  EXPECT_THAT(svg, HasSubstr(">absent<"));
}

class UnusualNumber : public ::testing::TestWithParam<double> {};

TEST_P(UnusualNumber, IsLeftOut) {
  auto run = a_run();
  for (auto& o : run) {
    for (auto& block : o.blocks) {
      for (auto& norm : block.norms) norm = GetParam();
      block.reference_norm = GetParam();
    }
    for (auto& stage : o.stages) stage.explosion_blocks[0].factor = GetParam();
    for (auto& angle : o.angles) angle.degrees = angle.noise_floor_degrees = GetParam();
  }
  const auto svg = draw_run(run);
  EXPECT_TRUE(is_well_formed(svg));
  EXPECT_THAT(svg, HasSubstr("no norms to show"));
  for (const auto word : {"\"nan", "\"inf", "\"-inf", "Mnan", "Minf"}) {
    EXPECT_THAT(svg, Not(HasSubstr(word)));
  }
}

INSTANTIATE_TEST_SUITE_P(DrawRun, UnusualNumber,
                         ::testing::Values(kNotApplicable, INFINITY, -INFINITY, 0.0, -1.0));

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

TEST(DrawModel, ShowsTextBelowItsDirectionsAndADotAToken) {
  Observation o = a_run().back();
  o.text.reset();
  const std::string without = draw_model(o, "model");
  EXPECT_THAT(without, Not(HasSubstr("On text")));
  TextObservation text;
  text.sequences = 1;
  text.blocks = {{.block = 0},
                 {.block = 1, .angle_to_weights = 3, .singular_angle = 80},
                 {.block = 2, .singular_angle = 20, .eigen_angle = 40}};
  o.text = text;
  const std::string empty = draw_model(o, "model");
  EXPECT_TRUE(is_well_formed(empty));
  EXPECT_THAT(empty, HasSubstr("On text: directions by block"));
  EXPECT_THAT(empty, HasSubstr("empirical direction to the eigenvector at decay"));
  EXPECT_THAT(empty, HasSubstr("no token is high-norm but initial ones"));
  // Three angles, two samples of dots, and the eigenvector's with its sample.
  EXPECT_EQ(count_of(empty, "<circle"), count_of(without, "<circle") + 7);
  o.text->other_tokens = {
      {.id = 1, .spelling = "a", .high_norm = 2, .peak_ratio = 30, .ratio_alone = 5},
      {.id = 2, .spelling = "b", .peak_ratio = 1.5, .ratio_alone = 200},
      {.id = 3, .spelling = "c", .peak_ratio = kNotApplicable, .ratio_alone = INFINITY}};
  const std::string svg = draw_model(o, "model");
  EXPECT_TRUE(is_well_formed(svg));
  EXPECT_THAT(svg, Not(HasSubstr("no token is high-norm but")));
  EXPECT_EQ(count_of(svg, "<circle"), count_of(empty, "<circle") + 2);
}

TEST(DrawRun, ExtremeNumbersStayInThePicture) {
  auto run = a_run();
  run[0].blocks[0].norms = {std::numeric_limits<double>::denorm_min(), 1, 1};
  run[3].blocks[5].norms = {std::numeric_limits<double>::max(), 1, 1e300};
  run[1].step = std::numeric_limits<std::int64_t>::min();
  run[2].step = std::numeric_limits<std::int64_t>::max();
  run[1].angles[0].degrees = 90;
  run[3].primary_stage = 77;
  const auto svg = draw_run(run);
  EXPECT_TRUE(is_well_formed(svg));
  EXPECT_LT(svg.size(), 100'000u);
}

// From above, of the dot of that number from 0.
double height_of_dot(const std::string& svg, int number) {
  std::size_t at = 0;
  for (int i = 0; i <= number; ++i) at = svg.find("<circle", at) + 1;
  return std::stod(svg.substr(svg.find(" cy=\"", at) + 5));
}

TEST(DrawQuantisation, HasADotASetBetweenTheLinesOfFloatAndRounded) {
  using enum MeasuredSet::Kind;
  QuantisationEvaluation e;
  e.sequences = 8;
  e.length = 512;
  const std::vector<WeightPlace> one = {{3, Role::down_weight}};
  for (const auto& [kind, perplexity, recovered] :
       {std::tuple(all_float, 10.0, 1.0), std::tuple(round_to_nearest, 30.0, 0.0),
        std::tuple(advised, 15.0, 0.75), std::tuple(control, 31.0, -0.05)}) {
    e.sets.push_back({kind, kind == advised ? one : std::vector<WeightPlace>(), perplexity,
                      recovered, 960, 960});
  }
  const std::string svg = draw_quantisation(e, "a <model>");
  EXPECT_TRUE(is_well_formed(svg));
  EXPECT_EQ(count(svg, "<circle"), 4);
  EXPECT_THAT(svg, AllOf(HasSubstr("a &lt;model&gt;"), HasSubstr("W8A8, a scale a weight; 8 × 512"),
                         HasSubstr(">round-to-nearest<"), HasSubstr(">15 · 75.0% back · 1 kept<"),
                         HasSubstr(">31 · -5.0% back<")));
  std::vector<double> x;  // of the dots
  for (auto at = svg.find("<circle cx=\""); at != std::string::npos;
       at = svg.find("<circle cx=\"", at + 1)) {
    x.push_back(std::stod(svg.substr(at + 12)));
  }
  EXPECT_NEAR((x[2] - x[0]) / (x[1] - x[0]), 0.25, 0.01) << "a quarter of what is lost";
  EXPECT_GT(x[3], x[1]);
  e.goal = 0.5;
  e.order = {25, 15};
  e.greedy = {15};
  const std::string curves = draw_quantisation(e, "");
  EXPECT_TRUE(is_well_formed(curves));
  EXPECT_EQ(count(curves, "<circle"), 4 + 2 + 1) << "a dot a number kept";
  EXPECT_THAT(curves, AllOf(HasSubstr(">50.0% back<"), HasSubstr(">down projections kept<")));
  EXPECT_EQ(height_of_dot(curves, 5), height_of_dot(curves, 6)) << "the same perplexity";
  EXPECT_LT(height_of_dot(curves, 4), height_of_dot(curves, 5)) << "less is lower";
  for (MeasuredSet& set : e.sets) set.recovered = std::numeric_limits<double>::quiet_NaN();
  e.scheme = {4, true};
  EXPECT_THAT(draw_quantisation(e, ""), AllOf(HasSubstr("W4A8, a scale an output"),
                                              HasSubstr(">15 · 1 kept<"), Not(HasSubstr("nan"))));
  EXPECT_TRUE(is_well_formed(draw_quantisation({}, "nothing")));
}

}  // namespace
}  // namespace azimuth::testing
