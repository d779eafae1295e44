#include "other_forms.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "azimuth/begins_with.h"
#include "azimuth/file_error.h"

namespace azimuth {
namespace {

using Path = std::filesystem::path;

/// https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
constexpr std::string_view kPointer = "version https://git-lfs.github.com/spec/v1";

bool is_there(const Path& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

bool is_folder(const Path& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error);
}

/// In order of their names; none where the folder cannot be read, of which its reader speaks.
std::vector<Path> entries_of(const Path& folder) {
  std::vector<Path> entries;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    entries.push_back(entry->path());
  }
  std::ranges::sort(entries);
  return entries;
}

void refuse_link_or_pointer(const Path& file) {
  std::error_code error;
  const auto itself = std::filesystem::symlink_status(file, error);
  if (std::filesystem::is_symlink(itself) &&
      std::filesystem::status(file, error).type() == std::filesystem::file_type::not_found) {
    throw FileError(file, "open",
                    "is a symbolic link to " + std::filesystem::read_symlink(file, error).string() +
                        ", which is not there: give the place where the files themselves lie");
  }
  if (begins_with(file, kPointer)) {
    throw FileError(file, "open",
                    "is a Git LFS pointer, which stands for a file that was not fetched: run 'git "
                    "lfs pull' in its folder");
  }
}

bool is_read(const Path& file) {
  const Path extension = file.extension();
  return extension == ".json" || extension == ".safetensors" || extension == ".bin";
}

bool holds_a_model(const Path& folder) {
  constexpr std::array kWeights = {"model.safetensors", "model.safetensors.index.json",
                                   "pytorch_model.bin", "pytorch_model.bin.index.json"};
  return is_there(folder / "config.json") &&
         std::ranges::any_of(kWeights, [&](const char* name) { return is_there(folder / name); });
}

/// Of PyTorch's torch.distributed.checkpoint.
bool is_distributed(const Path& folder) { return is_there(folder / ".metadata"); }

[[noreturn]] void refuse_distributed(const Path& path, const Path& folder) {
  throw FileError(path, "open",
                  "is a distributed checkpoint of PyTorch, in parts: 'python -m "
                  "torch.distributed.checkpoint.format_utils dcp_to_torch " +
                      folder.string() + " model.pt' makes one file, to be given with --config");
}

/// The commit that was fetched last, where that can be told; else any.
Path snapshot_of(const Path& cached) {
  std::string commit;
  std::ifstream(cached / "refs" / "main") >> commit;
  const bool is_name = !commit.empty() && commit.size() <= 64 &&
                       commit.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (is_name && is_folder(cached / "snapshots" / commit)) return cached / "snapshots" / commit;
  const std::vector<Path> snapshots = entries_of(cached / "snapshots");
  return snapshots.empty() ? cached / "snapshots" / "COMMIT" : snapshots.front();
}

void refuse_folder(const Path& folder) {
  const auto refuse = [&](const std::string& why) { throw FileError(folder, "open", why); };
  if (is_there(folder / "adapter_config.json")) {
    refuse("is an adapter of PEFT, not a model: give its base model, and this with --adapter");
  }
  if (is_folder(folder / "snapshots") &&
      (is_folder(folder / "blobs") || is_folder(folder / "refs"))) {
    refuse("is a folder of the Hugging Face cache: give the model in it, " +
           snapshot_of(folder).string());
  }
  if (is_distributed(folder)) refuse_distributed(folder, folder);
  if (is_there(folder / "latest_checkpointed_iteration.txt")) {
    refuse(
        "is a checkpoint of Megatron-LM, in the parts of its ranks: convert it to a Hugging Face "
        "folder");
  }
  for (const Path& entry : entries_of(folder)) {
    const std::string name = entry.filename().string();
    if (name.starts_with("mp_rank_") && is_folder(entry)) {
      refuse(
          "is a checkpoint of Megatron-LM, in the parts of its ranks: convert it to a Hugging "
          "Face folder");
    }
    if (name.starts_with("global_step") || name.starts_with("mp_rank_") ||
        name.starts_with("zero_pp_rank_")) {
      refuse(
          "is a checkpoint of DeepSpeed, in the parts of its ranks: 'python zero_to_fp32.py', "
          "which DeepSpeed puts beside them, makes one model of it");
    }
    if (is_folder(entry) && is_distributed(entry)) refuse_distributed(folder, entry);
  }
}

}  // namespace

void refuse_links_and_pointers(const Path& path) {
  refuse_link_or_pointer(path);
  if (!is_folder(path)) return;
  for (const Path& entry : entries_of(path)) {
    if (is_read(entry)) refuse_link_or_pointer(entry);
  }
}

void refuse_other_forms(const Path& checkpoint) {
  refuse_links_and_pointers(checkpoint);
  if (checkpoint.extension() == ".distcp") {
    refuse_distributed(checkpoint, checkpoint.has_parent_path() ? checkpoint.parent_path() : ".");
  }
  if (is_folder(checkpoint) && !holds_a_model(checkpoint)) refuse_folder(checkpoint);
}

}  // namespace azimuth
