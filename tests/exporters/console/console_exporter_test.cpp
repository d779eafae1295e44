#include "azimuth/console_exporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <future>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/sample_observation.h"

namespace azimuth {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr const char* kErase = "\r\x1b[K";

/// A file in memory. Its text is what has been flushed.
class MemoryFile {
 public:
  MemoryFile() : file_(open_memstream(&data_, &size_)) {}
  ~MemoryFile() {
    std::fclose(file_);
    std::free(data_);
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::FILE* get() const { return file_; }
  std::string text() const { return {data_, size_}; }

 private:
  char* data_ = nullptr;
  std::size_t size_ = 0;
  std::FILE* file_;
};

class ConsoleExporterTest : public ::testing::Test {
 protected:
  ConsoleExporterTest() { unsetenv("NO_COLOR"); }

  std::vector<std::string> lines() const {
    std::vector<std::string> lines;
    std::string line;
    for (const char c : file_.text()) {
      if (c == '\n') {
        lines.push_back(line);
        line.clear();
      } else {
        line += c;
      }
    }
    EXPECT_EQ(line, "") << "after the last line";
    return lines;
  }

  MemoryFile file_;
};

TEST_F(ConsoleExporterTest, PrintsAHeaderThenOneLineASnapshotAndItsEvents) {
  const auto exporter = ConsoleExporter::create({.out = file_.get()});
  exporter->open([] { return MonitorStatus(); });
  exporter->write({testing::sample_observation(3), {}, nullptr});
  exporter->write({testing::sample_observation(4), {}, nullptr});
  exporter->end_run(std::chrono::steady_clock::now());

  EXPECT_THAT(
      lines(),
      ::testing::ElementsAre(
          "to previous: up to 2° at rest; to base: beyond 5° drifting, beyond 30° changed; "
          "±: what the method cannot resolve",
          "    step       loss  state           ratio  to previous           to base       "
          "        explosion     decay            cost",
          "      30     3.5000  stable          102.0  0.125° (±0.010) < 2°  1.250° (±0.020) < 5°"
          "  2             3               0.40%",
          "  ! state changed: settling to stable",
          "      40     3.5000  stable          102.0  0.125° (±0.010) < 2°  1.250° (±0.020) < 5°"
          "  2             3               0.40%",
          "  ! state changed: settling to stable"));
}

TEST_F(ConsoleExporterTest, DrawsABarBelowTheLinesOfATerminalAndErasesItBeforeEachLine) {
  const auto exporter =
      ConsoleExporter::create({.out = file_.get(), .total_steps = 80, .terminal = true});
  exporter->write({testing::sample_observation(2), {}, nullptr});
  std::string text = file_.text();
  EXPECT_TRUE(text.ends_with("\n[███████░░░░░░░░░░░░░░░░░░░░░░░] 25%  step 20 of 80")) << text;
  exporter->write({testing::sample_observation(4), {}, nullptr});
  text = file_.text();
  EXPECT_THAT(text, HasSubstr(std::string("step 20 of 80") + kErase + "\x1b[32m      40  "));
  EXPECT_TRUE(text.ends_with("50%  step 40 of 80")) << text;
  exporter->end_run(std::chrono::steady_clock::now());
  EXPECT_TRUE(file_.text().ends_with(std::string("step 40 of 80") + kErase));
}

TEST_F(ConsoleExporterTest, MovesTheBarBetweenSnapshots) {
  std::promise<void> redrawn;
  int calls = 0;
  const auto exporter = ConsoleExporter::create({.out = file_.get(),
                                                 .total_steps = 100,
                                                 .terminal = true,
                                                 .refresh_interval = std::chrono::milliseconds(1)});
  exporter->open([&] {
    // The second call comes after the bar of the first was drawn.
    if (++calls == 2) redrawn.set_value();
    MonitorStatus status;
    status.training_step = 42;
    return status;
  });
  ASSERT_EQ(redrawn.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
  exporter->end_run(std::chrono::steady_clock::now());
  const std::string text = file_.text();
  EXPECT_THAT(text, StartsWith(kErase));
  EXPECT_THAT(text, HasSubstr("42%  step 42 of 100"));
  EXPECT_EQ(text.find("step 42"), text.rfind("step 42")) << "drawn only when it changes";
}

TEST_F(ConsoleExporterTest, PrintsPlainLinesIntoAPipe) {
  const auto exporter = ConsoleExporter::create({.out = file_.get(), .total_steps = 80});
  exporter->open([] { return MonitorStatus(); });
  exporter->write({testing::sample_observation(), {}, nullptr});
  exporter->end_run(std::chrono::steady_clock::now());
  EXPECT_THAT(file_.text(), Not(HasSubstr("\x1b")));
  EXPECT_THAT(file_.text(), Not(HasSubstr("\r")));
  EXPECT_EQ(lines().size(), 4U);
}

TEST_F(ConsoleExporterTest, LeavesColoursOutWhereTheEnvironmentAsksForIt) {
  setenv("NO_COLOR", "1", 1);
  const auto exporter = ConsoleExporter::create({.out = file_.get(), .terminal = true});
  unsetenv("NO_COLOR");
  exporter->write({testing::sample_observation(), {}, nullptr});
  EXPECT_THAT(file_.text(), Not(HasSubstr("\x1b")));
}

TEST_F(ConsoleExporterTest, SaysThatTheTextWasNotTaken) {
  std::FILE* full = std::fopen("/dev/full", "w");
  ASSERT_NE(full, nullptr);
  const auto exporter = ConsoleExporter::create({.out = full});
  EXPECT_THROW(exporter->write({testing::sample_observation(), {}, nullptr}), std::runtime_error);
  std::fclose(full);
}

TEST_F(ConsoleExporterTest, RefusesMisuse) {
  EXPECT_THROW(ConsoleExporter::create({.out = nullptr}), std::invalid_argument);
  EXPECT_THROW(ConsoleExporter::create({.total_steps = -1}), std::invalid_argument);
  EXPECT_THROW(ConsoleExporter::create({.refresh_interval = std::chrono::milliseconds(0)}),
               std::invalid_argument);
}

}  // namespace
}  // namespace azimuth
