// The page that `azimuth report` writes, as a browser on a phone shows it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/run_program.h"
#include "cli/stored_run.h"

namespace azimuth::testing {
namespace {

using nlohmann::json;

constexpr int kPhoneWidth = 412;

// Shows `page` in a frame as wide as a phone and writes into the DOM what the browser made of it.
void write_probe(const std::filesystem::path& probe, const std::filesystem::path& page) {
  std::ofstream(probe) << R"html(<!DOCTYPE html><meta charset="utf-8"><iframe width=")html"
                       << kPhoneWidth << R"html(" height="900" style="border:0" src=")html"
                       << page.filename().string() << R"html("></iframe>
<pre id="seen"></pre>
<script>
document.querySelector("iframe").onload = (event) => {
  const page = event.target.contentDocument;
  const drawn = [...page.querySelectorAll("svg")].map((svg) => svg.getBoundingClientRect());
  document.getElementById("seen").textContent = "<<" + JSON.stringify({
    title: page.title,
    text: page.body.innerText,
    width: page.documentElement.scrollWidth,
    pictures: drawn.filter((box) => box.width > 100 && box.height > 50).length,
    broken: [...page.querySelectorAll("svg text")].filter((t) => /NaN|undefined/.test(t.textContent)).length,
    loaded: event.target.contentWindow.performance.getEntriesByType("resource").map((r) => r.name),
  }) + ">>";
};
</script>)html";
}

json seen_by_browser(const std::filesystem::path& page) {
  const std::filesystem::path probe = page.parent_path() / "probe.html";
  write_probe(probe, page);
  const Ended ended = run({"chromium", "--headless", "--no-sandbox", "--disable-gpu",
                           "--user-data-dir=" + (page.parent_path() / "profile").string(),
                           "--allow-file-access-from-files", "--virtual-time-budget=10000",
                           "--dump-dom", "file://" + probe.string()});
  EXPECT_EQ(ended.code, 0) << ended.err;
  std::string text = ended.out;
  for (const auto& [entity, character] :
       {std::pair{"&lt;", "<"}, std::pair{"&gt;", ">"}, std::pair{"&amp;", "&"}}) {
    for (std::size_t at = 0; (at = text.find(entity, at)) != std::string::npos; ++at) {
      text.replace(at, std::strlen(entity), character);
    }
  }
  const std::size_t begin = text.rfind("<<{");
  const std::size_t end = text.rfind("}>>");
  if (begin == std::string::npos || end == std::string::npos) {
    ADD_FAILURE() << "chromium printed\n" << ended.out << ended.err;
    return {};
  }
  return json::parse(text.substr(begin + 2, end + 1 - begin - 2));
}

TEST(ReportInBrowser, IsReadableOnAPhoneAndLoadsNothing) {
  const TemporaryFolder folder;
  const std::string store = folder.path() / "run.azimuth";
  const std::filesystem::path page = folder.path() / "report.html";
  store_run(store, "a-long-name-of-a-run-0123456789-0123456789-0123456789-0123456789", 40);
  ASSERT_EQ(run_program({"report", store, "-o", page}).code, 0);

  const json seen = seen_by_browser(page);
  ASSERT_FALSE(seen.empty());
  EXPECT_LE(seen.at("width"), kPhoneWidth);  // nothing has to be scrolled sideways
  EXPECT_EQ(seen.at("pictures"), 4);
  EXPECT_EQ(seen.at("broken"), 0);
  EXPECT_THAT(seen.at("loaded"), ::testing::IsEmpty());
  EXPECT_THAT(seen.at("text").get<std::string>(),
              ::testing::AllOf(::testing::HasSubstr("It has turned 39.000° from its base"),
                               ::testing::HasSubstr("drifting <b>"),
                               ::testing::HasSubstr("Norms by block")));
}

}  // namespace
}  // namespace azimuth::testing
