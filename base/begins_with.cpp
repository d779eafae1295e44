#include "azimuth/begins_with.h"

#include <fstream>
#include <string>
#include <system_error>

namespace azimuth {

bool begins_with(const std::filesystem::path& file, std::string_view magic) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) return false;
  std::string start(magic.size(), '\0');
  std::ifstream stream(file, std::ios::binary);
  stream.read(start.data(), static_cast<std::streamsize>(start.size()));
  return stream && start == magic;
}

}  // namespace azimuth
