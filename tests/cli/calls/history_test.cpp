// `azimuth history` and `azimuth report` as a person calls them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/run_program.h"
#include "cli/stored_run.h"

namespace azimuth::testing {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::size_t count_of(const std::string& text, const std::string& word) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(word, at)) != std::string::npos; ++at) ++count;
  return count;
}

class History : public ::testing::Test {
 protected:
  std::string page_of(const std::string& run, const std::string& store) const {
    const std::string page = folder_.path() / "report.html";
    const Ended ended = run_program({"report", store, "--run", run, "-o", page});
    EXPECT_EQ(ended.code, 0) << ended.err;
    return contents_of(page);
  }

  TemporaryFolder folder_;
  const std::string store_ = folder_.path() / "run.azimuth";
};

/// Stores the last step of a `run-a` of six snapshots once more. Only the store that wrote them
/// adds to the same attempt.
void store_again(HistoryStore& store, const AngleObservation& previous, State state,
                 std::int64_t attempt = 1) {
  Observation o = sample_observation(7);
  o.run = "run-a";
  o.attempt = attempt;
  o.step = 50;
  o.state = state;
  o.angles = {previous, {"base", 5.0, 0.1, 0}};
  o.events.clear();
  if (state == State::changed) o.events = {{"state_changed", 50, "→ changed", kNotApplicable}};
  store.write(Record{o, {}, nullptr});
}

TEST_F(History, PrintsARowASnapshotWithItsEventsBelow) {
  store_run(store_, "run-a", 6);
  const Ended ended = run_program({"history", store_});
  ASSERT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.out, AllOf(HasSubstr("6 snapshots to step 50"), HasSubstr("not ended"),
                               HasSubstr("5.000° (±0.100) < 5°"),
                               HasSubstr("to base: beyond 5° drifting, beyond 30° changed"),
                               HasSubstr("! state changed: stable"),
                               HasSubstr("= drifting: The direction turns by more than 3°"),
                               HasSubstr("from its base, below 5°, where drifting begins"),
                               HasSubstr("drifting since step 30"), Not(HasSubstr("\x1b"))));
}

TEST_F(History, ShowsWhatWasLost) {
  HistoryStore store(store_);
  const auto failed = [](std::int64_t step, double time) {
    return FailedSnapshot{.run = "run-a",
                          .attempt = 1,
                          .step = step,
                          .time = time,
                          .reason = "parameter w has disappeared"};
  };
  store.open([] {
    MonitorStatus status{.run = "run-a"};
    status.exporters = {{.name = "grpc", .dropped = 3}};
    return status;
  });
  store_run(store, "run-a", 2);
  store.write_failure(failed(5, sample_observation(1).time + 0.5));
  store.write_failure(failed(20, sample_observation(2).time + 1));
  store.end_run({});
  const std::string shown = run_program({"history", store_}).out;
  EXPECT_THAT(shown, HasSubstr("ended, 2 snapshots failed, grpc never got 3 records"));
  const std::string row = "! the snapshot failed: parameter w has disappeared";
  EXPECT_EQ(count_of(shown, row), 2u);
  EXPECT_LT(shown.find("       5  " + row), shown.find("      10     3.5000"));
  EXPECT_GT(shown.find("      20  " + row), shown.find("      10     3.5000"));
  const json run = json::parse(run_program({"history", store_, "--format", "json"}).out)["runs"][0];
  EXPECT_EQ(run.at("failed_snapshots").at(1).at("reason"), "parameter w has disappeared");
  EXPECT_EQ(run.at("losses").at(0).at("records"), "3");
  EXPECT_THAT(page_of("run-a", store_), HasSubstr("Not all is here: 2 snapshots failed."));
}

