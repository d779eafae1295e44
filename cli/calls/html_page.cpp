#include "calls/html_page.h"

#include "azimuth/escaped.h"

namespace azimuth::cli {
namespace {

using pictures::escaped;

// The charts are drawn for white paper; the last rules turn their greys where the page is dark.
constexpr const char* kStyle = R"css(
:root { color-scheme: light dark; --paper: #fff; --card: #f5f7f9; --ink: #1c2024; --quiet: #59636e;
  --line: #d9dee3; --grid: #e4e4e4; --axis: #888; --bar: #0072b2; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #15181c; --card: #1d2126; --ink: #e8ebee; --quiet: #a3abb4; --line: #373e46;
    --grid: #2d3339; --axis: #868e96; --bar: #56b4e9; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.5;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0.5rem 0 0; }
h2 { font-size: 1.3rem; line-height: 1.25; margin: 2.5rem 0 0; }
h3 { font-size: 1.05rem; margin: 2rem 0 0.5rem; }
p { max-width: 46rem; }
a { color: var(--bar); }
.quiet { color: var(--quiet); margin: 0.2rem 0 1rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: 0.75rem;
  margin: 1rem 0; padding: 0; list-style: none; }
.tiles li { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: 0.6rem 0.8rem; }
.tiles b { display: block; font-size: 1.35rem; line-height: 1.3; }
.tiles span { color: var(--quiet); font-size: 0.875rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr));
  gap: 1.25rem; align-items: start; }
figure { margin: 0; min-width: 0; background: var(--paper); border: 1px solid var(--line);
  border-radius: 8px; padding: 0.75rem 0.5rem 0.25rem; }
figcaption { padding: 0 0.4rem 0.5rem; }
figcaption b { display: block; }
figcaption span { color: var(--quiet); font-size: 0.875rem; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr));
  gap: 0 2rem; align-items: start; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 0.9375rem; }
th, td { text-align: left; vertical-align: top; padding: 0.35rem 0.9rem 0.35rem 0;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th { color: var(--quiet); font-weight: 600; overflow-wrap: normal; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
td.time { white-space: nowrap; font-variant-numeric: tabular-nums; }
td.state { white-space: nowrap; font-weight: 600; }
#words + .quiet { margin-top: 1rem; }
td.severe { border-left: 4px solid #d55e00; padding-left: 0.6rem; }
td.wide { width: 45%; }
td.wide i { display: block; height: 0.8em; margin-top: 0.35em; border-radius: 2px;
  background: var(--bar); }
dl { display: grid; grid-template-columns: minmax(8rem, auto) 1fr; gap: 0.3rem 1.2rem; font-size: 0.9375rem;
  max-width: 60rem; }
dt { font-weight: 600; }
dd { margin: 0; }
code { font: 0.875rem/1.5 ui-monospace, "DejaVu Sans Mono", monospace; word-break: break-all; }
@media (max-width: 40rem) {
  dl { display: block; }
  dd { margin: 0 0 0.5rem; }
  .events td, .events tr { display: block; border: 0; padding: 0; }
  .events thead { display: none; }
  .events tr { border-bottom: 1px solid var(--line); padding: 0.5rem 0; }
  .events td.number { text-align: left; }
  .events td.number::before { content: "step "; }
  .events td.severe { padding-left: 0.6rem; }
}
.said { white-space: pre-line; }
figure svg { display: block; width: 100%; height: auto; fill: var(--ink); }
svg [fill="#fff"] { fill: var(--paper); }
svg [stroke="#fff"] { stroke: var(--paper); }
svg [fill="#777"] { fill: var(--quiet); }
svg [stroke="#e4e4e4"] { stroke: var(--grid); }
svg [stroke="#777"] { stroke: var(--quiet); }
svg [stroke="#888"] { stroke: var(--axis); }
svg [fill="#444444"] { fill: var(--ink); }
svg [stroke="#444444"] { stroke: var(--ink); }
)css";

}  // namespace

std::string html_page(const std::string& title, const std::string& body) {
  return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
         "style-src 'unsafe-inline'; img-src data:\">\n"
         "<link rel=\"icon\" href=\"data:,\">\n<title>" +
         escaped(title) + "</title>\n<style>" + kStyle + "</style>\n</head>\n<body>\n<main>\n" +
         body + "</main>\n</body>\n</html>\n";
}

std::string tile(const std::string& large, const std::string& small) {
  return "<li><b>" + escaped(large) + "</b><span>" + escaped(small) + "</span></li>\n";
}

std::string figure(const std::string& title, const std::string& below, const std::string& svg) {
  return "<figure><figcaption><b>" + title + "</b><span>" + below + "</span></figcaption>\n" + svg +
         "</figure>\n";
}

}  // namespace azimuth::cli
