#include "azimuth/pytorch_file.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>

#include "azimuth/hugging_face_folder.h"
#include "azimuth/model_file.h"
#include "azimuth/safetensors_file.h"
#include "integrations/checkpoints/pytorch/pytorch_writer.h"

namespace azimuth {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using namespace azimuth::testing;

const std::filesystem::path kData = AZIMUTH_TEST_DATA;
const std::filesystem::path kFiles = kData / "pytorch";

using Tensors = std::map<std::string, TensorView>;

Tensors by_name(const NamedTensors& all) {
  Tensors tensors;
  for (const NamedTensor& tensor : all.tensors) tensors[tensor.name] = tensor.view;
  EXPECT_EQ(tensors.size(), all.tensors.size()) << "a name appears twice";
  return tensors;
}

/// A checkpoint, and the safetensors file in which PyTorch put the tensors that are to be found.
struct SavedFile {
  const char* file;
  const char* tensors;
};

void PrintTo(const SavedFile& saved, std::ostream* out) { *out << saved.file; }

class SavedPyTorchFile : public ::testing::TestWithParam<SavedFile> {};

TEST_P(SavedPyTorchFile, HasTheTensorsThatPyTorchHas) {
  const auto file = PyTorchFile::open(kFiles / GetParam().file);
  const auto expected =
      SafetensorsFile::open(kFiles / (std::string(GetParam().tensors) + ".safetensors"));
  const NamedTensors all = file.tensors();
  const Tensors found = by_name(all);
  const NamedTensors expected_tensors = expected.tensors();
  for (const auto& [name, view] : by_name(expected_tensors)) {
    SCOPED_TRACE(name);
    EXPECT_TRUE(file.has(name));
    ASSERT_TRUE(found.contains(name));
    const TensorView& tensor = found.at(name);
    EXPECT_EQ(tensor.type, view.type);
    ASSERT_EQ(tensor.shape, view.shape);
    EXPECT_EQ(std::memcmp(tensor.data, view.data, static_cast<std::size_t>(view.bytes())), 0);
    if (tensor.type == StoredType::f32) {
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor.data) % alignof(float), 0u);
    }
  }
  EXPECT_EQ(found.size(), expected_tensors.tensors.size());
}

constexpr SavedFile kSavedFiles[] = {
    {"state_dict_2.pt", "state_dict"},
    {"state_dict_3.pt", "state_dict"},
    {"state_dict_4.pt", "state_dict"},
    {"state_dict_5.pt", "state_dict"},
    {"state_dict_2_legacy.pt", "state_dict"},
    {"state_dict_3_legacy.pt", "state_dict"},
    {"state_dict_4_legacy.pt", "state_dict"},
    {"state_dict_5_legacy.pt", "state_dict"},
    {"views.pt", "views"},
    {"views_legacy.pt", "views"},
    {"parameters.pt", "parameters"},
    {"tied.pt", "tied"},
    {"training_state_dict.pt", "training"},
    {"training_model_state_dict.pt", "training"},
    {"training_model.pt", "training"},
    {"training_module.pt", "training"},
    {"training_model_legacy.pt", "training"},
    {"beside.pt", "beside"},
    {"beside_legacy.pt", "beside"},
    {"lightning.ckpt", "lightning"},
    {"torchscript.pt", "torchscript"},
    {"libtorch_module.pt", "libtorch_module"},
    {"libtorch_tensor.pt", "libtorch_tensor"},
    {"libtorch_tensors.pt", "libtorch_tensors"},
};

INSTANTIATE_TEST_SUITE_P(All, SavedPyTorchFile, ::testing::ValuesIn(kSavedFiles),
                         [](const auto& info) {
                           std::string name = info.param.file;
                           std::ranges::replace(name, '.', '_');
                           return name;
                         });

