#include "pytorch/pytorch_archive.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>

#include "azimuth/file_error.h"
#include "pytorch/pickle_calls.h"
#include "pytorch/pickle_globals.h"
#include "pytorch/pickle_reader.h"
#include "pytorch/zip_directory.h"

// The formats: torch/serialization.py, _save and _legacy_save.
namespace azimuth {
namespace {

using namespace std::literals;

constexpr std::string_view kZip = "PK\3\4";
constexpr std::string_view kPickle = "\x80";

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Everything lies in one folder of the archive, which has the name of the file at first.
PyTorchArchive open_zip(const std::filesystem::path& file, std::span<const std::byte> bytes) {
  const auto zip = std::make_shared<const ZipDirectory>(file, bytes);
  const std::string_view first = zip->first_name();
  const std::string folder(first.substr(0, first.find('/') + 1));
  const std::string pickle = folder + "data.pkl";
  if (!zip->has(pickle)) {
    throw FileError(file, "entry " + pickle,
                    "is missing: torch.save did not write this zip archive");
  }
  const std::string order = folder + "byteorder";
  if (zip->has(order) && text_of(zip->entry(order)) != "little") {
    throw FileError(file, "entry " + order, "is not 'little'");
  }
  return {pickle, read_pickle(file, pickle, zip->entry(pickle)),
          [zip, folder](std::string_view key) {
            return zip->entry(folder + "data/" + std::string(key));
          }};
}

constexpr std::string_view kMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"sv;
constexpr std::int64_t kLegacyProtocol = 1001;

bool says_little_endian(const PickleValue& system) {
  if (system.kind != PickleKind::dict) return false;
  for (std::size_t i = 0; i < system.items->size(); i += 2) {
    const PickleValue& value = (*system.items)[i + 1];
    if ((*system.items)[i].text == "little_endian") {
      return value.kind == PickleKind::boolean && value.number != 0;
    }
  }
  return false;
}

// Five pickles (a magic number, the version of the format, the system, what was saved, the keys of
// the storages), then each storage behind the number of its elements.
class LegacyReader {
 public:
  LegacyReader(const std::filesystem::path& file, std::span<const std::byte> bytes)
      : file_(file), bytes_(bytes) {}

  PyTorchArchive read() {
    const PickleValue magic = next("magic number").root;
    if (magic.kind != PickleKind::long_integer || magic.text != kMagic) {
      throw FileError(file_, "magic number", "is not that of torch.save");
    }
    const PickleValue version = next("version").root;
    if (version.kind != PickleKind::integer || version.number != kLegacyProtocol) {
      throw FileError(file_, "version", "is not 1001, the only one that PyTorch wrote");
    }
    const Pickle system = next("system information");
    if (!says_little_endian(system.root)) {
      throw FileError(file_, "system information", "does not say that numbers are little-endian");
    }
    Pickle pickle = next("pickle");
    const Pickle keys = next("storage keys");
    if (keys.root.kind == PickleKind::unknown)
      PickleErrors{file_, "storage keys"}.refuse(keys.root);
    if (keys.root.kind != PickleKind::list) {
      throw FileError(file_, "storage keys", "are not a list");
    }
    find_element_bytes(pickle);
    for (const PickleValue& key : *keys.root.items) read_storage(key);
    const auto storages = std::make_shared<const Storages>(std::move(storages_));
    return {"pickle", std::move(pickle), [storages, file = file_](std::string_view key) {
              const auto found = storages->find(key);
              if (found != storages->end()) return found->second;
              throw FileError(file, "storage " + std::string(key), "is missing");
            }};
  }

 private:
  using Storages = std::map<std::string_view, std::span<const std::byte>>;

  Pickle next(std::string_view what) {
    Pickle pickle = read_pickle(file_, what, bytes_, position_);
    position_ = pickle.end;
    return pickle;
  }

  void find_element_bytes(const Pickle& pickle) {
    for (const PickleValue& storage : pickle.storages) {
      const PyTorchNumbers* numbers = (*storage.items)[1].global->numbers;
      const std::int64_t bytes = numbers == nullptr ? 1 : numbers->bytes;
      const std::string_view key = (*storage.items)[2].text;
      if (element_bytes_.try_emplace(key, bytes).first->second != bytes) {
        throw FileError(file_, "storage " + std::string(key), "has two types");
      }
    }
    for (const PickleValue& storage : pickle.unknown_storages) {
      unknown_types_.try_emplace((*storage.items)[2].text, &(*storage.items)[1]);
    }
  }

  void read_storage(const PickleValue& key) {
    const auto known = element_bytes_.find(key.text);
    const auto unknown = unknown_types_.find(key.text);
    if (key.kind == PickleKind::text && known == element_bytes_.end() &&
        unknown != unknown_types_.end()) {
      const auto& names = *unknown->second->items;
      throw FileError(file_, "storage " + std::string(key.text),
                      "is a " + std::string(names[0].text.substr(0, 120)) + "." +
                          std::string(names[1].text.substr(0, 120)) +
                          ", which is not known, so that nobody knows where it ends; newer files, "
                          "zip archives, can be read");
    }
    if (key.kind != PickleKind::text || known == element_bytes_.end()) {
      throw FileError(file_, "storage keys",
                      "hold one that no tensor uses: " + std::string(key.text));
    }
    const std::string what = "storage " + std::string(key.text);
    std::uint64_t count = 0;
    if (bytes_.size() - position_ < sizeof count) {
      throw FileError(file_, what, "the file ends at byte " + std::to_string(bytes_.size()));
    }
    std::memcpy(&count, bytes_.data() + position_, sizeof count);
    position_ += sizeof count;
    const auto element_bytes = static_cast<std::uint64_t>(known->second);
    if (count > (bytes_.size() - position_) / element_bytes) {
      throw FileError(file_, what,
                      "claims " + std::to_string(count) + " x " + std::to_string(element_bytes) +
                          " bytes, but only " + std::to_string(bytes_.size() - position_) +
                          " follow");
    }
    const auto size = static_cast<std::size_t>(count * element_bytes);
    if (!storages_.emplace(key.text, bytes_.subspan(position_, size)).second) {
      throw FileError(file_, what, "appears twice");
    }
    position_ += size;
  }

  const std::filesystem::path& file_;
  std::span<const std::byte> bytes_;
  std::size_t position_ = 0;
  std::map<std::string_view, std::int64_t> element_bytes_;
  std::map<std::string_view, const PickleValue*> unknown_types_;
  Storages storages_;
};

}  // namespace

bool is_pytorch_archive(std::span<const std::byte> bytes) {
  return text_of(bytes).starts_with(kZip) || text_of(bytes).starts_with(kPickle);
}

PyTorchArchive open_pytorch_archive(const std::filesystem::path& file,
                                    std::span<const std::byte> bytes) {
  if (text_of(bytes).starts_with(kZip)) return open_zip(file, bytes);
  if (text_of(bytes).starts_with(kPickle)) return LegacyReader(file, bytes).read();
  throw FileError(file, "format",
                  "is neither the zip archive nor the pickle that torch.save writes");
}

}  // namespace azimuth
