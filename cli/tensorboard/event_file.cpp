#include "tensorboard/event_file.h"

#include <tensorboard/event.pb.h>

#include <array>
#include <cmath>
#include <string_view>

namespace azimuth::cli {
namespace {

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4), for which Debian 12 has no library in C++.
constexpr std::array<std::uint32_t, 256> crc_table() {
  std::array<std::uint32_t, 256> table = {};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);
    table[i] = crc;
  }
  return table;
}

/// Masked as TFRecord has it: a checksum of bytes that hold checksums would be weak.
std::uint32_t masked_crc(std::string_view bytes) {
  static constexpr auto table = crc_table();
  std::uint32_t crc = ~0u;
  for (const char byte : bytes) {
    crc = (crc >> 8) ^ table[(crc ^ static_cast<unsigned char>(byte)) & 0xff];
  }
  crc = ~crc;
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

template <class Number>
std::string little_endian(Number number) {
  std::string bytes;
  for (std::size_t i = 0; i < sizeof number; ++i) {
    bytes += static_cast<char>((number >> (8 * i)) & 0xff);
  }
  return bytes;
}

}  // namespace

EventFile::EventFile(double wall_time) {
  tensorboard::Event event;
  event.set_wall_time(wall_time);
  event.set_file_version("brain.Event:2");
  append(event.SerializeAsString());
}

void EventFile::restart(double wall_time, std::int64_t step) {
  tensorboard::Event event;
  event.set_wall_time(wall_time);
  event.set_step(step);
  event.mutable_session_log()->set_status(tensorboard::SessionLog::START);
  append(event.SerializeAsString());
}

void EventFile::add(double wall_time, std::int64_t step, std::span<const Scalar> scalars) {
  tensorboard::Event event;
  event.set_wall_time(wall_time);
  event.set_step(step);
  for (const Scalar& scalar : scalars) {
    if (!std::isfinite(scalar.value)) continue;
    auto* value = event.mutable_summary()->add_value();
    value->set_tag(scalar.tag);
    value->set_simple_value(static_cast<float>(scalar.value));
  }
  if (event.has_summary()) append(event.SerializeAsString());
}

void EventFile::append(const std::string& event) {
  const std::string length = little_endian<std::uint64_t>(event.size());
  bytes_ += length + little_endian(masked_crc(length)) + event + little_endian(masked_crc(event));
}

}  // namespace azimuth::cli