TEST(PyTorchFile, TensorsLieInTheFileWhereTheyCan) {
  const std::filesystem::path path = kFiles / "views.pt";
  const NamedTensors all = PyTorchFile::open(path).tensors();
  const Tensors tensors = by_name(all);
  const std::byte* base = tensors.at("base").data;
  EXPECT_EQ(tensors.at("row").data, base + 2 * 8 * sizeof(float));
  const auto is_in_the_file = [&](const std::string& name) {
    const auto distance = reinterpret_cast<std::intptr_t>(tensors.at(name).data) -
                          reinterpret_cast<std::intptr_t>(base);
    return std::abs(distance) < static_cast<std::intptr_t>(std::filesystem::file_size(path));
  };
  EXPECT_TRUE(is_in_the_file("of_size_one")) << "whatever the stride of a dimension of 1";
  EXPECT_FALSE(is_in_the_file("transposed"));
}

TEST(PyTorchFile, TiedWeightsCountOnce) {
  const NamedTensors all = PyTorchFile::open(kFiles / "tied.pt").tensors();
  EXPECT_EQ(all.parameter_count, 20);
  ASSERT_EQ(all.tensors.size(), 2u);
  EXPECT_EQ(all.tensors[0].view.data, all.tensors[1].view.data);
}

TEST(PyTorchFile, TellsNamesOfEveryType) {
  const auto file = PyTorchFile::open(kFiles / "state_dict_2.pt");
  EXPECT_TRUE(file.has("model.matrix"));
  EXPECT_TRUE(file.has("model.mask"));
  EXPECT_TRUE(file.has("model.unsigned"));
  EXPECT_FALSE(file.has("matrix"));
  EXPECT_EQ(file.path(), kFiles / "state_dict_2.pt");
}

TEST(PyTorchFile, StorageKeepsTheNumbers) {
  for (const char* name : {"views.pt", "views_legacy.pt"}) {
    const NamedTensors all = PyTorchFile::open(kFiles / name).tensors();
    const Tensors tensors = by_name(all);
    std::vector<float> numbers(6);
    unpack(tensors.at("one_expanded"), 0, 2, numbers.data());
    EXPECT_THAT(numbers, ElementsAre(1.5, 1.5, 1.5, 1.5, 1.5, 1.5));
  }
}

// As a file beyond 4 GiB has it.
TEST(PyTorchFile, ReadsZip64) {
  PyTorchWriter writer = small_checkpoint();
  writer.zip64 = true;
  const TemporaryFolder folder;
  const NamedTensors all = PyTorchFile::open(folder.write("large.pt", writer.bytes())).tensors();
  EXPECT_EQ(all.parameter_count, 8);
}

TEST(PyTorchFile, EntriesThatAreNotReadMayBeCompressed) {
  PyTorchWriter writer = small_checkpoint();
  writer.entries.push_back({"archive/code/__torch__.py", std::string(100, 'x')});
  writer.entries.back().method = 8;
  const TemporaryFolder folder;
  EXPECT_NO_THROW(PyTorchFile::open(folder.write("code.pt", writer.bytes())));
}

TEST(PyTorchFile, TensorsOfOtherTypesOrWithoutNumbersAreListedWithTheReason) {
  const std::string object = global_of("_io", "BytesIO") + ")\x81";
  const std::string pickle =
      dict_of({{"t", small_matrix()},
               {"double", tensor_of("DoubleStorage", "0", 3, 0, {3}, {1})},
               {"complex", tensor_of("ComplexFloatStorage", "0", 3, 0, {3}, {1})},
               {"mask", tensor_of("BoolStorage", "1", 4, 0, {4}, {1})},
               {"of no size", tensor_of("FloatStorage", "9", 0, 0, {0, 3}, {3, 1})},
               {"a._extra_state", object},
               {"b", dict_of({{"_extra_state", dict_of({{"c", small_matrix()}})}})},
               {"d._extra_state", matrix_of(0, {6}, {1})}});
  const TemporaryFolder folder;
  const auto file =
      PyTorchFile::open(folder.write("a.pt", checkpoint_of(pickle_of(pickle)).bytes()));
  const NamedTensors all = file.tensors();
  std::vector<std::string> names;
  for (const NamedTensor& tensor : all.tensors) names.push_back(tensor.name);
  EXPECT_THAT(names, ElementsAre("t", "d._extra_state"));
  std::vector<std::string> lines;
  for (const UnreadableTensor& tensor : all.unreadable) {
    lines.push_back(tensor.name + (tensor.empty ? " (empty): " : ": ") + tensor.why);
  }
  const std::string read = "; float32, float16 and bfloat16 can be read";
  EXPECT_THAT(
      lines,
      ElementsAre("double: its type is float64" + read, "complex: its type is complex64" + read,
                  "mask: its type is integer of 1 byte" + read,
                  "of no size (empty): has a dimension of 0", "a._extra_state: is not a tensor",
                  "b._extra_state: is not a tensor"));
  for (const char* name : {"double", "of no size", "a._extra_state"}) EXPECT_TRUE(file.has(name));
}

