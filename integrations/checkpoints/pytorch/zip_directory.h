#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

namespace azimuth {

/// The entries of a zip archive (PKWARE's APPNOTE.TXT, zip64 included) that lies in memory, to be
/// read where they lie: what is compressed or encrypted can be listed, but not read. Libraries for
/// zip hand out copies, and let through what is refused here: names that appear twice or lead
/// out of the archive, entries that overlap or end beyond the file. Check sums are not compared,
/// since that would read what is only mapped.
///
/// Every FileError names `file`. `bytes` must outlive this object; names and entries point into it.
class ZipDirectory {
 public:
  ZipDirectory(const std::filesystem::path& file, std::span<const std::byte> bytes);

  bool has(std::string_view name) const;

  /// The name of the entry that begins first.
  std::string_view first_name() const { return first_name_; }

  /// Throws FileError: no such entry, compressed, encrypted, or its local header says otherwise
  /// than the directory.
  std::span<const std::byte> entry(std::string_view name) const;

 private:
  struct Entry {
    std::string_view name;
    std::uint64_t header = 0;  ///< where its local header begins
    std::uint64_t size = 0;    ///< of what is stored
    std::uint64_t limit = 0;   ///< what follows begins here
    std::uint16_t method = 0;
    std::uint16_t flags = 0;
  };
  /// Where the central directory lies.
  struct Place {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::uint64_t entries = 0;
  };

  template <class Number>
  Number number(std::uint64_t position) const;
  std::string_view text(std::uint64_t position, std::uint64_t length) const;
  [[noreturn]] void fail(std::string_view why) const;
  [[noreturn]] void fail(const Entry& entry, std::string_view why) const;

  std::uint64_t find_end_record() const;
  Place find_directory() const;
  std::uint64_t read_entry(std::uint64_t position, std::uint64_t end);
  void read_large_sizes(Entry& entry, std::uint64_t& unpacked, std::uint64_t position,
                        std::uint64_t end) const;
  void check_name(const Entry& entry) const;
  void check_order(std::uint64_t end);
  const Entry* find(std::string_view name) const;

  std::filesystem::path file_;
  std::span<const std::byte> bytes_;
  std::vector<Entry> entries_;  // by name
  std::string_view first_name_;
};

}  // namespace azimuth
