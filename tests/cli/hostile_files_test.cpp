// The program on files that somebody made to harm it: one of each kind of file and each way to an
// error, and what only a program shows. All damage that we thought of is tried in the reader's own
// table.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/ptrace.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "cli/run_program.h"
#include "cli/stored_run.h"
#include "integrations/checkpoints/pytorch/pytorch_writer.h"
#include "support/ed25519_keys.h"

namespace azimuth::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::filesystem::path kData = AZIMUTH_TEST_DATA;
const std::string kConfig = kData / "architectures/llama/config.json";
#ifdef __has_feature  // clang, which makes the build that checks addresses
#if __has_feature(address_sanitizer)
#define SHADOWED  // each byte has a shadow, and what was freed is kept
#endif
#endif
#ifdef SHADOWED
constexpr std::int64_t kMaxBytes = 4ll << 30;
#else
constexpr std::int64_t kMaxBytes = 512ll << 20;
#endif

struct Hostile {
  const char* name;
  /// Writes the file, and returns the arguments that make the program read it.
  std::function<std::vector<std::string>(const TemporaryFolder&)> write;
  std::string file;  ///< that the error names, in the folder
  std::string words;
};

void PrintTo(const Hostile& hostile, std::ostream* out) { *out << hostile.name; }

Hostile safetensors(const char* name, std::function<void(SafetensorsWriter&)> damage,
                    std::string words) {
  return {name,
          [damage](const TemporaryFolder& folder) -> std::vector<std::string> {
            SafetensorsWriter writer = small_safetensors();
            damage(writer);
            return {"inspect", folder.write("a.safetensors", writer.bytes()), "--config", kConfig};
          },
          "a.safetensors", std::move(words)};
}

Hostile gguf(const char* name, std::function<void(GgufWriter&)> damage, std::string words) {
  return {name,
          [damage](const TemporaryFolder& folder) -> std::vector<std::string> {
            GgufWriter writer = small_file();
            damage(writer);
            return {"inspect", folder.write("a.gguf", writer.bytes())};
          },
          "a.gguf", std::move(words)};
}

Hostile pytorch(const char* name, std::function<void(PyTorchWriter&)> damage, std::string words) {
  return {name,
          [damage](const TemporaryFolder& folder) -> std::vector<std::string> {
            PyTorchWriter writer = small_checkpoint();
            damage(writer);
            return {"inspect", folder.write("a.pt", writer.bytes()), "--config", kConfig};
          },
          "a.pt", std::move(words)};
}

Hostile pickle(const char* name, const std::string& value, std::string words) {
  return pytorch(
      name, [value](auto& z) { z.entries[0].data = pickle_of(value); }, std::move(words));
}

Hostile in_folder(const char* name, std::string file, std::string bytes, std::string words) {
  return {name,
          [file, bytes](const TemporaryFolder& folder) -> std::vector<std::string> {
            std::filesystem::copy(kConfig, folder.path());
            folder.write(file, bytes);
            return {"inspect", folder.path()};
          },
          file, std::move(words)};
}

Hostile adapter(const char* name, std::string bytes, std::string words) {
  return {name,
          [bytes](const TemporaryFolder& folder) -> std::vector<std::string> {
            folder.write("adapter_config.json", bytes);
            return {"inspect", kData / "architectures/llama", "--adapter", folder.path()};
          },
          "adapter_config.json", std::move(words)};
}

Hostile signature(const char* name, std::string bytes, std::string words) {
  return {name,
          [bytes](const TemporaryFolder& folder) -> std::vector<std::string> {
            const std::string file = folder.write("a.azsig", bytes);
            return {"compare", file, file};
          },
          "a.azsig", std::move(words)};
}

/// Beside a model that is audited.
Hostile tokenizer(const char* name, std::string file, std::string bytes, std::string words) {
  return {name,
          [file, bytes](const TemporaryFolder& folder) -> std::vector<std::string> {
            const std::filesystem::path model = kData / "architectures/llama";
            std::filesystem::copy(model, folder.path());
            folder.write(file, bytes);
            return {"audit", "--base", model, "--release", folder.path()};
          },
          file, std::move(words)};
}

Hostile attestation(const char* name, std::string bytes, std::string words) {
  return {name,
          [bytes](const TemporaryFolder& folder) -> std::vector<std::string> {
            const std::string key = folder.write("pub.pem", kKeyPairs[0].public_pem);
            return {"verify", folder.write("a.json", bytes), "--key", key};
          },
          "a.json", std::move(words)};
}

