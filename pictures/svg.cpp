#include "svg.h"

#include <charconv>
#include <cstdint>
#include <iterator>

namespace azimuth::pictures {
namespace {

std::string coordinate(double value) {
  char buffer[400];  // enough for any double
  const auto end = std::to_chars(buffer, std::end(buffer), value, std::chars_format::fixed, 1).ptr;
  return {buffer, end};
}

std::string attribute(std::string_view name, double value) {
  std::string text = " ";
  text.append(name).append("=\"").append(coordinate(value)).append("\"");
  return text;
}

std::string path_data(const std::vector<Point>& points) {
  std::string data;
  for (const auto& [x, y] : points) {
    data += data.empty() ? 'M' : 'L';
    data += coordinate(x) + " " + coordinate(y);
  }
  if (points.size() == 1) data += "Z";
  return data;
}

/// Bytes of the UTF-8 character that `text` begins with; 0 if there is none that XML allows.
std::size_t character_size(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  if (byte(0) < 0x80) {
    const bool allowed = byte(0) >= 0x20 || byte(0) == '\t' || byte(0) == '\n' || byte(0) == '\r';
    return allowed ? 1 : 0;
  }
  const std::size_t size = byte(0) >= 0xF0 ? 4 : byte(0) >= 0xE0 ? 3 : 2;
  if (byte(0) < 0xC2 || byte(0) > 0xF4 || text.size() < size) return 0;
  std::uint32_t code = byte(0) & (0xFF >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3F);
  }
  const bool overlong = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
  const bool forbidden = (code >= 0xD800 && code < 0xE000) || code == 0xFFFE || code == 0xFFFF;
  return overlong || forbidden || code > 0x10FFFF ? 0 : size;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto size = character_size(text);
    switch (size == 0 ? '\0' : text.front()) {
      case '\0':
        out += "\uFFFD";
        break;
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += text.substr(0, size);
    }
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return out;
}

std::string short_number(double value) {
  char buffer[32];
  const auto end =
      std::to_chars(buffer, std::end(buffer), value, std::chars_format::general, 3).ptr;
  return {buffer, end};
}

Svg::Svg(double width, double height, std::string_view title) {
  out_ = "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 " +
         coordinate(width) + " " + coordinate(height) + "\"" + attribute("width", width) +
         attribute("height", height) +
         " font-family=\"'DejaVu Sans', Verdana, Helvetica, Arial, sans-serif\" font-size=\"12\" "
         "fill=\"#333\">\n<title>" +
         escaped(title) + "</title>\n";
  box({0, 0, width, height}, "fill=\"#fff\"");
}

void Svg::line(Point from, Point to, std::string_view attributes) {
  out_ += "<line" + attribute("x1", from.x) + attribute("y1", from.y) + attribute("x2", to.x) +
          attribute("y2", to.y) + " " + std::string(attributes) + "/>\n";
}

void Svg::box(const Box& box, std::string_view attributes) {
  out_ += "<rect" + attribute("x", box.left) + attribute("y", box.top) +
          attribute("width", box.width()) + attribute("height", box.height()) + " " +
          std::string(attributes) + "/>\n";
}

void Svg::path(const std::vector<Point>& points, std::string_view attributes) {
  if (points.empty()) return;
  out_ += "<path d=\"" + path_data(points) +
          "\" fill=\"none\" stroke-linecap=\"round\" stroke-linejoin=\"round\" " +
          std::string(attributes) + "/>\n";
}

void Svg::area(const std::vector<Point>& outline, std::string_view attributes) {
  if (outline.empty()) return;
  out_ += "<path d=\"" + path_data(outline) + "Z\" " + std::string(attributes) + "/>\n";
}

void Svg::circle(Point centre, double radius, std::string_view attributes) {
  out_ += "<circle" + attribute("cx", centre.x) + attribute("cy", centre.y) +
          attribute("r", radius) + " " + std::string(attributes) + "/>\n";
}

void Svg::text(Point at, std::string_view text, std::string_view attributes) {
  out_ += "<text" + attribute("x", at.x) + attribute("y", at.y) + " " + std::string(attributes) +
          ">" + escaped(text) + "</text>\n";
}

std::string Svg::finish() && { return std::move(out_) + "</svg>\n"; }

}  // namespace azimuth::pictures
