#pragma once

#include <filesystem>

namespace azimuth {

/// Throws FileError for what looks like a model, and is something else: a link that leads nowhere,
/// a Git LFS pointer, alone or among the files of a folder; a LoRA adapter; a folder of the Hugging
/// Face cache; the parts that the ranks of a training wrote. It says what it is, and what to give
/// instead. Judges by names and first bytes alone.
void refuse_other_forms(const std::filesystem::path& checkpoint);

/// The same of links and pointers alone, for files that go with a checkpoint.
void refuse_links_and_pointers(const std::filesystem::path& path);

}  // namespace azimuth
