#include "pytorch/zip_directory.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include "azimuth/file_error.h"

// The numbers in parentheses are the sections of APPNOTE.TXT 6.3.10.
namespace azimuth {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are read where they lie");

constexpr std::uint32_t kLocalHeader = 0x04034b50;      // (4.3.7)
constexpr std::uint32_t kDirectoryHeader = 0x02014b50;  // (4.3.12)
constexpr std::uint32_t kEnd64 = 0x06064b50;            // (4.3.14)
constexpr std::uint32_t kEnd64Locator = 0x07064b50;     // (4.3.15)
constexpr std::uint32_t kEnd = 0x06054b50;              // (4.3.16)

constexpr std::uint64_t kLocalHeaderBytes = 30;
constexpr std::uint64_t kDirectoryHeaderBytes = 46;
constexpr std::uint64_t kEnd64Bytes = 56;
constexpr std::uint64_t kEnd64LocatorBytes = 20;
constexpr std::uint64_t kEndBytes = 22;
constexpr std::uint64_t kMaxCommentBytes = 0xffff;

constexpr std::uint16_t kEncrypted = 1;
constexpr std::uint16_t kSizesFollow = 8;
constexpr std::uint32_t kIn64 = 0xffffffff;  // the number stands in the zip64 field (4.5.3)

std::string at(std::uint64_t position) { return "at byte " + std::to_string(position); }

}  // namespace

template <class Number>
Number ZipDirectory::number(std::uint64_t position) const {
  Number value;
  std::memcpy(&value, bytes_.data() + position, sizeof value);
  return value;
}

std::string_view ZipDirectory::text(std::uint64_t position, std::uint64_t length) const {
  return {reinterpret_cast<const char*>(bytes_.data()) + position,
          static_cast<std::size_t>(length)};
}

void ZipDirectory::fail(std::string_view why) const {
  throw FileError(file_, "zip directory", why);
}

void ZipDirectory::fail(const Entry& entry, std::string_view why) const {
  throw FileError(file_, "entry " + std::string(entry.name), why);
}

ZipDirectory::ZipDirectory(const std::filesystem::path& file, std::span<const std::byte> bytes)
    : file_(file), bytes_(bytes) {
  const Place place = find_directory();
  // Each is a header at least: a count beyond that asks for no memory.
  if (place.entries > (place.end - place.begin) / kDirectoryHeaderBytes) {
    fail("claims " + std::to_string(place.entries) + " entries in " +
         std::to_string(place.end - place.begin) + " bytes");
  }
  entries_.reserve(static_cast<std::size_t>(place.entries));
  std::uint64_t position = place.begin;
  for (std::uint64_t i = 0; i < place.entries; ++i) position = read_entry(position, place.end);
  if (position != place.end) fail("has bytes after its last entry");
  check_order(place.begin);
  std::ranges::sort(entries_, {}, &Entry::name);
  const auto twice = std::ranges::adjacent_find(entries_, {}, &Entry::name);
  if (twice != entries_.end()) fail(*twice, "appears twice");
}

std::uint64_t ZipDirectory::find_end_record() const {
  if (bytes_.size() >= kEndBytes) {
    const std::uint64_t last = bytes_.size() - kEndBytes;
    for (std::uint64_t comment = 0; comment <= std::min(last, kMaxCommentBytes); ++comment) {
      const std::uint64_t position = last - comment;
      if (number<std::uint32_t>(position) == kEnd &&
          number<std::uint16_t>(position + 20) == comment) {
        return position;
      }
    }
  }
  fail("is missing: the file is cut, or is not a zip archive");
}

ZipDirectory::Place ZipDirectory::find_directory() const {
  const std::uint64_t end = find_end_record();
  Place place;
  place.entries = number<std::uint16_t>(end + 10);
  std::uint64_t size = number<std::uint32_t>(end + 12);
  place.begin = number<std::uint32_t>(end + 16);
  std::uint64_t limit = end;
  std::uint64_t disks = number<std::uint16_t>(end + 4) | number<std::uint16_t>(end + 6);
  if (end >= kEnd64LocatorBytes &&
      number<std::uint32_t>(end - kEnd64LocatorBytes) == kEnd64Locator) {
    const std::uint64_t locator = end - kEnd64LocatorBytes;
    limit = number<std::uint64_t>(locator + 8);
    if (locator < kEnd64Bytes || limit > locator - kEnd64Bytes ||
        number<std::uint32_t>(limit) != kEnd64) {
      fail("its zip64 end record is not " + at(limit));
    }
    disks = number<std::uint32_t>(limit + 16) | number<std::uint32_t>(limit + 20);
    place.entries = number<std::uint64_t>(limit + 32);
    size = number<std::uint64_t>(limit + 40);
    place.begin = number<std::uint64_t>(limit + 48);
  }
  if (disks != 0) fail("is that of an archive in several files");
  if (place.begin > limit || size > limit - place.begin) {
    fail("claims " + std::to_string(size) + " bytes " + at(place.begin) +
         ", but its end record is " + at(limit));
  }
  place.end = place.begin + size;
  return place;
}