/// A value that is made of a global that no state dict needs.
struct Unknown {
  const char* name;
  std::string value;
  std::string global;
};

void PrintTo(const Unknown& unknown, std::ostream* out) { *out << unknown.name; }

const std::string kPath = global_of("pathlib", "PosixPath");

const Unknown kUnknown[] = {
    {"Class", kPath, "pathlib.PosixPath"},
    {"ClassByStack", text_of("pathlib") + text_of("PosixPath") + "\x93", "pathlib.PosixPath"},
    {"Call", call_of("os", "system", {text_of("touch /tmp/azimuth_was_run")}), "os.system"},
    {"CallWithoutATuple", kPath + "NR", "pathlib.PosixPath"},
    {"CallOfWhatACallGives", call_of("os", "system", {}) + ")R", "os.system"},
    {"Instance", kPath + ")\x81", "pathlib.PosixPath"},
    {"InstanceOfArguments", kPath + "K\1\x85\x81", "pathlib.PosixPath"},
    {"InstanceWithState", kPath + ")\x81" + dict_of({{"a", small_matrix()}}) + "b",
     "pathlib.PosixPath"},
    {"InstanceWithMembers", kPath + ")\x81(NNeNa", "pathlib.PosixPath"},
    {"InstanceWithItems", kPath + ")\x81(NNuNNs", "pathlib.PosixPath"},
    {"InstanceOfASet", kPath + ")\x81(NN\x90", "pathlib.PosixPath"},
    {"InstanceByName", kPath + ")" + dict_of({{"a", small_matrix()}}) + "\x92",
     "pathlib.PosixPath"},
    {"InstanceByNameWithoutATuple", kPath + "NN\x92", "pathlib.PosixPath"},
    {"InAList", "](" + kPath + "e", "pathlib.PosixPath"},
    {"InADictOfDicts", dict_of({{"a", dict_of({{"b", kPath}})}}), "pathlib.PosixPath"},
    {"AsAKey", "}" + kPath + "Ns", "pathlib.PosixPath"},
    {"AsAState", global_of("argparse", "Namespace") + ")\x81" + kPath + "b", "pathlib.PosixPath"},
    {"TensorOfAType", tensor_of("QInt8Storage", "0", 3, 0, {3}, {1}), "torch.QInt8Storage"},
    {"TensorOfAClass",
     call_of("torch._tensor", "_rebuild_from_type_v2",
             {global_of("torch._utils", "_rebuild_tensor_v2"), global_of("mine", "Tensor"), ")"}),
     "mine.Tensor"},
    {"TensorByAFunction",
     call_of("torch._tensor", "_rebuild_from_type_v2",
             {global_of("mine", "rebuild"), global_of("torch", "Tensor"), ")"}),
     "mine.rebuild"},
    {"ParameterOfOne", call_of("torch._utils", "_rebuild_parameter", {kPath, "\x88", "N"}),
     "pathlib.PosixPath"},
};

class UnknownInAPickle : public ::testing::TestWithParam<Unknown> {};

