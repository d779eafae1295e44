#include <gmock/gmock.h>

#include <functional>

#include "azimuth/pytorch_file.h"
#include "integrations/checkpoints/files/largest_allocation.h"
#include "integrations/checkpoints/pytorch/pytorch_writer.h"

namespace azimuth {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::ThrowsMessage;
using namespace azimuth::testing;

struct HostileFile {
  const char* name;
  std::function<std::string()> bytes;
  std::string words;  ///< that the error says behind the file's name
};

void PrintTo(const HostileFile& file, std::ostream* out) { *out << file.name; }

std::function<std::string()> zip_with(std::function<void(PyTorchWriter&)> damage) {
  return [damage] {
    PyTorchWriter writer = small_checkpoint();
    damage(writer);
    return writer.bytes();
  };
}

std::function<std::string()> legacy_with(std::function<void(LegacyWriter&)> damage) {
  return [damage] {
    LegacyWriter writer;
    damage(writer);
    return writer.bytes();
  };
}

std::function<std::string()> zip_of(const std::string& value) {
  return [value] { return checkpoint_of(pickle_of(value)).bytes(); };
}

std::function<std::string()> zip_of_tensor(const std::string& tensor) {
  return zip_of(dict_of({{"t", tensor}}));
}

std::string times(const std::string& text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

const std::string kDirectory = "zip directory: ";
const std::string kPickle = "archive/data.pkl: ";

const HostileFile kHostileArchives[] = {
    {"NoFormat", [] { return std::string("<html></html>"); },
     "format: is neither the zip archive nor the pickle that torch.save writes"},
    {"OnlyTheStart", [] { return std::string("PK\3\4"); },
     kDirectory + "is missing: the file is cut, or is not a zip archive"},
    {"SeveralDisks", zip_with([](auto& z) { z.disk = 1; }),
     kDirectory + "is that of an archive in several files"},
    {"DirectoryBeyondTheFile", zip_with([](auto& z) { z.directory_offset = 1 << 20; }),
     kDirectory + "claims "},
    {"DirectoryTooLong", zip_with([](auto& z) { z.directory_size = 1 << 20; }),
     kDirectory + "claims 1048576 bytes at byte "},
    {"DirectoryOverflows", zip_with([](auto& z) {
       z.zip64 = true;
       z.directory_offset = ~0ull;
     }),
     kDirectory + "claims "},
    {"DirectoryLengthOverflows", zip_with([](auto& z) {
       z.zip64 = true;
       z.directory_size = ~0ull;
     }),
     kDirectory + "claims 18446744073709551615 bytes at byte "},
    {"DirectoryAtTheStart", zip_with([](auto& z) { z.directory_offset = 0; }),
     kDirectory + "there is no entry at byte 0"},
    {"MoreEntriesThanThereAre", zip_with([](auto& z) { z.count = 6; }), kDirectory},
    {"FewerEntriesThanThereAre", zip_with([](auto& z) { z.count = 4; }),
     kDirectory + "has bytes after its last entry"},
    {"2To60Entries", zip_with([](auto& z) {
       z.zip64 = true;
       z.count = 1ull << 60;
     }),
     kDirectory + "claims 1152921504606846976 entries in "},
    {"BytesBehindTheLastEntry", zip_with([](auto& z) { z.behind_directory = "!"; }),
     kDirectory + "has bytes after its last entry"},
    {"NoEntries", zip_with([](auto& z) { z.entries.clear(); }), "format: is neither"},

    {"NoPickle", zip_with([](auto& z) { z.entries[0].name = "archive/data.pk"; }),
     "entry archive/data.pkl: is missing: torch.save did not write this zip archive"},
    {"NameOutside", zip_with([](auto& z) { z.entries[1].name = "archive/../../x"; }),
     "entry archive/../../x: its name is not a path inside the archive"},
    {"NameOutsideAtTheEnd", zip_with([](auto& z) { z.entries[1].name = "archive/.."; }),
     "entry archive/..: its name is not a path inside the archive"},
    {"NameAbsolute", zip_with([](auto& z) { z.entries[1].name = "/etc/passwd"; }),
     "entry /etc/passwd: its name is not a path inside the archive"},
    {"NameOfWindows", zip_with([](auto& z) { z.entries[1].name = "archive\\..\\x"; }),
     "entry archive\\..\\x: its name is not a path inside the archive"},
    {"NameWithANullByte",
     zip_with([](auto& z) { z.entries[1].name = std::string("archive/\0x", 10); }),
     "entry archive/\\x00x: its name is not a path inside the archive"},
    {"NoName", zip_with([](auto& z) { z.entries[1].name = ""; }),
     "entry : its name is not a path inside the archive"},
    {"EntryTwice", zip_with([](auto& z) { z.entries[3].name = z.entries[2].name; }),
     "entry archive/data/0: appears twice"},
    {"EntriesOverlap", zip_with([](auto& z) { z.entries[3].offset = 0; }), "entry archive/data"},
    {"EntryReachesIntoTheNext", zip_with([](auto& z) { z.entries[2].size = 40; }),
     "entry archive/data/0: overlaps entry archive/data/1"},
    {"EntryBeyondTheFile", zip_with([](auto& z) { z.entries[4].size = 1 << 20; }),
     "entry archive/data/2: claims 1048576 bytes at byte "},
    {"EntryOverflows", zip_with([](auto& z) {
       z.zip64 = true;
       z.entries[4].size = ~0ull - 8;
     }),
     "entry archive/data/2: claims 18446744073709551607 bytes at byte "},
    {"EntryBeginsBeyondTheFile", zip_with([](auto& z) {
       z.zip64 = true;
       z.entries[4].offset = ~0ull - 8;
     }),
     "entry archive/data/2: claims 4 bytes at byte 18446744073709551607"},
    {"EntryBeginsElsewhere", zip_with([](auto& z) { z.entries[4].offset = 3; }),
     "entry archive/data"},
    {"StoredSizesDiffer", zip_with([](auto& z) { z.entries[2].unpacked = 1 << 20; }),
     "entry archive/data/0: takes 24 bytes, but claims to hold 1048576"},
    {"DeflatedPickle", zip_with([](auto& z) { z.entries[0].method = 8; }),
     "entry archive/data.pkl: is compressed, which PyTorch never does with it"},
    {"DeflatedStorage", zip_with([](auto& z) {
       z.entries[2].method = 8;
       z.entries[2].unpacked = 1ull << 31;
     }),
     "entry archive/data/0: is compressed, which PyTorch never does with it"},
    {"Encrypted", zip_with([](auto& z) { z.entries[2].flags = 1; }),
     "entry archive/data/0: is encrypted"},
    {"LocalNameDiffers", zip_with([](auto& z) { z.entries[2].local_name = "archive/data/3"; }),
     "entry archive/data/0: its local header is not that of the zip directory"},
    {"LocalSizeDiffers", zip_with([](auto& z) { z.entries[2].local_size = 20; }),
     "entry archive/data/0: its local header is not that of the zip directory"},
    {"LocalExtraFieldReachesIntoTheNext", zip_with([](auto& z) { z.entries[2].local_extra = 8; }),
     "entry archive/data/0: overlaps what follows it"},
    {"BigEndian", zip_with([](auto& z) { z.entries[1].data = "big"; }),
     "entry archive/byteorder: is not 'little'"},
    {"StorageMissing", zip_with([](auto& z) { z.entries.pop_back(); }),
     "entry archive/data/2: is missing"},

    {"LegacyWithAnotherMagicNumber", legacy_with([](auto& l) { l.magic[5] ^= 1; }),
     "magic number: is not that of torch.save"},
    {"LegacyOfAnotherVersion",
     legacy_with([](auto& l) { l.version = pickle_of(integer_of(1002)); }), "version: is not 1001"},
    {"LegacyBigEndian", legacy_with([](auto& l) {
       l.system = pickle_of(dict_of({{"little_endian", "\x89"}}));
     }),
     "system information: does not say that numbers are little-endian"},
    {"LegacyWithoutOrder", legacy_with([](auto& l) { l.system = pickle_of("N"); }),
     "system information: does not say that numbers are little-endian"},
    {"LegacyKeysAreNoList", legacy_with([](auto& l) { l.keys = pickle_of("N"); }),
     "storage keys: are not a list"},
    {"LegacyKeyOfNoTensor",
     legacy_with([](auto& l) { l.keys = pickle_of("](" + text_of("9") + "e"); }),
     "storage keys: hold one that no tensor uses: 9"},
    {"LegacyStorageOfAnUnknownType", legacy_with([](auto& l) {
       l.pickle = pickle_of(dict_of({{"model", dict_of({{"matrix", small_matrix()}})},
                                     {"scales", storage_of("QInt8Storage", "1", 4)}}));
       l.keys = pickle_of("](" + text_of("0") + text_of("1") + "e");
     }),
     "storage 1: is a torch.QInt8Storage, which is not known"},
    {"LegacyKeyIsANumber", legacy_with([](auto& l) { l.keys = pickle_of("](K\1e"); }),
     "storage keys: hold one that no tensor uses"},
    {"LegacyKeyTwice", legacy_with([](auto& l) {
       l.keys = pickle_of("](" + text_of("2") + text_of("2") + "e");
       l.storages = times(raw<std::uint64_t>(1) + "zz", 2);
     }),
     "storage 2: appears twice"},
    {"LegacyKeyMissing",
     legacy_with([](auto& l) { l.keys = pickle_of("](" + text_of("2") + "e"); }),
     "storage 0: is missing"},
    {"LegacyStorageBeyondTheFile", legacy_with([](auto& l) { l.storages[0] = 100; }),
     "storage 2: claims 100 x 2 bytes"},
    {"LegacyStorageOverflows",
     legacy_with([](auto& l) { l.storages = raw<std::uint64_t>(~0ull / 2 + 2) + "zz"; }),
     "storage 2: claims 9223372036854775809 x 2 bytes"},
    {"LegacyStorageOfTwoTypes", legacy_with([](auto& l) {
       l.pickle = pickle_of(dict_of({{"a", tensor_of("FloatStorage", "0", 1, 0, {1}, {1})},
                                     {"b", tensor_of("HalfStorage", "0", 2, 0, {1}, {1})}}));
     }),
     "storage 0: has two types"},
    {"LegacyCallsSystem", legacy_with([](auto& l) {
       l.keys = pickle_of(call_of("posix", "system", {text_of("true")}));
     }),
     "storage keys: refers to posix.system, which no state dict needs"},
};

const std::string kNotNeeded = ", which no state dict needs; it is not run";

const HostileFile kHostilePickles[] = {
    {"Empty", [] { return checkpoint_of("").bytes(); }, kPickle + "ends at byte 0"},
    {"Protocol0", [] { return checkpoint_of("N.").bytes(); },
     kPickle + "is not a pickle of protocol 2 to 5"},
    {"Protocol1", [] { return checkpoint_of("\x80\x01N.").bytes(); },
     kPickle + "is of protocol 1; 2 to 5 are read"},
    {"Protocol6", [] { return checkpoint_of("\x80\x06N.").bytes(); },
     kPickle + "is of protocol 6; 2 to 5 are read"},
    {"WithoutEnd", [] { return checkpoint_of("\x80\x02N").bytes(); }, kPickle + "ends at byte 3"},

    {"System", zip_of(call_of("os", "system", {text_of("true")})),
     kPickle + "refers to os.system" + kNotNeeded},
    {"PosixSystem", zip_of(call_of("posix", "system", {text_of("true")})),
     kPickle + "refers to posix.system" + kNotNeeded},
    {"Eval", zip_of(call_of("builtins", "eval", {text_of("1")})),
     kPickle + "refers to builtins.eval" + kNotNeeded},
    {"EvalOfPython2", zip_of(call_of("__builtin__", "eval", {text_of("1")})),
     kPickle + "refers to __builtin__.eval" + kNotNeeded},
    {"Getattr", zip_of(global_of("builtins", "getattr")),
     kPickle + "refers to builtins.getattr" + kNotNeeded},
    {"Popen", zip_of(global_of("subprocess", "Popen")),
     kPickle + "refers to subprocess.Popen" + kNotNeeded},
    {"TorchLoad", zip_of(call_of("torch", "load", {text_of("x")})),
     kPickle + "refers to torch.load" + kNotNeeded},
    {"TorchHub", zip_of(global_of("torch.hub", "load")),
     kPickle + "refers to torch.hub.load" + kNotNeeded},
    {"LoadOfAStorage", zip_of(global_of("torch.storage", "_load_from_bytes")),
     kPickle + "refers to torch.storage._load_from_bytes" + kNotNeeded},
    {"WholeModule", zip_of(global_of("torch.nn.modules.linear", "Linear")),
     kPickle + "refers to torch.nn.modules.linear.Linear" + kNotNeeded},
    {"NumPyScalar", zip_of(global_of("numpy._core.multiarray", "scalar")),
     kPickle + "refers to numpy._core.multiarray.scalar" + kNotNeeded},
    {"StackGlobal", zip_of(text_of("posix") + text_of("system") + "\x93"),
     kPickle + "refers to posix.system" + kNotNeeded},
    {"StackGlobalByAttribute",
     zip_of(text_of("torch") + text_of("jit._pickle.build_intlist") + "\x93"),
     kPickle + "refers to torch.jit._pickle.build_intlist" + kNotNeeded},
    {"StackGlobalOfNumbers", zip_of("K\1K\1\x93"),
     kPickle + "refers to a global whose name is not text"},
    {"GlobalWithoutEnd",
     [] {
       return checkpoint_of(
                  "\x80\x02"
                  "ctorch")
           .bytes();
     },
     kPickle + "ends within the name of a global"},
    {"GlobalOfControlCharacters", zip_of(global_of("a\x1b[2J", "b")),
     kPickle + "refers to a\\x1b[2J.b"},
    {"GlobalOfALongName", zip_of(global_of(std::string(5000, 'a'), "b")),
     kPickle + "refers to aaa"},

    {"CallOfANumber", zip_of("K\1)R"), kPickle + "calls something that is not a function"},
    {"CallOfAnInstance", zip_of(global_of("__torch__", "Module") + ")\x81)R"),
     kPickle + "calls something that is not a function"},
    {"CallOfAClassOfLibTorch", zip_of(call_of("__torch__", "Module", {})),
     kPickle + "calls __torch__, which is not called in a state dict"},
    {"CallOfAStorageClass", zip_of(call_of("torch", "FloatStorage", {})),
     kPickle + "calls torch.FloatStorage, which is not called in a state dict"},
    {"CallWithoutATuple", zip_of(global_of("collections", "OrderedDict") + "NR"),
     kPickle + "calls a function without arguments"},
    {"DictOfArguments", zip_of(call_of("collections", "OrderedDict", {"]"})),
     kPickle + "makes a dict from arguments"},
    {"SizeOfNothing", zip_of(call_of("torch", "Size", {})),
     kPickle + "calls torch.Size without arguments"},
    {"TypeOfNoTensor",
     zip_of(call_of("torch._tensor", "_rebuild_from_type_v2",
                    {global_of("torch._utils", "_rebuild_tensor_v2"), "N", ")"})),
     kPickle + "calls torch._tensor._rebuild_from_type_v2 for something that is not a tensor"},
    {"TypeOfATypeOfATensor",
     zip_of(call_of(
         "torch._tensor", "_rebuild_from_type_v2",
         {global_of("torch._tensor", "_rebuild_from_type_v2"), global_of("torch", "Tensor"), ")"})),
     kPickle +
         "calls torch._tensor._rebuild_from_type_v2 with arguments that do not make a tensor"},
    {"ParameterOfNoTensor", zip_of(call_of("torch._utils", "_rebuild_parameter", {"N"})),
     kPickle + "calls torch._utils._rebuild_parameter with arguments that do not make a tensor"},
    {"NewObject", zip_of(global_of("collections", "OrderedDict") + ")\x81"),
     kPickle + "makes an instance of collections.OrderedDict, which no state dict needs"},
    {"NewObjectOfNoClass", zip_of("N)\x81"),
     kPickle + "makes an instance of something that is not a class"},
    {"NewObjectWithArguments", zip_of(global_of("__torch__", "Module") + "K\1\x85\x81"),
     kPickle + "makes an instance with arguments"},
    {"BuildOfANumber", zip_of("K\1}b"), kPickle + "sets the state of something that has none"},
    {"BuildOfATensor", zip_of(small_matrix() + "}b"),
     kPickle + "sets the state of something that has none"},

    {"Inst", zip_of("(ios\nsystem\n"), kPickle + "has the opcode 105 at byte 3"},
    {"Obj", zip_of("(No"), kPickle + "has the opcode 111 at byte 4"},
    {"Ext1", zip_of("\x82\x01"), kPickle + "has the opcode 130 at byte 2"},
    {"Ext2", zip_of(std::string("\x83\x01\x00", 3)), kPickle + "has the opcode 131 at byte 2"},
    {"Ext4", zip_of(std::string("\x84\x01\x00\x00\x00", 5)),
     kPickle + "has the opcode 132 at byte 2"},
    {"NewObjectEx", zip_of("N)}\x92"), kPickle + "makes an instance of something that is not a"},
    {"NewObjectExWithArguments", zip_of(global_of("__torch__", "Module") + ")NN\x92"),
     kPickle + "makes an instance with arguments"},
    {"NewObjectExOfTooFew", zip_of(")}\x92"), kPickle + "takes a value at byte"},
    {"PersistentIdAsALine", zip_of("P1\n"), kPickle + "has the opcode 80 at byte 2"},
    {"NumberAsALine", zip_of("I1\n"), kPickle + "has the opcode 73 at byte 2"},
    {"NextBuffer", zip_of("\x97"), kPickle + "has the opcode 151 at byte 2"},

    {"NothingOnTheStack", zip_of(""), kPickle + "takes a value at byte 3 where there is none"},
    {"TooMuchOnTheStack", zip_of("NN"), kPickle + "ends with values left over"},
    {"MarkLeftOver", zip_of("(N"), kPickle + "ends with values left over"},
    {"NoMark", zip_of("t"), kPickle + "has no mark at byte 3"},
    {"ValueBelowTheMark", zip_of("N(\x85"), kPickle + "takes a value at byte 5"},
    {"MemoOfNothing", zip_of(std::string("q\0", 2)), kPickle + "needs a value at byte 4"},
    {"MemoBelowTheMark", zip_of(std::string("N(q\0", 4)), kPickle + "needs a value at byte 6"},
    {"MemoFarAway", zip_of("Nr\xff\xff\xff\xff"),
     kPickle + "remembers a value as number 4294967295 after 0 values"},
    {"MemoOfNone", zip_of(std::string("h\0", 2)), kPickle + "recalls value number 0 of 0"},
    {"AppendToADict", zip_of("}Na"), kPickle + "appends to something that is not a list"},
    {"AppendToATuple", zip_of(")(NNe"), kPickle + "appends to something that is not a list"},
    {"ItemOfAList", zip_of("]NNs"), kPickle + "sets an item of something that is not a dict"},
    {"KeyWithoutValue", zip_of("}(Nu"), kPickle + "sets a key without a value"},
    {"AddToAList", zip_of("](N\x90"), kPickle + "adds to something that is not a set"},
    {"TextBeyondTheFile", zip_of("X\xff\xff\xff\xff"), kPickle + "ends at byte 8"},
    {"TextOfNegativeLength", zip_of("\x8d\xff\xff\xff\xff\xff\xff\xff\xff"),
     kPickle + "ends at byte 12, but at byte 11 it claims 18446744073709551615 more"},
    {"NumberBeyondTheFile", zip_of("\x8b\xff\xff\xff\x7f"), kPickle + "ends at byte 8"},
    {"NameNotUtf8", zip_of_tensor("N" + text_of("a\xff") + "0"),
     kPickle + "holds text that is not UTF-8: a\\xff"},
    {"KeyNotUtf8", zip_of("}" + text_of("a\xff") + "Ns"),
     kPickle + "holds text that is not UTF-8: a\\xff"},
    {"NoStorage", zip_of("NQ"), kPickle + "refers to something that is not a storage"},
    {"StorageOfAnotherKind",
     zip_of(tuple_of({text_of("module"), global_of("torch", "FloatStorage"), text_of("0"),
                      text_of("cpu"), "K\1"}) +
            "Q"),
     kPickle + "refers to something that is not a storage"},
    {"StorageOfNoType",
     zip_of(tuple_of({text_of("storage"), global_of("torch", "float32"), text_of("0"),
                      text_of("cpu"), "K\1"}) +
            "Q"),
     kPickle + "refers to something that is not a storage"},
    {"StorageOfNegativeSize", zip_of(storage_of("FloatStorage", "0", -6)),
     kPickle + "refers to something that is not a storage"},
    {"ViewOfAStorage",
     zip_of(tuple_of({text_of("storage"), global_of("torch", "FloatStorage"), text_of("0"),
                      text_of("cpu"), "K\1", integers_of({0, 1})}) +
            "Q"),
     kPickle + "holds views of storages"},
    {"OneTensor", zip_of(small_matrix()), kPickle + "is one tensor without a name"},
    {"DictsTooDeep", zip_of(times("}" + text_of("a"), 70) + small_matrix() + times("s", 70)),
     kPickle + "is nested more than 64 deep"},
    {"ListsAHundredThousandDeep", zip_of(times("]", 100'000) + times("a", 99'999)),
     kPickle + "is nested more than 64 deep"},
    {"ListInItself", zip_of(std::string("]q\0h\0a", 6)), kPickle + "is nested more than 64 deep"},
};

const std::string kTensor = "tensor t: ";

const HostileFile kHostileTensors[] = {
    {"TensorOfNothing", zip_of_tensor(call_of("torch._utils", "_rebuild_tensor_v2", {})),
     kPickle + "calls torch._utils._rebuild_tensor_v2 with arguments that do not make a tensor"},
    {"TensorOfNoStorage",
     zip_of_tensor(call_of("torch._utils", "_rebuild_tensor_v2", {")", "K\1", ")", ")"})),
     kPickle + "calls torch._utils._rebuild_tensor_v2 with arguments that do not make a tensor"},
    {"UntypedTensorOfNoType",
     zip_of_tensor(
         call_of("torch._utils", "_rebuild_tensor_v3",
                 {tuple_of({text_of("storage"), global_of("torch.storage", "UntypedStorage"),
                            text_of("0"), text_of("cpu"), integer_of(24)}) +
                      "Q",
                  integer_of(0), integers_of({6}), integers_of({1}), "N", "N", "N"})),
     kPickle + "calls torch._utils._rebuild_tensor_v3 with arguments that do not make a tensor"},
    {"TypeUnknown", zip_of_tensor(tensor_of("QInt8Storage", "0", 3, 0, {3}, {1})),
     kPickle + "refers to torch.QInt8Storage"},
    {"StorageMissing", zip_of_tensor(tensor_of("FloatStorage", "9", 6, 0, {6}, {1})),
     "entry archive/data/9: is missing"},
    {"StorageOutside", zip_of_tensor(tensor_of("FloatStorage", "../data/0", 6, 0, {6}, {1})),
     "entry archive/data/../data/0: is missing"},
    {"StorageTooLarge", zip_of_tensor(tensor_of("FloatStorage", "0", 7, 0, {6}, {1})),
     kTensor + "its storage 0 claims 7 numbers, but has 24 bytes"},
    {"StorageTooSmall", zip_of_tensor(tensor_of("FloatStorage", "0", 5, 0, {5}, {1})),
     kTensor + "its storage 0 claims 5 numbers, but has 24 bytes"},
    {"StorageOverflows",
     zip_of_tensor(tensor_of("FloatStorage", "0", (1ll << 62) + 6, 0, {6}, {1})),
     kTensor + "its storage 0 claims 4611686018427387910 numbers, but has 24 bytes"},
    {"OffsetNegative", zip_of_tensor(matrix_of(-1, {2}, {1})), kTensor + "its offset is -1"},
    {"OffsetBeyond", zip_of_tensor(matrix_of(6, {1}, {1})),
     kTensor + "its last number is number 6 (from 0) of a storage of 6"},
    {"OffsetFarBeyond", zip_of_tensor(matrix_of(INT64_MAX, {1}, {1})),
     kTensor + "its last number is number 9223372036854775807 (from 0) of a storage of 6"},
    {"OffsetOverflows", zip_of_tensor(matrix_of(INT64_MAX, {2}, {1})),
     kTensor + "its strides overflow"},
    {"ShapeBeyond", zip_of_tensor(matrix_of(0, {7}, {1})),
     kTensor + "its last number is number 6 (from 0) of a storage of 6"},
    {"ShapeBeyondFromTheOffset", zip_of_tensor(matrix_of(1, {2, 3}, {3, 1})),
     kTensor + "its last number is number 6 (from 0) of a storage of 6"},
    {"ShapeNegative", zip_of_tensor(matrix_of(0, {-2, -3}, {3, 1})),
     kTensor + "its shape holds something other than integers from 0"},
    {"ShapeOfText",
     zip_of_tensor(call_of("torch._utils", "_rebuild_tensor_v2",
                           {storage_of("FloatStorage", "0", 6), integer_of(0),
                            tuple_of({text_of("6")}), integers_of({1})})),
     kTensor + "its shape holds something other than integers from 0"},
    {"ShapeAbove2To63",
     zip_of_tensor(
         call_of("torch._utils", "_rebuild_tensor_v2",
                 {storage_of("FloatStorage", "0", 6), integer_of(0),
                  tuple_of({std::string("\x8a\x09\0\0\0\0\0\0\0\x80\0", 11)}), integers_of({1})})),
     kTensor + "its shape holds something other than integers from 0"},
    {"ShapeOverflows", zip_of_tensor(matrix_of(0, {1ll << 32, 1ll << 32}, {0, 0})),
     kTensor + "its size overflows"},
    {"BytesOverflow", zip_of_tensor(matrix_of(0, {INT64_MAX}, {0})),
     kTensor + "its size overflows"},
    {"StrideNegative", zip_of_tensor(matrix_of(5, {6}, {-1})),
     kTensor + "its strides hold something other than integers from 0"},
    {"StrideBeyond", zip_of_tensor(matrix_of(0, {2, 3}, {4, 1})),
     kTensor + "its last number is number 6 (from 0) of a storage of 6"},
    {"StrideOverflows", zip_of_tensor(matrix_of(0, {3}, {INT64_MAX})),
     kTensor + "its strides overflow"},
    {"StridesOverflow", zip_of_tensor(matrix_of(0, {2, 2}, {INT64_MAX, INT64_MAX})),
     kTensor + "its strides overflow"},
    {"StridesToTheRightPlace", zip_of_tensor(matrix_of(0, {3, 3}, {1ll << 62, 1ll << 62})),
     kTensor + "its strides overflow"},
    {"FewerStrides", zip_of_tensor(matrix_of(0, {2, 3}, {1})),
     kTensor + "has 2 dimensions, but 1 strides"},
    {"TooManyDimensions",
     zip_of_tensor(
         matrix_of(0, std::vector<std::int64_t>(1000, 1), std::vector<std::int64_t>(1000, 1))),
     kTensor + "has 1000 dimensions; at most 16 are read"},
    {"ExpandedFarBeyondTheFile", zip_of_tensor(matrix_of(0, {1ll << 40}, {0})),
     kTensor + "its numbers do not lie in a row, and to copy its 4398046511104 bytes would take"},
    {"NameTwice", zip_of(dict_of({{"t", small_matrix()}, {"t", small_matrix()}})),
     kTensor + "appears twice"},
    {"NameTwiceByNesting",
     zip_of(dict_of(
         {{"a", dict_of({{"b.c", small_matrix()}})}, {"a.b", dict_of({{"c", small_matrix()}})}})),
     "tensor a.b.c: appears twice"},
};

class HostilePyTorch : public ::testing::TestWithParam<HostileFile> {};

TEST_P(HostilePyTorch, IsOneClearErrorInLittleMemory) {
  const std::string bytes = GetParam().bytes();
  const TemporaryFolder folder;
  const auto file = folder.write("model.pt", bytes);
  largest_allocation = 0;
  EXPECT_THAT([&] { PyTorchFile::open(file); },
              ThrowsMessage<FileError>(StartsWith(file.string() + ": ")));
  EXPECT_LT(largest_allocation, (1u << 16) + 64 * bytes.size());
  EXPECT_THAT([&] { PyTorchFile::open(file); },
              ThrowsMessage<FileError>(HasSubstr("model.pt: " + GetParam().words)));
}

const auto name_of_case = [](const auto& info) { return std::string(info.param.name); };

INSTANTIATE_TEST_SUITE_P(Archives, HostilePyTorch, ::testing::ValuesIn(kHostileArchives),
                         name_of_case);
INSTANTIATE_TEST_SUITE_P(Pickles, HostilePyTorch, ::testing::ValuesIn(kHostilePickles),
                         name_of_case);
INSTANTIATE_TEST_SUITE_P(Tensors, HostilePyTorch, ::testing::ValuesIn(kHostileTensors),
                         name_of_case);

void open_and_read(const std::filesystem::path& path) {
  const NamedTensors all = PyTorchFile::open(path).tensors();
  for (const NamedTensor& tensor : all.tensors) {
    std::vector<float> numbers(static_cast<std::size_t>(tensor.view.size()));
    unpack(tensor.view, 0, tensor.view.rows(), numbers.data());
  }
}

const std::filesystem::path kPyTorchFiles = AZIMUTH_TEST_DATA "/pytorch";

TEST(HostilePyTorchFile, SmallCheckpointsAreValid) {
  const TemporaryFolder folder;
  for (const std::string& bytes : {small_checkpoint().bytes(), LegacyWriter().bytes()}) {
    EXPECT_EQ(PyTorchFile::open(folder.write("a.pt", bytes)).tensors().parameter_count, 8);
  }
}

TEST(HostilePyTorchFile, RealFilesAreRefusedWhereverTheyAreCut) {
  const TemporaryFolder folder;
  for (const char* name : {"training_model.pt", "training_model_legacy.pt", "lightning.ckpt",
                           "libtorch_module.pt", "qwen2/pytorch_model.bin"}) {
    const std::string bytes = bytes_of(kPyTorchFiles / name);
    ASSERT_GT(bytes.size(), 1'000u) << name;
    for (std::size_t percent = 0; percent < 100; ++percent) {
      const auto file = folder.write("cut.pt", bytes.substr(0, bytes.size() * percent / 100));
      EXPECT_THAT([&] { PyTorchFile::open(file); }, ThrowsMessage<FileError>(HasSubstr("cut.pt: ")))
          << name << " cut at " << percent << "%";
    }
  }
}

// Whatever a byte is changed to, a file is refused or all that it offers can be read.
TEST(HostilePyTorchFile, SurvivesAnyByteChanged) {
  const TemporaryFolder folder;
  for (const std::string& bytes : {small_checkpoint().bytes(), LegacyWriter().bytes()}) {
    int opened = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      for (const int change : {0x01, 0x20, 0x80, 0xff}) {
        std::string changed = bytes;
        changed[i] = static_cast<char>(changed[i] ^ change);
        try {
          open_and_read(folder.write("changed.pt", changed));
          ++opened;
        } catch (const FileError&) {
        }
      }
    }
    EXPECT_GT(opened, 0) << "bytes of the numbers may have any value";
  }
}

TEST(HostilePyTorchFile, TenMillionTensorsAreRefused) {
  // The tensor is made once, and remembered.
  std::string pickle = small_matrix() + std::string(
                                            "q\0"
                                            "0](",
                                            5);
  std::string many;
  for (int i = 0; i < 10'000'000; ++i) many += std::string_view("h\0", 2);
  const TemporaryFolder folder;
  const auto file = folder.write("many.pt", checkpoint_of(pickle_of(pickle + many + "e")).bytes());
  EXPECT_THAT([&] { PyTorchFile::open(file); },
              ThrowsMessage<FileError>(
                  HasSubstr("archive/data.pkl: holds more than the 4000000 values that are read")));
}

// In time and memory that grow with their number, not with its square.
TEST(HostilePyTorchFile, TwentyThousandTensorsAreRead) {
  std::vector<std::pair<std::string, std::string>> items;
  for (int i = 0; i < 20'000; ++i) items.emplace_back("t" + std::to_string(i), small_matrix());
  const std::string bytes = checkpoint_of(pickle_of(dict_of(items))).bytes();
  const TemporaryFolder folder;
  const auto path = folder.write("many.pt", bytes);
  largest_allocation = 0;
  const auto file = PyTorchFile::open(path);
  EXPECT_LT(largest_allocation, 4 * bytes.size());
  EXPECT_EQ(file.tensors().tensors.size(), 20'000u);
  EXPECT_EQ(file.tensors().parameter_count, 6) << "all are one in memory";
}

// Each dict holds the one before it ten times: 10 to the 30 tensors.
TEST(HostilePyTorchFile, SharedDictsThatMultiplyAreRefused) {
  std::string pickle = small_matrix();
  for (int level = 0; level < 30; ++level) {
    const std::string remembered = std::string("h") + static_cast<char>(level);
    std::string dict = std::string("q") + static_cast<char>(level) + "0}(";
    for (int i = 0; i < 10; ++i) dict += text_of(std::to_string(i)) + remembered;
    pickle += dict + "u";
  }
  const TemporaryFolder folder;
  const auto file = folder.write("bomb.pt", checkpoint_of(pickle_of(pickle)).bytes());
  largest_allocation = 0;
  EXPECT_THAT([&] { PyTorchFile::open(file); },
              ThrowsMessage<FileError>(HasSubstr("shares values so often")));
  EXPECT_LT(largest_allocation, 1u << 20);
}

// A long key, shared by nested dicts and by all tensors in them, makes longer names.
TEST(HostilePyTorchFile, SharedKeysThatMultiplyAreRefused) {
  const std::string key = std::string("h\0", 2);
  std::string pickle = text_of(std::string(1 << 20, 'k')) + std::string(
                                                                "q\0"
                                                                "0",
                                                                3);
  for (int level = 0; level < 60; ++level) pickle += "}" + key;
  pickle += small_matrix() + times("s", 60);
  const TemporaryFolder folder;
  const auto file = folder.write("names.pt", checkpoint_of(pickle_of(pickle)).bytes());
  EXPECT_THAT([&] { PyTorchFile::open(file); },
              ThrowsMessage<FileError>(HasSubstr("shares values so often")));
}

// Each is small enough; all together are not.
TEST(HostilePyTorchFile, ManyExpandedTensorsAreRefused) {
  std::vector<std::pair<std::string, std::string>> items;
  for (int i = 1; i <= 100; ++i) {
    items.emplace_back("t" + std::to_string(i), matrix_of(0, {10'000 + i}, {0}));
  }
  const TemporaryFolder folder;
  const auto file = folder.write("bomb.pt", checkpoint_of(pickle_of(dict_of(items))).bytes());
  EXPECT_THAT([&] { PyTorchFile::open(file); },
              ThrowsMessage<FileError>(HasSubstr("its numbers do not lie in a row")));
}

}  // namespace
}  // namespace azimuth