std::uint64_t ZipDirectory::read_entry(std::uint64_t position, std::uint64_t end) {
  if (end - position < kDirectoryHeaderBytes ||
      number<std::uint32_t>(position) != kDirectoryHeader) {
    fail("there is no entry " + at(position));
  }
  Entry entry;
  entry.flags = number<std::uint16_t>(position + 8);
  entry.method = number<std::uint16_t>(position + 10);
  entry.size = number<std::uint32_t>(position + 20);
  std::uint64_t unpacked = number<std::uint32_t>(position + 24);
  const std::uint64_t name_bytes = number<std::uint16_t>(position + 28);
  const std::uint64_t extra_bytes = number<std::uint16_t>(position + 30);
  const std::uint64_t comment_bytes = number<std::uint16_t>(position + 32);
  entry.header = number<std::uint32_t>(position + 42);
  position += kDirectoryHeaderBytes;
  if (name_bytes + extra_bytes + comment_bytes > end - position) {
    fail("its entry " + at(position - kDirectoryHeaderBytes) + " ends beyond it");
  }
  entry.name = text(position, name_bytes);
  check_name(entry);
  position += name_bytes;
  read_large_sizes(entry, unpacked, position, position + extra_bytes);
  if (entry.method == 0 && entry.size != unpacked) {
    fail(entry, "takes " + std::to_string(entry.size) + " bytes, but claims to hold " +
                    std::to_string(unpacked));
  }
  entries_.push_back(entry);
  return position + extra_bytes + comment_bytes;
}

// Fields of an identifier, a length and data; of the zip64 field only the numbers are there that
// did not fit (4.5.3).
void ZipDirectory::read_large_sizes(Entry& entry, std::uint64_t& unpacked, std::uint64_t position,
                                    std::uint64_t end) const {
  constexpr std::uint16_t kZip64 = 1;
  std::uint64_t field_end = position;
  while (end - position >= 4) {
    const auto id = number<std::uint16_t>(position);
    const std::uint64_t length = number<std::uint16_t>(position + 2);
    position += 4;
    if (length > end - position) fail(entry, "its extra field ends beyond it");
    if (id == kZip64) {
      field_end = position + length;
      break;
    }
    position += length;
    field_end = position;
  }
  for (std::uint64_t* value : {&unpacked, &entry.size, &entry.header}) {
    if (*value != kIn64) continue;
    if (field_end - position < sizeof *value) fail(entry, "its zip64 field is missing");
    *value = number<std::uint64_t>(position);
    position += sizeof *value;
  }
}

// Entries are never unpacked, so such a name could do no harm; but it shows that the archive is
// malicious.
void ZipDirectory::check_name(const Entry& entry) const {
  std::string_view rest = entry.name;
  bool outside = rest.empty() || rest.starts_with('/') ||
                 rest.find_first_of(std::string_view("\\\0", 2)) != std::string_view::npos;
  while (!rest.empty() && !outside) {
    const std::string_view part = rest.substr(0, rest.find('/'));
    outside = part == "..";
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
  }
  if (outside) fail(entry, "its name is not a path inside the archive");
}

void ZipDirectory::check_order(std::uint64_t end) {
  std::ranges::stable_sort(entries_, {}, &Entry::header);
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    Entry& entry = entries_[i];
    entry.limit = i + 1 < entries_.size() ? entries_[i + 1].header : end;
    const std::uint64_t before = kLocalHeaderBytes + entry.name.size();
    if (entry.header <= end && before <= end - entry.header &&
        entry.size <= end - entry.header - before) {
      if (entry.header + before + entry.size <= entry.limit) continue;
      fail(entry, "overlaps entry " + std::string(entries_[i + 1].name));
    }
    fail(entry, "claims " + std::to_string(entry.size) + " bytes " + at(entry.header) +
                    ", but the zip directory is " + at(end));
  }
  if (!entries_.empty()) first_name_ = entries_.front().name;
}

const ZipDirectory::Entry* ZipDirectory::find(std::string_view name) const {
  const auto found = std::ranges::lower_bound(entries_, name, {}, &Entry::name);
  return found != entries_.end() && found->name == name ? &*found : nullptr;
}

bool ZipDirectory::has(std::string_view name) const { return find(name) != nullptr; }

std::span<const std::byte> ZipDirectory::entry(std::string_view name) const {
  const Entry* entry = find(name);
  if (entry == nullptr) throw FileError(file_, "entry " + std::string(name), "is missing");
  if ((entry->flags & kEncrypted) != 0) fail(*entry, "is encrypted");
  if (entry->method != 0) fail(*entry, "is compressed, which PyTorch never does with it");
  const std::uint64_t header = entry->header;
  const std::uint64_t name_bytes = number<std::uint16_t>(header + 26);
  const std::uint64_t extra_bytes = number<std::uint16_t>(header + 28);
  const auto packed = number<std::uint32_t>(header + 18);
  const bool known = (entry->flags & kSizesFollow) == 0 && packed != kIn64;
  if (number<std::uint32_t>(header) != kLocalHeader ||
      number<std::uint16_t>(header + 6) != entry->flags ||
      number<std::uint16_t>(header + 8) != entry->method || (known && packed != entry->size) ||
      name_bytes != name.size() || text(header + kLocalHeaderBytes, name_bytes) != name) {
    fail(*entry, "its local header is not that of the zip directory");
  }
  const std::uint64_t before = kLocalHeaderBytes + name_bytes + extra_bytes;
  if (before + entry->size > entry->limit - header) fail(*entry, "overlaps what follows it");
  return bytes_.subspan(static_cast<std::size_t>(header + before),
                        static_cast<std::size_t>(entry->size));
}

}  // namespace azimuth