TEST_F(History, PrintsJsonWithEveryObservationOnce) {
  store_run(store_, "run-a", 5);
  store_run(store_, R"(b"observations":[],)", 2);
  const Ended ended = run_program({"history", store_, "--format", "json"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  const json runs = json::parse(ended.out).at("runs");
  ASSERT_EQ(runs.size(), 2u);
  // Both began at the same time.
  const json& a = runs[0].at("run") == "run-a" ? runs[0] : runs[1];
  const json& b = runs[0].at("run") == "run-a" ? runs[1] : runs[0];
  EXPECT_EQ(a.at("run"), "run-a");
  EXPECT_EQ(a.at("observation_count"), "5");
  EXPECT_EQ(a.at("ended"), false);
  ASSERT_EQ(a.at("observations").size(), 5u);
  EXPECT_EQ(a.at("observations")[4].at("step"), "40");
  EXPECT_EQ(a.at("observations")[4].at("angles")[1].at("degrees"), 4);
  EXPECT_EQ(b.at("run"), R"(b"observations":[],)");
  EXPECT_EQ(b.at("observations").size(), 2u);
}

TEST_F(History, PrintsCsvOfDocumentedColumns) {
  store_run(store_, "run, \"a\"", 3);
  const Ended ended = run_program({"history", store_, "--format", "csv"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(
      ended.out,
      "run,attempt,step,time,state,state_since_step,provisional,loss,peak_ratio,"
      "angle_to_previous,angle_to_previous_noise_floor,angle_to_base,"
      "angle_to_base_noise_floor,overhead_ratio,training_thread_seconds,"
      "analysis_cpu_seconds,explosion_blocks,decay_blocks,angles_to_others,events\n"
      "\"run, \"\"a\"\"\",1,0,1700000001.250,stable,0,1,3.5,102,1,0.1,0,0.1,0.004,0.01,0.2,2,3,,\n"
      "\"run, \"\"a\"\"\",1,10,1700000002.250,stable,0,1,3.5,102,1,0.1,1,0.1,0.004,0.01,0.2,2,3,,\n"
      "\"run, "
      "\"\"a\"\"\",1,20,1700000003.250,drifting,20,1,3.5,102,1,0.1,2,0.1,0.004,0.01,0.2,2,3,,"
      "state_changed: stable → drifting <b>\n");
  const std::string documented = contents_of(AZIMUTH_CLI_TESTS "/../../docs/history.md");
  std::istringstream columns(ended.out.substr(0, ended.out.find('\n')));
  for (std::string column; std::getline(columns, column, ',');) {
    EXPECT_THAT(documented, HasSubstr("`" + column + "`"));
  }
}

TEST_F(History, LeavesCellsEmptyWhereANumberDoesNotApply) {
  HistoryStore store(store_);
  Observation o = sample_observation(1);
  o.loss = kNotApplicable;
  o.loss_is_nan = false;
  o.angles = {{"release", 1.5, 0.1, 0}};
  o.events.clear();
  store.write(Record{o, {}, nullptr});
  const Ended ended = run_program({"history", store_, "--format", "csv"});
  EXPECT_THAT(ended.out, HasSubstr(",1,,102,,,,,0.004,0.01,0.2,2,3,release: 1.5,\n"));
}

TEST_F(History, WritesEventFilesThatTensorBoardReads) {
  {
    HistoryStore store(store_);
    store_run(store, "run-a", 3);
    store_again(store, {"previous", 1.0, 0.1, 10}, State::drifting, 2);
    store_run(store, "../run-b", 2);
  }
  const std::string logs = folder_.path() / "logs";
  const Ended ended = run_program({"history", store_, "--tensorboard", logs});
  ASSERT_EQ(ended.code, 0) << ended.err;
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "run-b")) << "a name is no path";
  const Ended read = run({"python3", AZIMUTH_CLI_TESTS "/calls/read_event_files.py", logs});
  ASSERT_EQ(read.code, 0) << read.err;
  const json runs = json::parse(read.out);
  ASSERT_EQ(runs.size(), 2u) << read.out;
  const json& a = runs.at("run-a");
  EXPECT_EQ(a.at("azimuth/angle_to_base"), json({{1700000001.25, 0, 0.0},
                                                 {1700000002.25, 10, 1.0},
                                                 {1700000003.25, 20, 2.0},
                                                 {1700000007.25, 50, 5.0}}));
  EXPECT_EQ(a.at("azimuth/loss").size(), 4u);
  EXPECT_EQ(runs.at("_._run-b").at("azimuth/peak_ratio"),
            json({{1700000001.25, 0, 102.0}, {1700000002.25, 10, 102.0}}));
  EXPECT_EQ(run_program({"history", store_, "--tensorboard", logs, "--format", "csv"}).code, 2);
}

TEST_F(History, ShowsOneRunOfSeveralAndNamesThemWhereThereIsNoSuch) {
  store_run(store_, "run-a", 2);
  store_run(store_, "run-b", 3);
  const Ended one = run_program({"history", store_, "--run", "run-b", "--format", "json"});
  ASSERT_EQ(one.code, 0) << one.err;
  EXPECT_EQ(json::parse(one.out).at("runs").size(), 1u);
  const Ended none = run_program({"history", store_, "--run", "run-c"});
  EXPECT_EQ(none.code, 3);
  EXPECT_EQ(none.err, "azimuth: " + store_ + ": run run-c: this history has run-a, run-b\n");
}

TEST_F(History, NamesTheNearestStepsWhereThereIsNoSnapshot) {
  store_run(store_, "run-a", 3);
  const auto why = [&](const std::string& step) {
    return run_program({"inspect", store_ + "@" + step}).err;
  };
  EXPECT_THAT(why("13"), HasSubstr("no snapshot of step 13; the nearest are of steps 10 and 20\n"));
  EXPECT_THAT(why("99"), HasSubstr("no snapshot of step 99; the nearest is of step 20\n"));
}

TEST_F(History, RefusesWhatIsNoStore) {
  for (const char* call : {"history", "report"}) {
    std::vector<std::string> arguments = {call, folder_.path() / "none.azimuth"};
    if (std::string(call) == "report") {
      arguments.insert(arguments.end(), {"-o", folder_.path() / "report.html"});
    }
    const Ended ended = run_program(arguments);
    EXPECT_EQ(ended.code, 3) << call;
    EXPECT_EQ(std::ranges::count(ended.err, '\n'), 1) << ended.err;
    EXPECT_THAT(ended.err, HasSubstr("none.azimuth: "));
  }
}

TEST_F(History, TheReportIsOnePageThatAsksForNothing) {
  store_run(store_, "<script>alert(1)</script>", 6);
  const std::string page = page_of("<script>alert(1)</script>", store_);
  EXPECT_THAT(page, AllOf(HasSubstr("width=device-width"), HasSubstr("&lt;script&gt;alert(1)"),
                          HasSubstr("It has turned 5.000° from its base"),
                          HasSubstr("<b>5.000°</b><span>from the base ± 0.1°: below 5°, where "),
                          HasSubstr("It has been drifting since step 30. The direction turns by"),
                          HasSubstr("What the words mean"), HasSubstr("<dt>±, noise floor</dt>"),
                          HasSubstr("drifting &lt;b&gt;"), HasSubstr("Norms by block"),
                          HasSubstr("Block 2 has no singular direction and no eigenvalue: a "
                                    "&lt;reason&gt;.")));
  EXPECT_THAT(page, AllOf(Not(HasSubstr("<script")), Not(HasSubstr("src=")),
                          Not(HasSubstr("@import")), Not(HasSubstr("url("))));
  EXPECT_EQ(count_of(page, "href="),
            count_of(page, "href=\"#") + count_of(page, "href=\"data:,\""));
}

/// The part of a page that begins with these words.
std::string figure(const std::string& page, const std::string& words) {
  const std::size_t start = page.find(words);
  if (start == std::string::npos) return "";
  return page.substr(start, page.find("</figure>", start) - start);
}

TEST_F(History, TheRecordAtTheEndIsNoStepThatCameAgain) {
  HistoryStore store(store_);
  store_run(store, "run-a", 6);
  const std::string turns = figure(page_of("run-a", store_), "Turn of the high-norm direction");
  ASSERT_THAT(turns, HasSubstr("<svg"));
  store_again(store, {"previous", 0.0, 0.1, 50}, State::drifting);
  const std::string page = page_of("run-a", store_);
  EXPECT_EQ(figure(page, "Turn of the high-norm direction"), turns);
  EXPECT_THAT(page,
              AllOf(HasSubstr("<span>7 snapshots</span>"), HasSubstr("7 snapshots to step 50"),
                    Not(HasSubstr("6 snapshots")), Not(HasSubstr("leave out"))));
}

TEST_F(History, TheReportCountsTheStepsThatCameAgain) {
  HistoryStore store(store_);
  store_run(store, "run-a", 6);
  store_again(store, {"previous", 1.0, 0.1, 40}, State::drifting, 2);
  EXPECT_THAT(page_of("run-a", store_),
              HasSubstr("The charts leave out 1 observation of steps that came again: the run was "
                        "started 2 times."));
}

TEST_F(History, SaysThatWeightsAreNotFiniteInThePlaceOfAState) {
  {
    HistoryStore store(store_);
    store_run(store, "run-a", 6);
    Observation o = sample_observation(7);
    o.run = "run-a";
    o.attempt = 1;
    o.step = 60;
    o.state = State::nonfinite;
    o.state_since_step = 60;
    o.stages.clear();
    o.primary_stage = -1;
    o.direction.clear();
    o.angles.clear();
    o.nonfinite = NonfiniteTensor{"layers.1.<up>", 2, false};
    o.loss = kNotApplicable;
    for (BlockObservation& block : o.blocks) {
      block.norms.assign(3, kNotApplicable);
      block.ratio_max = kNotApplicable;
    }
    o.events = {{"nonfinite_weights", 60, "layers.1.<up> is NaN or infinite", kNotApplicable}};
    store.write(Record{o, {}, nullptr});
  }
  const Ended ended = run_program({"history", store_});
  EXPECT_THAT(ended.out, AllOf(HasSubstr("      NaN  nonfinite "),
                               HasSubstr("\nnonfinite since step 60: the first tensor at fault is "
                                         "layers.1.<up>, of block 2, watching cost"),
                               HasSubstr("= nonfinite: Hidden states are NaN or infinite"),
                               Not(HasSubstr("nan"))));
  const std::string page = page_of("run-a", store_);
  EXPECT_THAT(page, AllOf(HasSubstr("<b>nonfinite</b><span>since step 60"),
                          HasSubstr("At step 60 the first tensor at fault is layers.1.&lt;up&gt;, "
                                    "of block 2."),
                          HasSubstr("The training loss is NaN."),
                          HasSubstr("class=\"severe\">nonfinite weights"), Not(HasSubstr("nan ")),
                          Not(HasSubstr("ABSENT"))));
  EXPECT_THAT(run_program({"history", store_, "--format", "csv"}).out,
              HasSubstr(",60,1700000007.250,nonfinite,60,1,nan,,"));
}

TEST_F(History, SaysThatARunHasNoDirection) {
  HistoryStore store(store_);
  for (int step = 0; step < 3; ++step) {
    Observation o = sample_observation(1);
    o.sequence = step + 1;
    o.attempt = 1;
    o.step = step;
    o.stages.clear();
    o.primary_stage = -1;
    o.direction.clear();
    o.provisional = false;
    o.angles.clear();
    o.events.clear();
    o.probe.high_norm_token_ids.clear();
    o.probe.reference = ReferenceNorm::zero_attention;
    for (BlockObservation& block : o.blocks) block.ratio_max = 1 + 0.25 * block.block;
    o.state = State::absent;
    o.state_since_step = 0;
    o.loss_is_nan = false;
    store.write(Record{o, {}, nullptr});
  }
  const std::string nearest = "he largest norm ratio is 1.5, at block 2, of token 99.";
  const Ended ended = run_program({"history", store_});
  EXPECT_THAT(ended.out, AllOf(HasSubstr("= absent: No hidden states are more than twice"),
                               HasSubstr("\nabsent since step 0, watching cost"),
                               HasSubstr("\nT" + nearest + "\n"),
                               HasSubstr("\nIts base has no high-norm direction"),
                               HasSubstr("  no direction          no direction")));
  EXPECT_THAT(page_of("sample-run", store_),
              AllOf(HasSubstr("<b>absent</b><span>since step 0"),
                    HasSubstr("<p>ABSENT: no token is high-norm; t" + nearest),
                    HasSubstr("state has been absent since the beginning."),
                    HasSubstr("the norm of ordinary tokens: block 2, token 99"),
                    HasSubstr("(ABSENT)"), Not(HasSubstr("nan"))));
}

TEST_F(History, TheReportMarksAChangeAsSevere) {
  HistoryStore store(store_);
  store_run(store, "run-a", 6);
  EXPECT_THAT(page_of("run-a", store_), Not(HasSubstr("class=\"severe\">")));
  store_again(store, {"previous", 1.0, 0.1, 40}, State::changed);
  EXPECT_THAT(page_of("run-a", store_), HasSubstr("class=\"severe\">state changed<"));
}

TEST_F(History, TheReportOfALongRunStaysSmallAndKeepsItsEvents) {
  store_run(store_, "long", 3'000);
  const std::string page = page_of("long", store_);
  EXPECT_LT(page.size(), 2'000'000u);
  EXPECT_THAT(page, AllOf(HasSubstr("drifting &lt;b&gt;"), HasSubstr("step 29990")));
}

}  // namespace
}  // namespace azimuth::testing
