#pragma once

#include <string>

namespace azimuth::cli {

/// The words are HTML, but for `title`, which is escaped text.

/// A page with the style of all, which loads nothing and runs no script.
std::string html_page(const std::string& title, const std::string& body);

/// A box with a large word and a small one, both text, for a list of class "tiles".
std::string tile(const std::string& large, const std::string& small);

/// An SVG with a heading and a sentence.
std::string figure(const std::string& title, const std::string& below, const std::string& svg);

}  // namespace azimuth::cli