TEST_P(UnknownInAPickle, IsSkippedBesideTheStateDictAndRefusedInIt) {
  const TemporaryFolder folder;
  const auto open = [&](const std::string& value) {
    return PyTorchFile::open(folder.write("a.pt", checkpoint_of(pickle_of(value)).bytes()));
  };
  const auto& [name, value, global] = GetParam();
  const NamedTensors beside =
      open(dict_of({{"args", value}, {"model", dict_of({{"t", small_matrix()}})}, {"b", value}}))
          .tensors();
  ASSERT_EQ(beside.tensors.size(), 1u);
  EXPECT_EQ(beside.tensors[0].name, "t");
  const auto refused = ThrowsMessage<FileError>(HasSubstr(
      "archive/data.pkl: refers to " + global + ", which no state dict needs; it is not run"));
  EXPECT_THAT(
      [&] {
        open(dict_of({{"model", dict_of({{"t", small_matrix()}, {"x", value}})}}));
      },
      refused);
  EXPECT_THAT([&] { open(dict_of({{"t", small_matrix()}, {"x", value}})); }, refused);
  EXPECT_THAT([&] { open(value); }, refused);
}

INSTANTIATE_TEST_SUITE_P(All, UnknownInAPickle, ::testing::ValuesIn(kUnknown),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(PyTorchFile, FileThatCannotBeOpenedIsAnError) {
  const TemporaryFolder folder;
  EXPECT_THAT([&] { PyTorchFile::open(folder.path() / "none"); },
              ThrowsMessage<FileError>(HasSubstr("none: cannot be opened: ")));
  EXPECT_THAT([&] { PyTorchFile::open(folder.write("empty", "")); },
              ThrowsMessage<FileError>(HasSubstr("the file is empty")));
  EXPECT_THAT([&] { PyTorchFile::open(kData / "architectures" / "llama" / "config.json"); },
              ThrowsMessage<FileError>(HasSubstr("config.json: format: is neither the zip")));
}

// The same model, as Transformers saved it before safetensors.
TEST(PyTorchFile, FoldersAreTheModelThatTheirSafetensorsAre) {
  const auto safetensors = load_hugging_face(kData / "architectures" / "qwen2");
  for (const char* folder : {"qwen2", "qwen2_sharded"}) {
    const ModelWeights weights = load_hugging_face(kFiles / folder);
    EXPECT_EQ(weights.digest(), safetensors.digest()) << folder;
    EXPECT_EQ(weights.sizes().parameter_count, safetensors.sizes().parameter_count) << folder;
  }
}

TEST(ModelFile, IsReadByWhatIsInItWhateverItsName) {
  const std::filesystem::path qwen2 = kData / "architectures" / "qwen2";
  const TemporaryFolder folder;
  const std::filesystem::path config = qwen2 / "config.json";
  std::filesystem::copy(qwen2 / "model.safetensors", folder / "model.pt");
  std::filesystem::copy(kFiles / "qwen2" / "pytorch_model.bin", folder / "model.safetensors");
  const std::string digest = load_hugging_face(qwen2).digest();
  EXPECT_EQ(load_model_file(folder / "model.pt", config).digest(), digest);
  EXPECT_EQ(load_model_file(folder / "model.safetensors", config).digest(), digest);
}

TEST(ModelFile, OfAnotherFormatOrModelIsAnError) {
  const TemporaryFolder folder;
  const std::filesystem::path model = kFiles / "qwen2" / "pytorch_model.bin";
  EXPECT_THAT(
      [&] { load_model_file(folder.write("a.pt", "GGUF????"), kFiles / "qwen2/config.json"); },
      ThrowsMessage<FileError>(
          HasSubstr("a.pt: format: is neither that of safetensors nor one of PyTorch")));
  EXPECT_THAT([&] { load_model_file(model, folder / "config.json"); },
              ThrowsMessage<FileError>(HasSubstr("config.json: cannot be opened")));
  std::string config = bytes_of(kFiles / "qwen2" / "config.json");
  config.replace(config.find("\"vocab_size\": 37"), 16, "\"vocab_size\": 38");
  EXPECT_THAT([&] { load_model_file(model, folder.write("config.json", config)); },
              ThrowsMessage<FileError>(
                  HasSubstr("config.json: key vocab_size: is 38, but the weights have 37")));
  EXPECT_THAT([&] { load_model_file(kFiles / "tied.pt", kFiles / "qwen2/config.json"); },
              ThrowsMessage<FileError>(HasSubstr("tied.pt: model: ")));
}

}  // namespace
}  // namespace azimuth
