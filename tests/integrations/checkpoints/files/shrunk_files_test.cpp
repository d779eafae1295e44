#include "azimuth/shrunk_files.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include "azimuth/gguf_file.h"
#include "azimuth/pytorch_file.h"
#include "azimuth/safetensors_file.h"
#include "integrations/checkpoints/pytorch/pytorch_writer.h"

namespace azimuth {
namespace {

using ::testing::ExitedWithCode;
using namespace azimuth::testing;

constexpr int kNumbers = 100'000;  // many pages

std::string large_safetensors() {
  SafetensorsWriter writer;
  writer.tensors = {{"large", R"("F32")", "[100000]", f32_data(std::vector<float>(kNumbers))}};
  return writer.bytes();
}

std::string large_checkpoint() {
  PyTorchWriter writer = checkpoint_of(pickle_of(
      dict_of({{"large", tensor_of("BFloat16Storage", "0", kNumbers, 0, {kNumbers}, {1})}})));
  writer.entries[2].data = std::string(2 * kNumbers, '\0');
  return writer.bytes();
}

std::string large_gguf() {
  GgufWriter writer;
  writer.tensors = {{"large", {kNumbers}, 0, f32_data(std::vector<float>(kNumbers))}};
  return writer.bytes();
}

float last_number(const NamedTensors& all) {
  std::vector<float> numbers(kNumbers);
  unpack(all.tensors.at(0).view, 0, 1, numbers.data());
  return numbers.back();
}

template <class File>
void read_while_it_shrinks(const std::filesystem::path& path) {
  const NamedTensors all = File::open(path).tensors();
  EXPECT_EQ(last_number(all), 0);
  std::filesystem::resize_file(path, 10);
  last_number(all);
}

TEST(ShrunkFiles, EndTheProgramWithOneClearError) {
  const TemporaryFolder folder;
  const auto first = folder.write("a.safetensors", large_safetensors());
  EXPECT_EXIT(
      {
        exit_when_a_file_shrinks(3);
        read_while_it_shrinks<SafetensorsFile>(first);
      },
      ExitedWithCode(3), "^azimuth: .*a.safetensors: contents: shrank while it was read\n$");
  const auto second = folder.write("a.pt", large_checkpoint());
  EXPECT_EXIT(
      {
        exit_when_a_file_shrinks(3);
        read_while_it_shrinks<PyTorchFile>(second);
      },
      ExitedWithCode(3), "^azimuth: .*a.pt: contents: shrank while it was read\n$");
  const auto third = folder.write("a.gguf", large_gguf());
  EXPECT_EXIT(
      {
        exit_when_a_file_shrinks(3);
        read_while_it_shrinks<GgufFile>(third);
      },
      ExitedWithCode(3), "^azimuth: .*a.gguf: contents: shrank while it was read\n$");
}

TEST(ShrunkFiles, NameTheOneThatShrankOfThoseThatAreOpen) {
  const TemporaryFolder folder;
  const auto first = folder.write("first.pt", large_checkpoint());
  const auto second = folder.write("second.pt", large_checkpoint());
  const auto third = folder.write("third.pt", large_checkpoint());
  EXPECT_EXIT(
      {
        exit_when_a_file_shrinks(3);
        const auto kept = PyTorchFile::open(first);
        { const auto closed = PyTorchFile::open(third); }
        const NamedTensors all = PyTorchFile::open(second).tensors();
        const auto opened_later = PyTorchFile::open(third);
        std::filesystem::resize_file(second, 10);
        last_number(all);
      },
      ExitedWithCode(3), "second.pt: contents: shrank");
}

TEST(ShrunkFiles, LeaveOtherSignalsToTheHandlerBefore) {
  const TemporaryFolder folder;
  const auto file = folder.write("a.pt", large_checkpoint());
  EXPECT_EXIT(
      {
        ::signal(SIGBUS, [](int) { ::_exit(42); });
        exit_when_a_file_shrinks(3);
        const auto open = PyTorchFile::open(file);
        ::raise(SIGBUS);
      },
      ExitedWithCode(42), "^$");
}

}  // namespace
}  // namespace azimuth
