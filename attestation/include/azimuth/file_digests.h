#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "azimuth/progress.h"
#include "azimuth/workers.h"

namespace azimuth {

/// A file of a model, as an attestation names it.
struct FileDigest {
  std::string name;    ///< UTF-8, relative to the model's folder, with slashes
  std::string sha256;  ///< 64 hexadecimal digits
  bool operator==(const FileDigest&) const = default;
};

/// What was given as one model, as to open_model().
struct ModelFiles {
  std::filesystem::path model;
  std::filesystem::path adapter = {};
  std::filesystem::path config = {};
};

/// The files that make a model, in order of their names:
///
///   - of a folder every file in it, at any depth, as `model-signing` takes them: weights, index,
///     configuration, tokenizer, code, licence. Left out is what is hidden (.git, .gitattributes,
///     .cache), in which no model is stored;
///   - of a part of a split GGUF model all its parts; else the file itself;
///   - those of an adapter, named "adapter/NAME", and of a separate configuration, "config/NAME".
///
/// Links to files stand for what they lead to. `except`, the attestation itself, may lie among the
/// files and is not one of them. Throws FileError: what cannot be read, a link to a folder, what is
/// neither file nor folder, names that are not UTF-8 or stand for two files, more than 10,000
/// files. And `Cancelled`, between two files.
std::vector<FileDigest> digest_files(const ModelFiles& files, const std::filesystem::path& except,
                                     Workers& workers, Progress* progress = nullptr);

/// By name, how the files that are there differ from those that were attested.
struct FileDifferences {
  std::vector<std::string> changed;
  std::vector<std::string> missing;
  std::vector<std::string> added;
  bool none() const { return changed.empty() && missing.empty() && added.empty(); }
};

/// Each in order of names, no name twice.
FileDifferences differences(const std::vector<FileDigest>& attested,
                            const std::vector<FileDigest>& found);

}  // namespace azimuth
