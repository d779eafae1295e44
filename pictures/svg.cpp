#include "svg.h"

#include <charconv>
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

}  // namespace

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

void Svg::boxes(const std::vector<Box>& boxes, std::string_view attributes) {
  if (boxes.empty()) return;
  out_ += "<path d=\"";
  for (const Box& box : boxes) {
    out_ += "M" + coordinate(box.left) + " " + coordinate(box.top) + "h" + coordinate(box.width()) +
            "v" + coordinate(box.height()) + "h" + coordinate(-box.width()) + "z";
  }
  out_ += "\" " + std::string(attributes) + "/>\n";
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
