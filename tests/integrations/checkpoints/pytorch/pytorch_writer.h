#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "integrations/checkpoints/pytorch/pickle_writer.h"
#include "integrations/checkpoints/safetensors/safetensors_writer.h"

namespace azimuth::testing {

struct ZipEntry {
  std::string name;
  std::string data;
  std::uint16_t method = 0;
  std::uint16_t flags = 0;
  std::optional<std::uint64_t> size = {};         ///< else that of `data`
  std::optional<std::uint64_t> unpacked = {};     ///< else `size`
  std::optional<std::uint64_t> offset = {};       ///< else where it is
  std::optional<std::string> local_name = {};     ///< else `name`
  std::optional<std::uint32_t> local_size = {};   ///< else `size`
  std::optional<std::uint16_t> local_extra = {};  ///< else 0, as many as there are
};

/// Makes zip archives as PyTorch does. What it writes is what the fields say, valid or not: a
/// hostile file is a valid one with one field changed.
struct PyTorchWriter {
  std::vector<ZipEntry> entries;  ///< first the pickle
  bool zip64 = false;
  std::string behind_directory = {};
  std::optional<std::uint64_t> count = {};
  std::optional<std::uint64_t> directory_size = {};
  std::optional<std::uint64_t> directory_offset = {};
  std::uint16_t disk = 0;

  std::string bytes() const {
    std::string file;
    std::string directory;
    for (const ZipEntry& entry : entries) {
      const std::uint64_t offset = entry.offset.value_or(file.size());
      const std::uint64_t size = entry.size.value_or(entry.data.size());
      const std::uint64_t unpacked = entry.unpacked.value_or(size);
      const std::string local = entry.local_name.value_or(entry.name);
      file += raw<std::uint32_t>(0x04034b50) + raw<std::uint16_t>(0) + raw(entry.flags) +
              raw(entry.method) + std::string(8, '\0') +
              raw(entry.local_size.value_or(static_cast<std::uint32_t>(size))) +
              raw(static_cast<std::uint32_t>(unpacked)) +
              raw(static_cast<std::uint16_t>(local.size())) +
              raw<std::uint16_t>(entry.local_extra.value_or(0)) + local + entry.data;
      const std::string extra = raw<std::uint16_t>(0x4242) + raw<std::uint16_t>(2) + "zz" +
                                raw<std::uint16_t>(1) + raw<std::uint16_t>(24) + raw(unpacked) +
                                raw(size) + raw(offset);
      const auto small = [&](std::uint64_t number) {
        return raw(zip64 ? ~0u : static_cast<std::uint32_t>(number));
      };
      directory += raw<std::uint32_t>(0x02014b50) + raw<std::uint32_t>(0) + raw(entry.flags) +
                   raw(entry.method) + std::string(8, '\0') + small(size) + small(unpacked) +
                   raw(static_cast<std::uint16_t>(entry.name.size())) +
                   raw(static_cast<std::uint16_t>(zip64 ? extra.size() : 0)) +
                   std::string(10, '\0') + small(offset) + entry.name + (zip64 ? extra : "");
    }
    directory += behind_directory;
    const std::uint64_t place = directory_offset.value_or(file.size());
    const std::uint64_t size = directory_size.value_or(directory.size());
    const std::uint64_t number = count.value_or(entries.size());
    file += directory;
    if (zip64) {
      const std::uint64_t end = file.size();
      file += raw<std::uint32_t>(0x06064b50) + raw<std::uint64_t>(44) + raw<std::uint32_t>(0) +
              raw<std::uint32_t>(disk) + raw<std::uint32_t>(0) + raw(number) + raw(number) +
              raw(size) + raw(place) + raw<std::uint32_t>(0x07064b50) + raw<std::uint32_t>(0) +
              raw(end) + raw<std::uint32_t>(1);
    }
    return file + raw<std::uint32_t>(0x06054b50) + raw(disk) + raw<std::uint16_t>(0) +
           raw(static_cast<std::uint16_t>(number)) + raw(static_cast<std::uint16_t>(number)) +
           raw(static_cast<std::uint32_t>(size)) + raw(static_cast<std::uint32_t>(place)) +
           raw<std::uint16_t>(0);
  }
};

/// A checkpoint of what `pickle` says, with the storages 0 (six float32 numbers), 1 (four truth
/// values) and 2 (two bfloat16 numbers).
inline PyTorchWriter checkpoint_of(std::string pickle) {
  PyTorchWriter writer;
  writer.entries = {{"archive/data.pkl", std::move(pickle)},
                    {"archive/byteorder", "little"},
                    {"archive/data/0", f32_data({1, 2, 3, 4, 5, 6})},
                    {"archive/data/1", std::string(4, '\1')},
                    {"archive/data/2", std::string("\x80\x3f\x00\x40", 4)}};
  return writer;
}

/// A matrix of 2 rows and 3 columns, a mask of truth values and a row of two halves.
inline PyTorchWriter small_checkpoint() {
  return checkpoint_of(
      pickle_of(dict_of({{"matrix", small_matrix()},
                         {"mask", tensor_of("BoolStorage", "1", 4, 0, {4}, {1})},
                         {"row", tensor_of("BFloat16Storage", "2", 2, 0, {2}, {1})}})));
}

/// The same in the older format, of which the parts can be changed.
struct LegacyWriter {
  std::string magic = std::string("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.");
  std::string version = pickle_of(integer_of(1001));
  std::string system = pickle_of(dict_of({{"little_endian", "\x88"}}));
  std::string pickle = small_checkpoint().entries[0].data;
  std::string keys = pickle_of("](" + text_of("2") + text_of("0") + text_of("1") + "e");
  std::string storages = raw<std::uint64_t>(2) + std::string("\x80\x3f\x00\x40", 4) +
                         raw<std::uint64_t>(6) + f32_data({1, 2, 3, 4, 5, 6}) +
                         raw<std::uint64_t>(4) + std::string(4, '\1');

  std::string bytes() const { return magic + version + system + pickle + keys + storages; }
};

inline std::string bytes_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace azimuth::testing
