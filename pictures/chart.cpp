#include "chart.h"

#include "azimuth/utf8.h"

namespace azimuth::pictures {
namespace {

constexpr double kRow = 18;
constexpr std::size_t kLongestWords = 40;  // characters

}  // namespace

void Legend::add(std::string words, Sample sample) {
  words = shortened(words, kLongestWords);
  const double width = 44 + 6.6 * static_cast<double>(utf8_characters(words));
  if (next_.x > kChartLeft && next_.x + width > kChartRight) {
    next_ = {kChartLeft, next_.y + kRow};
  }
  entries_.push_back({next_, std::move(words), std::move(sample)});
  next_.x += width;
}

double Legend::height() const { return entries_.empty() ? 8 : next_.y + 10; }

void Legend::draw(Svg& svg) const {
  for (const Entry& entry : entries_) {
    entry.sample(svg, {entry.at.x, entry.at.y - 4});
    svg.text({entry.at.x + 30, entry.at.y}, entry.words, "font-size=\"11.5\"");
  }
}

std::string empty_chart(std::string_view title, std::string_view why) {
  Svg svg(kChartWidth, 60, title);
  svg.text({kChartWidth / 2, 34}, why, "text-anchor=\"middle\" fill=\"#777\"");
  return std::move(svg).finish();
}

}  // namespace azimuth::pictures
