#include "tokens/sentencepiece_model.h"

#include "azimuth/file_error.h"
#include "files/mapped_file.h"
#include "tokens/sentencepiece_model.pb.h"
#include "tokens/spelling.h"

namespace azimuth {
namespace {

using sentencepiece::Model;

// The largest in use have 5 MB. Of pieces without a string this many bytes become 30 times as many.
constexpr std::size_t kMostBytes = 10 << 20;

std::string text_of(const std::filesystem::path& file, const Model::Piece& piece) {
  switch (piece.type()) {
    case Model::Piece::NORMAL:
    case Model::Piece::USER_DEFINED:
      return from_sentencepiece(piece.piece());
    case Model::Piece::BYTE: {
      std::string byte = from_byte_piece(piece.piece());
      if (byte.empty()) throw FileError(file, "token " + piece.piece(), "is no byte");
      return byte;
    }
    case Model::Piece::UNKNOWN:
    case Model::Piece::CONTROL:
    case Model::Piece::UNUSED:
      break;
  }
  return {};
}

}  // namespace

std::vector<std::string> read_sentencepiece_model(const std::filesystem::path& file,
                                                  TokenForm form) {
  constexpr std::string_view kWhat = "SentencePiece model";
  const MappedFile mapping(file);
  const auto bytes = mapping.bytes();
  if (bytes.size() > kMostBytes) {
    throw FileError(file, kWhat,
                    "has " + std::to_string(bytes.size()) + " bytes; at most " +
                        std::to_string(kMostBytes) + " are read");
  }
  Model model;
  // Of fields that are not known any bytes may be made, so that other files can pass for a model.
  if (!model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
      model.pieces().empty()) {
    throw FileError(file, kWhat, "has no tokens: it is damaged, or is no such model");
  }
  TokenTable::check_count(file, kWhat, model.pieces_size());
  TokenTable table(file, form);
  std::int64_t id = 0;
  for (const Model::Piece& piece : model.pieces()) {
    table.put(id++, piece.piece(), text_of(file, piece));
  }
  return table.take();
}

}  // namespace azimuth
