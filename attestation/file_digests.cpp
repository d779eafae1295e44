#include "azimuth/file_digests.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <map>
#include <string_view>
#include <system_error>
#include <utility>

#include "azimuth/file_error.h"
#include "azimuth/sha256.h"
#include "azimuth/utf8.h"

namespace azimuth {
namespace {

using Path = std::filesystem::path;

constexpr std::size_t kMaxFiles = 10'000;
constexpr std::size_t kPieceBytes = 1 << 20;

struct NamedFile {
  std::string name;
  Path path;
};

class FileList {
 public:
  explicit FileList(const Path& except) : except_(except) {}

  void add(std::string name, const Path& path) {
    std::error_code error;
    if (!except_.empty() && std::filesystem::equivalent(path, except_, error)) return;
    if (!is_utf8(name)) throw FileError(path, "name", "is not UTF-8, and cannot be attested");
    if (files_.size() == kMaxFiles) {
      throw FileError(path.parent_path(), "files",
                      "are more than the " + std::to_string(kMaxFiles) + " that are attested");
    }
    files_.push_back({std::move(name), path});
  }

  void add_folder(const std::string& prefix, const Path& folder) {
    std::error_code error;
    std::filesystem::recursive_directory_iterator entry(folder, error);
    for (; !error && entry != std::filesystem::end(entry); entry.increment(error)) {
      const Path& path = entry->path();
      std::error_code unreadable;
      const auto status = std::filesystem::status(path, unreadable);
      const bool is_folder = std::filesystem::is_directory(status);
      if (path.filename().string().starts_with('.')) {
        entry.disable_recursion_pending();
      } else if (std::filesystem::is_regular_file(status)) {
        add(prefix + path.lexically_relative(folder).generic_string(), path);
      } else if (is_folder && std::filesystem::is_symlink(path)) {
        throw FileError(path, "open",
                        "is a link to a folder; what it leads to belongs to no one model");
      } else if (!is_folder) {
        throw FileError(path, "open",
                        unreadable ? unreadable.message() : "is neither a file nor a folder");
      }
    }
    if (error) throw FileError(folder, "open", error.message());
  }

  void add_file(const std::string& prefix, const Path& file);

  /// A folder or a file.
  void add_any(const std::string& prefix, const Path& path) {
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    if (std::filesystem::is_directory(status)) {
      add_folder(prefix, path);
    } else if (std::filesystem::is_regular_file(status)) {
      add_file(prefix, path);
    } else {
      throw FileError(path, "open", error ? error.message() : "is neither a file nor a folder");
    }
  }

  std::vector<NamedFile> take() { return std::move(files_); }

 private:
  const Path& except_;
  std::vector<NamedFile> files_;
};

/// Of NAME-00002-of-00003.gguf, NAME and 3, as llama.cpp names the parts of a model; else 0.
std::pair<std::string, int> split_name(const std::string& name) {
  constexpr std::string_view kPattern = "-00000-of-00000.gguf";
  if (name.size() <= kPattern.size()) return {"", 0};
  const std::string_view end = std::string_view(name).substr(name.size() - kPattern.size());
  for (std::size_t i = 0; i < end.size(); ++i) {
    const bool digit = end[i] >= '0' && end[i] <= '9';
    if (kPattern[i] == '0' ? !digit : end[i] != kPattern[i]) return {"", 0};
  }
  int count = 0;
  std::from_chars(end.data() + 10, end.data() + 15, count);
  return {name.substr(0, name.size() - kPattern.size()), count};
}

void FileList::add_file(const std::string& prefix, const Path& file) {
  const std::string name = file.filename().string();
  const auto [stem, count] = split_name(name);
  if (count == 0) return add(prefix + name, file);
  for (int part = 1; part <= count; ++part) {
    char ending[64];
    std::snprintf(ending, sizeof ending, "-%05d-of-%05d.gguf", part, count);
    const Path path = file.parent_path() / (stem + ending);
    std::error_code error;
    if (std::filesystem::is_regular_file(path, error)) add(prefix + stem + ending, path);
  }
}

std::string digest_of_file(const Path& file) {
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw FileError(file, "open", std::generic_category().message(errno));
  Sha256 sum;
  std::string piece(kPieceBytes, '\0');
  while (stream) {
    stream.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    sum.add(piece.data(), static_cast<std::size_t>(stream.gcount()));
  }
  if (stream.bad()) throw FileError(file, "read", std::generic_category().message(errno));
  return sum.hexadecimal();
}

}  // namespace

std::vector<FileDigest> digest_files(const ModelFiles& files, const Path& except, Workers& workers,
                                     Progress* progress) {
  FileList list(except);
  list.add_any("", files.model);
  if (!files.adapter.empty()) list.add_any("adapter/", files.adapter);
  if (!files.config.empty()) list.add_any("config/", files.config);
  std::vector<NamedFile> named = list.take();
  std::ranges::sort(named, {}, &NamedFile::name);

  if (progress != nullptr) progress->begin(static_cast<std::int64_t>(named.size()));
  std::vector<std::string> sums(named.size());
  const auto batch = static_cast<std::size_t>(workers.threads());
  for (std::size_t begin = 0; begin < named.size(); begin += batch) {
    const std::size_t count = std::min(batch, named.size() - begin);
    workers.for_each(static_cast<std::int64_t>(count), [&](std::int64_t i) {
      const std::size_t at = begin + static_cast<std::size_t>(i);
      sums[at] = digest_of_file(named[at].path);
    });
    for (std::size_t i = 0; i < count; ++i) next_part(progress);
  }

  std::vector<FileDigest> digests;
  for (std::size_t i = 0; i < named.size(); ++i) {
    FileDigest digest{std::move(named[i].name), std::move(sums[i])};
    if (!digests.empty() && digests.back().name == digest.name) {
      // An adapter that lies in the model's own folder, under that name.
      if (digests.back() == digest) continue;
      throw FileError(named[i].path, "name",
                      "stands for a file of the model's folder too: " + digest.name);
    }
    digests.push_back(std::move(digest));
  }
  return digests;
}

FileDifferences differences(const std::vector<FileDigest>& attested,
                            const std::vector<FileDigest>& found) {
  std::map<std::string_view, std::string_view> there;
  for (const FileDigest& file : found) there[file.name] = file.sha256;
  FileDifferences result;
  for (const FileDigest& file : attested) {
    const auto same = there.find(file.name);
    if (same == there.end()) {
      result.missing.push_back(file.name);
      continue;
    }
    if (same->second != file.sha256) result.changed.push_back(file.name);
    there.erase(same);
  }
  for (const auto& [name, sha256] : there) result.added.emplace_back(name);
  std::ranges::sort(result.missing);
  std::ranges::sort(result.changed);
  return result;
}

}  // namespace azimuth