void run_sql(const std::filesystem::path& file, const std::string& sql) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &database), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
      << sqlite3_errmsg(database);
  sqlite3_close(database);
}

/// A history that SQL was let loose on, as `azimuth history` prints it in JSON.
Hostile store(const char* name, const std::string& sql, std::string words) {
  return {name,
          [sql](const TemporaryFolder& folder) -> std::vector<std::string> {
            const std::filesystem::path file = folder / "a.azimuth";
            store_run(file, "run", 3);
            run_sql(file, sql);
            return {"history", file, "--format", "json"};
          },
          "a.azimuth", std::move(words)};
}

Hostile report_of(Hostile hostile, const char* name) {
  hostile.name = name;
  hostile.write = [write = hostile.write](const TemporaryFolder& folder) {
    return std::vector<std::string>{"report", write(folder).at(1), "-o", folder / "report.html"};
  };
  return hostile;
}

Hostile signature_of_step(Hostile hostile, const char* name) {
  hostile.name = name;
  hostile.write = [write = hostile.write](const TemporaryFolder& folder) {
    const std::string step = write(folder).at(1) + "@20";
    return std::vector<std::string>{"compare", step, step};
  };
  return hostile;
}

std::string times(std::string_view text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

/// A tensor that is made once and remembered, ten million times.
std::string ten_million_tensors() {
  return small_matrix() +
         std::string(
             "q\0"
             "0](",
             5) +
         times(std::string_view("h\0", 2), 10'000'000) + "e";
}

const std::string kIndex = "model.safetensors.index.json";
const std::string kSignatureStart("AZSIG\r\n\x1a\1\0\0\0", 12);

/// The last of three observations, so that two good ones are read before.
Hostile store_blob(const char* name, const std::string& blob, std::string words) {
  return store(name, "UPDATE observations SET observation = " + blob + " WHERE sequence = 3",
               std::move(words));
}

const std::vector<Hostile> kHostile = {
    safetensors(
        "SafetensorsDataOverlap", [](auto& f) { f.tensors[2].offsets = "[24,28]"; },
        "tensor row: its data overlap"),
    {"SafetensorsOfTenMillionTensors",
     [](const TemporaryFolder& folder) -> std::vector<std::string> {
       // Every entry takes some 60 bytes; those behind the first are not there, and not looked at.
       const std::uint64_t header = 60ull * 10'000'000;
       const auto file = folder.write("a.safetensors", raw(header) + R"({"t":{"dtype":"F32",)");
       std::filesystem::resize_file(file, 8 + header + 4);
       return {"inspect", file, "--config", kConfig};
     },
     "a.safetensors", "header: claims 600000000 bytes; at most 33554432 are read"},
    gguf(
        "GgufDataOverlap", [](auto& f) { f.tensors[1].offset = 0; },
        "tensor row: its data overlap"),
    gguf(
        "GgufArchitectureNotUtf8", [](auto& f) { f.keys[0].second = text("ll\xff\n\x1b[2J"); },
        "key general.architecture: 'll\\xff\\x0a\\x1b[2J' is not known"),
    pytorch(
        "ZipEntriesOverlap", [](auto& z) { z.entries[2].size = 40; },
        "entry archive/data/0: overlaps"),
    pickle("PickleCallsSystem", call_of("os", "system", {text_of("touch /tmp/azimuth_was_run")}),
           "refers to os.system, which no state dict needs; it is not run"),
    pickle("PickleShapeOverflows", dict_of({{"t", matrix_of(0, {1ll << 32, 1ll << 32}, {0, 0})}}),
           "tensor t: its size overflows"),
    pytorch(
        "PickleOfTenMillionTensors",
        [](auto& z) { z.entries[0].data = pickle_of(ten_million_tensors()); },
        "holds more than the 4000000 values"),

    in_folder("IndexAbove", kIndex, R"({"weight_map":{"a":"../b"}})",
              "tensor a: its file '../b' is not the name of a file in this folder"),
    in_folder("ConfigTwice", "config.json", R"({"model_type":"llama","model_type":"llama"})",
              "JSON: \"model_type\" appears twice"),

    tokenizer("TokenizerIdTooLarge", "tokenizer.json",
              R"({"model": {"vocab": {"\u001b[2J": 1000000000}}})",
              "token \\x1b[2J: has the id 1000000000"),
    tokenizer("TokenizerOfTooManyPieces", "tokenizer.model",
              times(std::string_view("\n\0", 2), 2'000'001),
              "SentencePiece model: has 2000001 tokens; at most 2000000 are read"),

    adapter("AdapterTwice", R"({"peft_type":"LORA","peft_type":"LORA"})",
            "JSON: \"peft_type\" appears twice"),

    signature("SignatureOfAnythingElse", kSignatureStart + raw<std::uint64_t>(2) + "\xff\xff",
              "content: "),

    attestation("AttestationTwice", R"({"payload":"e30=","payload":"e30="})",
                "JSON: \"payload\" appears twice"),
    attestation("AttestationOfNobody",
                R"({"payload":"e30=","payloadType":"application/vnd.in-toto+json",)"
                R"("signatures":[{"sig":""}]})",
                "signature: none is of this payload"),

    {"StoreOfAnythingElse",
     [](const TemporaryFolder& folder) -> std::vector<std::string> {
       return {"history", folder.write("a.azimuth", std::string(5000, 'x'))};
     },
     "a.azimuth", "file is not a database"},
    store("StoreOfAnEndlessView",
          "DROP TABLE observations; CREATE VIEW observations AS WITH RECURSIVE n(x) AS (SELECT 1 "
          "UNION ALL SELECT x FROM n) SELECT 'run' AS run, x AS attempt, x AS sequence, x AS step, "
          "x AS time, x AS observation, x AS tracker FROM n",
          "an Azimuth history without its tables"),
    store("StoreSchemaOfSeveralLines",
          "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = 'CREATE TABLE runs (' || "
          "char(10) || 'x y z (', name = 'ru' || char(10) || 'ns' WHERE name = 'runs'",
          "malformed database schema (ru\\x0ans)"),
    store_blob("StoreBlobNotUtf8", "x'1201ff'", "damaged azimuth.v1.Observation"),
    report_of(store_blob("", "'damaged'", "damaged azimuth.v1.Observation"),
              "StoreBlobDamagedInAReport"),
    signature_of_step(
        store("", "UPDATE observations SET tracker = 'damaged'", "damaged azimuth.v1.TrackerState"),
        "StoreTrackerDamaged"),
};

/// What every bad file comes to: one line that says which, what and why, and exit code 3.
void expect_one_clear_error(const Ended& ended, const std::filesystem::path& file) {
  EXPECT_EQ(ended.code, 3) << ended.err;
  EXPECT_EQ(ended.out, "");
  EXPECT_EQ(std::ranges::count(ended.err, '\n'), 1) << ended.err;
  EXPECT_TRUE(ended.err.ends_with('\n'));
  const std::string start = "azimuth: " + file.string() + ": ";
  ASSERT_THAT(ended.err, StartsWith(start));
  const std::size_t what = ended.err.find(": ", start.size());
  EXPECT_TRUE(what != std::string::npos && what > start.size()) << ended.err;
  EXPECT_LT(ended.err.size(), 2'000u);
  EXPECT_LT(ended.peak_bytes, kMaxBytes);
}

class HostileFile : public ::testing::TestWithParam<Hostile> {};

TEST_P(HostileFile, IsOneLineAndExitCode3InBoundedMemory) {
  const TemporaryFolder folder;
  const Ended ended = run_program(GetParam().write(folder));
  expect_one_clear_error(ended, folder.path() / GetParam().file);
  EXPECT_THAT(ended.err, HasSubstr(": " + GetParam().words));
  EXPECT_FALSE(std::filesystem::exists("/tmp/azimuth_was_run"));
}

INSTANTIATE_TEST_SUITE_P(All, HostileFile, ::testing::ValuesIn(kHostile),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(CutStore, IsOneLineAndExitCode3) {
  const TemporaryFolder folder;
  const std::filesystem::path whole = folder / "whole.azimuth";
  store_run(whole, "run", 20);
  const std::string bytes = contents_of(whole);
  for (std::size_t percent = 0; percent < 100; ++percent) {
    SCOPED_TRACE(std::to_string(percent) + "%");
    const std::string file =
        folder.write("a.azimuth", bytes.substr(0, bytes.size() * percent / 100));
    expect_one_clear_error(run_program({"history", file}), file);
    expect_one_clear_error(run_program({"compare", file + "@10", file + "@20"}), file);
  }
}

/// Nothing of a store is checked by itself, so that damage may go unseen: what is printed must be
/// whole all the same.
TEST(StoreWithAFlippedByte, IsReadOrIsOneLineAndExitCode3) {
  const TemporaryFolder folder;
  const std::filesystem::path whole = folder / "whole.azimuth";
  store_run(whole, "run", 5);
  const std::string bytes = contents_of(whole);
  for (std::size_t i = 0; i < 300; ++i) {
    const std::size_t place = bytes.size() * i / 300;
    SCOPED_TRACE("byte " + std::to_string(place));
    std::string damaged = bytes;
    damaged[place] = static_cast<char>(~damaged[place]);
    const std::string file = folder.write("a.azimuth", damaged);
    const Ended ended = run_program({"history", file, "--format", "json"});
    if (ended.code == 0) {
      EXPECT_TRUE(nlohmann::json::accept(ended.out));
      EXPECT_EQ(ended.err, "");
    } else {
      expect_one_clear_error(ended, file);
    }
  }
}

struct Cut {
  const char* name;
  std::filesystem::path file;
  std::vector<std::string> arguments;  ///< the file's name comes between
  std::vector<std::string> rest;
};

class CutFile : public ::testing::TestWithParam<Cut> {};

TEST_P(CutFile, IsOneLineAndExitCode3) {
  const std::string bytes = contents_of(GetParam().file);
  ASSERT_GT(bytes.size(), 1'000u);
  const TemporaryFolder folder;
  for (std::size_t percent = 0; percent < 100; ++percent) {
    SCOPED_TRACE(std::to_string(percent) + "%");
    const auto file = folder.write(GetParam().file.filename().string(),
                                   bytes.substr(0, bytes.size() * percent / 100));
    std::vector<std::string> arguments = GetParam().arguments;
    arguments.push_back(file);
    std::ranges::copy(GetParam().rest, std::back_inserter(arguments));
    expect_one_clear_error(run_program(arguments), file);
  }
}

INSTANTIATE_TEST_SUITE_P(Real, CutFile,
                         ::testing::Values(Cut{"Gguf", kData / "gguf/llama.gguf", {"inspect"}, {}},
                                           Cut{"Safetensors",
                                               kData / "architectures/llama/model.safetensors",
                                               {"inspect", "--config", kConfig},
                                               {}},
                                           Cut{"PyTorch",
                                               kData / "pytorch/qwen2/pytorch_model.bin",
                                               {"inspect", "--config",
                                                kData / "pytorch/qwen2/config.json"},
                                               {}},
                                           Cut{"LegacyPyTorch",
                                               kData / "pytorch/training_model_legacy.pt",
                                               {"inspect", "--config", kConfig},
                                               {}},
                                           Cut{"LibTorch",
                                               kData / "pytorch/libtorch_module.pt",
                                               {"inspect", "--config", kConfig},
                                               {}}),
                         [](const auto& info) { return std::string(info.param.name); });

/// Runs the program call by call of the system until it has mapped `file`, cuts the file to `size`
/// bytes, and lets the program go on.
Ended run_and_cut_once_mapped(std::vector<std::string> arguments, const std::filesystem::path& file,
                              std::uintmax_t size) {
  const TemporaryFolder folder;
  const std::string err = folder.path() / "err";
  arguments.insert(arguments.begin(), AZIMUTH_PROGRAM);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    dup2(open(err.c_str(), O_WRONLY | O_CREAT, 0600), STDERR_FILENO);
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    execvp(argv[0], argv.data());
    _exit(127);
  }
  int status = 0;
  const std::string maps = "/proc/" + std::to_string(child) + "/maps";
  bool mapped = false;
  while (waitpid(child, &status, 0) == child && WIFSTOPPED(status) && !mapped) {
    mapped = contents_of(maps).find(file.string()) != std::string::npos;
    if (mapped) {
      std::filesystem::resize_file(file, size);
      ptrace(PTRACE_DETACH, child, nullptr, nullptr);
    } else {
      ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
    }
  }
  EXPECT_TRUE(mapped);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, "", contents_of(err)};
}

TEST(ShrinkingFile, IsOneLineAndExitCode3) {
  const TemporaryFolder folder;
  const std::string file = folder.write("a.gguf", contents_of(kData / "gguf/llama.gguf"));
  const Ended ended = run_and_cut_once_mapped({"inspect", file}, file, 4096);
  EXPECT_EQ(ended.code, 3);
  EXPECT_EQ(ended.err, "azimuth: " + file + ": contents: shrank while it was read\n");
}

}  // namespace
}  // namespace azimuth::testing
