// The program as a person calls it, on models that Transformers wrote.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "cli/changed_model.h"
#include "cli/run_program.h"

namespace azimuth::testing {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kModel = AZIMUTH_TEST_DATA "/architectures/llama";

TEST(Inspect, PrintsATableThatMarksExplosionAndDecay) {
  const Ended ended = run_program({"inspect", kModel});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.err, "") << "no bar in a pipe";
  EXPECT_THAT(ended.out,
              AllOf(HasSubstr("llama, 4 blocks"), HasSubstr("(primary"), HasSubstr("▲ explosion"),
                    HasSubstr("▼ decay"), HasSubstr("σ1"), Not(HasSubstr("\x1b"))));
}

TEST(Inspect, PrintsOneObservationAsJsonAndNothingElse) {
  const Ended ended = run_program({"inspect", kModel, "--format", "json"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  const json o = json::parse(ended.out);
  EXPECT_EQ(o.at("model").at("architecture"), "llama");
  EXPECT_EQ(o.at("model").at("weights_digest").get<std::string>().size(), 64u);
  EXPECT_EQ(o.at("blocks").size(), 5u);
  EXPECT_EQ(o.at("primary_stage"), 0);
  EXPECT_EQ(o.at("state"), "STATE_UNSPECIFIED");
  EXPECT_TRUE(o.at("blocks").at(2).at("singular").at("sigma").at(0).is_number());
  EXPECT_TRUE(o.at("blocks").at(2).at("singular").at("converged").get<bool>());
}

TEST(Inspect, LeavesOutSpectralFiguresWhenAsked) {
  const Ended ended = run_program({"inspect", kModel, "--no-spectral", "--format", "json"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  const json block = json::parse(ended.out).at("blocks").at(2);
  EXPECT_EQ(block.at("singular").at("sigma").at(0), "NaN");
  EXPECT_EQ(block.at("spectral_reason"), "not computed");
  EXPECT_TRUE(block.at("growth").is_number());
}

TEST(Inspect, SaysWhyAMixtureHasNoSpectralFigures) {
  const std::string mixture = AZIMUTH_TEST_DATA "/architectures/mixtral";
  const Ended ended = run_program({"inspect", mixture});
  EXPECT_EQ(ended.code, 0) << ended.err;
  const std::string why =
      "have no singular direction and no eigenvalue: no direction to take experts by.\n";
  EXPECT_THAT(ended.out, HasSubstr("Blocks 1 to 3 " + why));
  const TemporaryFolder folder;
  const std::string signature = folder.path() / "mixture.azsig";
  EXPECT_EQ(run_program({"signature", mixture, "-o", signature}).code, 0);
  EXPECT_THAT(run_program({"inspect", signature}).out, HasSubstr("Blocks 1 to 3 " + why));
  EXPECT_THAT(run_program({"inspect", kModel}).out, Not(HasSubstr("no singular direction")));
}

// No block writes to the residual stream: hidden states are the embedding's to the end.
std::string without_direction(const std::filesystem::path& folder) {
  ChangedModel model(kModel, folder);
  for (int layer = 0; layer < 4; ++layer) {
    for (const char* matrix : {"self_attn.o_proj", "mlp.down_proj"}) {
      model.change("model.layers." + std::to_string(layer) + "." + matrix + ".weight",
                   [](std::size_t, float) { return 0.0F; });
    }
  }
  return model.write();
}

TEST(Inspect, SaysThatThereIsNoDirectionAndWhatComesNearest) {
  const TemporaryFolder folder;
  const std::string model = without_direction(folder.path() / "model");
  const json o = json::parse(run_program({"inspect", model, "--format", "json"}).out);
  const std::string absence = o.at("absence");
  EXPECT_THAT(absence, ::testing::MatchesRegex("ABSENT: no token is high-norm; the largest norm "
                                               "ratio is 1\\.[0-9]*, at block [1-4], of token "
                                               "[0-9]*"));
  EXPECT_EQ(o.at("primary_stage"), -1);
  const std::string picture = folder.path() / "norms.svg";
  const Ended ended = run_program({"inspect", model, "--plot", picture});
  EXPECT_EQ(ended.code, 0);
  EXPECT_EQ(ended.err, "");
  EXPECT_THAT(ended.out, HasSubstr("\n" + absence + " (high-norm: 10 and more)\n"));
  EXPECT_THAT(ended.out, AllOf(Not(HasSubstr("rovisional")), Not(HasSubstr("nan"))));
  EXPECT_THAT(contents_of(picture), HasSubstr(absence));
  EXPECT_EQ(json::parse(run_program({"inspect", kModel, "--format", "json"}).out).at("absence"),
            "");

  const std::string signature = folder.path() / "absent.azsig";
  const Ended written = run_program({"signature", model, "-o", signature});
  EXPECT_EQ(written.code, 0);
  EXPECT_THAT(written.out, HasSubstr("  " + absence + "\n  The signature holds norms, and no"));
  EXPECT_THAT(run_program({"inspect", signature}).out, HasSubstr(absence));
}

TEST(Inspect, AProvisionalDirectionIsNoSignature) {
  const TemporaryFolder folder;
  const std::string model = AZIMUTH_TEST_DATA "/architectures/mixtral";
  const std::string out = run_program({"inspect", model}).out;
  EXPECT_THAT(out, HasSubstr("ABSENT: no token is high-norm; the largest norm ratio is 3.29, at "
                             "block 1, of token "));
  EXPECT_THAT(out, HasSubstr("\nProvisional direction, of the tokens above 2:\n  coordinates "));
  EXPECT_THAT(run_program({"signature", model, "-o", folder.path() / "s"}).out,
              AllOf(HasSubstr("ABSENT: "), HasSubstr("The direction is provisional:\n")));
}

TEST(Inspect, TakesTheIdsOfTheProbeInTheirOrder) {
  const Ended ended = run_program({"inspect", kModel, "--tokens", "9,2,5", "--format", "json"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(json::parse(ended.out).at("probe").at("token_ids"), json({"9", "2", "5"}));
}

TEST(Inspect, LooksThroughTheWholeVocabulary) {
  const Ended ended = run_program({"inspect", kModel, "--vocabulary", "--format", "json"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  const json pass = json::parse(ended.out).at("probe").at("vocabulary");
  EXPECT_EQ(pass.at("exploding_token_ids").size(), pass.at("ratio").size());
}

TEST(Inspect, DrawsAPicture) {
  const TemporaryFolder folder;
  const Ended ended = run_program({"inspect", kModel, "--plot", folder.path() / "norms.svg"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(contents_of(folder.path() / "norms.svg"),
              AllOf(HasSubstr("<svg"), HasSubstr("Norms by block"),
                    HasSubstr("Singular directions of the blocks")));
}

TEST(Inspect, AppliesAnAdapterOnTop) {
  const std::string adapter = AZIMUTH_TEST_DATA "/adapters/llama";
  const json expected = json::parse(contents_of(adapter + "/hidden_states.json"));
  std::string tokens;
  for (const int id : expected.at("token_ids")) {
    tokens += (tokens.empty() ? "" : ",") + std::to_string(id);
  }
  const Ended ended = run_program(
      {"inspect", kModel, "--adapter", adapter, "--tokens", tokens, "--format", "json"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  const json norms = json::parse(ended.out).at("blocks").at(4).at("norms");
  const double last = expected.at("norms").at(4).at(0);
  EXPECT_NEAR(norms.at(0).get<double>() / last, 1, 1e-4);
}

TEST(Inspect, ReadsWhatIsQuantised) {
  int folders = 0;
  int figures = 0;
  for (const auto& entry : std::filesystem::directory_iterator(AZIMUTH_TEST_DATA "/quantised")) {
    if (!exists(entry.path() / "config.json")) continue;
    const json expected = json::parse(contents_of(entry.path() / "hidden_states.json"));
    const std::string token = expected.at("token_ids").at(3).dump();
    const Ended ended =
        run_program({"inspect", entry.path(), "--tokens", token, "--format", "json"});
    ASSERT_EQ(ended.code, 0) << entry << ended.err;
    EXPECT_EQ(ended.err, "") << entry;
    const json o = json::parse(ended.out);
    EXPECT_EQ(o.at("model").at("weights_digest").get<std::string>().size(), 64u) << entry;
    const double last = expected.at("norms").at(2).at(3);
    EXPECT_NEAR(o.at("blocks").at(2).at("norms").at(0).get<double>() / last, 1, 1e-5) << entry;
    const json& block = o.at("blocks").at(2);
    const bool has_figures = block.at("singular").at("sigma").at(0).is_number();
    EXPECT_EQ(has_figures, block.at("spectral_reason") == "") << entry;
    figures += has_figures ? 1 : 0;
    ++folders;
  }
  EXPECT_GE(folders, 13);
  EXPECT_GE(figures, 13) << "all but mixtures, of which no token is high-norm";
}

TEST(Inspect, SaysWhichTensorIsNotFinite) {
  const std::string tensor = "model.layers.1.mlp.up_proj.weight";
  const TemporaryFolder folder;
  int copies = 0;
  for (const float bad : {NAN, INFINITY}) {
    const std::string model =
        ChangedModel(kModel, folder.path() / std::to_string(++copies)).set(tensor, 5, bad).write();
    const std::string why =
        "holds a value that is not finite; neither are the hidden states from block 2 on";
    const Ended ended = run_program({"inspect", model});
    EXPECT_EQ(ended.code, 0);
    EXPECT_THAT(ended.out, AllOf(HasSubstr("There is no direction: tensor " + tensor + " " + why),
                                 Not(HasSubstr("ABSENT"))));
    const std::string line = "azimuth: " + model + ": tensor " + tensor + ": " + why + "\n";
    EXPECT_EQ(ended.err, line);
    const Ended in_json = run_program({"inspect", model, "--format", "json"});
    EXPECT_TRUE(json::parse(in_json.out).at("blocks").at(2).at("norms").at(0).is_string());
    EXPECT_EQ(in_json.err, line);
    const std::string signature = folder.path() / "bad.azsig";
    const Ended signed_model = run_program({"signature", model, "-o", signature});
    EXPECT_EQ(signed_model.code, 3);
    EXPECT_EQ(signed_model.err, line);
    EXPECT_FALSE(std::filesystem::exists(signature));
    const Ended compared = run_program({"compare", kModel, model});
    EXPECT_EQ(compared.code, 4) << "a pair has no angle";
    EXPECT_EQ(compared.err, line);
    EXPECT_THAT(compared.out, HasSubstr("–: 2 has no signature: tensor " + tensor + " " + why));
  }
}

TEST(Inspect, SaysThatFiniteWeightsOverflow) {
  const TemporaryFolder folder;
  ChangedModel model(kModel, folder.path() / "model");
  for (const char* matrix : {"up", "down"}) {
    model.change("model.layers.2.mlp." + std::string(matrix) + "_proj.weight",
                 [](std::size_t, float value) { return value * 1e25F; });
  }
  const Ended ended = run_program({"inspect", model.write()});
  EXPECT_EQ(ended.code, 0);
  EXPECT_THAT(ended.out,
              HasSubstr("There is no direction: hidden states overflow float32 from block 3 on, "
                        "though every weight is finite\n"));
  EXPECT_EQ(run_program({"signature", model.folder(), "-o", folder.path() / "s"}).code, 3);
}

// The figures: a number, halves on either side of an even neighbour, what rounds to infinity, the
// least numbers, both zeros, NaN with a payload.
TEST(Inspect, Bfloat16DigestIsThatOfAnotherProgram) {
  const auto elsewhere = [](const std::string& folder) {
    const Ended made = run({"python3", AZIMUTH_CLI_TESTS "/calls/bfloat16_digest.py", folder});
    EXPECT_EQ(made.code, 0) << made.err;
    return made.out.substr(0, 64);
  };
  const auto here = [](const std::string& folder) {
    const Ended made = run_program({"inspect", folder, "--no-spectral", "--format", "json"});
    EXPECT_EQ(made.code, 0) << made.err;
    return json::parse(made.out).at("model").at("bfloat16_digest").get<std::string>();
  };
  EXPECT_EQ(here(kModel), elsewhere(kModel));
  const TemporaryFolder folder;
  ChangedModel odd(kModel, folder.path() / "odd");
  constexpr std::uint32_t kOdd[] = {0x3f800001, 0x3f808000, 0x3f818000, 0x3f808001, 0x7f7fffff,
                                    0xff7f8000, 0x7f7f7fff, 0x00000001, 0x00008000, 0x00018000,
                                    0x807fffff, 0x00000000, 0x80000000, 0x7f800000, 0xff800000,
                                    0x7f800001, 0xffc12345, 0x7fffffff};
  for (std::size_t i = 0; i < std::size(kOdd); ++i) {  // queries are not read by the pass
    odd.set("model.layers.1.self_attn.q_proj.weight", i, std::bit_cast<float>(kOdd[i]));
  }
  const std::string changed = odd.write();
  EXPECT_EQ(here(changed), elsewhere(changed));
  EXPECT_NE(here(changed), here(kModel));
}

// Signatures and histories hold digests: they must stay what they are.
TEST(Inspect, DigestsStayWhatTheyWere) {
  const auto model_of = [](const std::string& folder) {
    return json::parse(run_program({"inspect", folder, "--no-spectral", "--format", "json"}).out)
        .at("model");
  };
  const json untied = model_of(kModel);
  EXPECT_EQ(untied.at("weights_digest"),
            "9e38491f4eb2fcb4fd94a823041234ea6fd821d28ac10875738166db6af31e41");
  EXPECT_EQ(untied.at("bfloat16_digest"),
            "e53e9249a6bdf0deab667e3e5bf27b552d77e546096c048c8c6bf605c801130b");
  EXPECT_EQ(untied.at("parameter_count"), "22728");
  const std::string gemma = AZIMUTH_TEST_DATA "/architectures/gemma2";
  const json tied = model_of(gemma);
  EXPECT_EQ(tied.at("weights_digest"),
            "9c663c9daf5606f25862411ec845664ed93fefb70b8ceffbdac79cda9635c9c0");
  EXPECT_EQ(tied.at("parameter_count"), "24336");

  const TemporaryFolder folder;
  ChangedModel with_head(gemma, folder.path() / "model");
  json head = with_head.header().at("model.embed_tokens.weight");
  const std::size_t begin = head.at("data_offsets").at(0);
  const std::size_t end = head.at("data_offsets").at(1);
  head["data_offsets"] = {with_head.data().size(), with_head.data().size() + end - begin};
  with_head.data() += with_head.data().substr(begin, end - begin);
  with_head.header()["lm_head.weight"] = head;
  json same = model_of(with_head.write());
  EXPECT_EQ(same, tied) << "the head's copy was stored";
}

struct Bad {
  std::string name;
  std::vector<std::string> arguments;
  int code;
  std::string message;
};

class InspectBad : public ::testing::TestWithParam<Bad> {};

TEST_P(InspectBad, IsOneLineAndAnExitCode) {
  const Ended ended = run_program(GetParam().arguments);
  EXPECT_EQ(ended.code, GetParam().code);
  EXPECT_EQ(ended.out, "");
  EXPECT_THAT(ended.err, HasSubstr(GetParam().message));
  if (GetParam().code == 3) {
    EXPECT_EQ(std::ranges::count(ended.err, '\n'), 1) << ended.err;
    EXPECT_THAT(ended.err, ::testing::StartsWith("azimuth: "));
  }
}

/// What stands in for a model, and what the program says of it.
struct OtherForm {
  std::string name;
  std::function<void(const std::filesystem::path&)> make;  ///< in a folder
  std::string given;                                       ///< in the folder; empty: the folder
  std::string named;                                       ///< that the error names, in the folder
  std::string words;
};

class InspectOtherForm : public ::testing::TestWithParam<OtherForm> {};

TEST_P(InspectOtherForm, SaysWhatItIsAndWhatToGive) {
  const TemporaryFolder folder;
  GetParam().make(folder.path());
  const auto in_folder = [&](const std::string& name) {
    return name.empty() ? folder.path() : folder.path() / name;
  };
  const Ended ended = run_program({"inspect", in_folder(GetParam().given)});
  EXPECT_EQ(ended.code, 3);
  EXPECT_EQ(ended.out, "");
  EXPECT_EQ(std::ranges::count(ended.err, '\n'), 1) << ended.err;
  EXPECT_THAT(ended.err, ::testing::StartsWith("azimuth: " + in_folder(GetParam().named).string() +
                                               ": open: " + GetParam().words));
}

constexpr const char* kPointer =
    "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";

void write(const std::filesystem::path& file, const std::string& bytes = "x") {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << bytes;
}

void link_to_nothing(const std::filesystem::path& file) {
  std::filesystem::create_symlink("../../blobs/4d7a", file);
}

INSTANTIATE_TEST_SUITE_P(
    Calls, InspectOtherForm,
    ::testing::Values(
        OtherForm{"Pointer", [](const auto& f) { write(f / "model.gguf", kPointer); }, "model.gguf",
                  "model.gguf", "is a Git LFS pointer"},
        OtherForm{"PointerInAFolder",
                  [](const auto& f) {
                    std::filesystem::copy(kModel, f);
                    write(f / "model.safetensors", kPointer);
                  },
                  "", "model.safetensors", "is a Git LFS pointer"},
        OtherForm{"Link", [](const auto& f) { link_to_nothing(f / "model.gguf"); }, "model.gguf",
                  "model.gguf", "is a symbolic link to ../../blobs/4d7a, which is not there"},
        OtherForm{"LinkInAFolder",
                  [](const auto& f) {
                    std::filesystem::copy(kModel, f);
                    std::filesystem::remove(f / "config.json");
                    link_to_nothing(f / "config.json");
                  },
                  "", "config.json", "is a symbolic link to ../../blobs/4d7a, which is not there"},
        OtherForm{
            "Adapter",
            [](const auto& f) { std::filesystem::copy(AZIMUTH_TEST_DATA "/adapters/llama", f); },
            "", "",
            "is an adapter of PEFT, not a model: give its base model, and this with "
            "--adapter"},
        OtherForm{"Cache",
                  [](const auto& f) {
                    write(f / "models--a--b/blobs/4d7a");
                    write(f / "models--a--b/refs/main", "0f5c");
                    write(f / "models--a--b/snapshots/0a11/config.json", "{}");
                    write(f / "models--a--b/snapshots/0f5c/config.json", "{}");
                  },
                  "models--a--b", "models--a--b",
                  "is a folder of the Hugging Face cache: give the model in it, "},
        OtherForm{"Distributed",
                  [](const auto& f) {
                    write(f / ".metadata");
                    write(f / "__0_0.distcp");
                  },
                  "", "", "is a distributed checkpoint of PyTorch"},
        OtherForm{"PartOfADistributedOne", [](const auto& f) { write(f / "__0_0.distcp"); },
                  "__0_0.distcp", "__0_0.distcp", "is a distributed checkpoint of PyTorch"},
        OtherForm{"DistributedBelow", [](const auto& f) { write(f / "fsdp_0/.metadata"); }, "", "",
                  "is a distributed checkpoint of PyTorch"},
        OtherForm{"DeepSpeed",
                  [](const auto& f) {
                    std::filesystem::copy(kModel + "/config.json", f);
                    write(f / "global_step8/mp_rank_00_model_states.pt");
                  },
                  "", "", "is a checkpoint of DeepSpeed"},
        OtherForm{"PartsOfDeepSpeed",
                  [](const auto& f) { write(f / "mp_rank_00_model_states.pt"); }, "", "",
                  "is a checkpoint of DeepSpeed"},
        OtherForm{"Megatron", [](const auto& f) { write(f / "latest_checkpointed_iteration.txt"); },
                  "", "", "is a checkpoint of Megatron-LM"},
        OtherForm{"PartsOfMegatron",
                  [](const auto& f) { write(f / "mp_rank_00/model_optim_rng.pt"); }, "", "",
                  "is a checkpoint of Megatron-LM"}),
    [](const auto& info) { return info.param.name; });

TEST(Inspect, ReadsAModelBesideWhichTheRanksWroteTheirParts) {
  const TemporaryFolder folder;
  std::filesystem::copy(kModel, folder.path());
  write(folder.path() / "global_step8/mp_rank_00_model_states.pt");
  write(folder.path() / "adapter_config.json", "{}");
  EXPECT_EQ(run_program({"inspect", folder.path()}).err, "");
}

TEST(Inspect, NamesTheCachedSnapshotThatWasFetchedLast) {
  const TemporaryFolder folder;
  write(folder.path() / "blobs/4d7a");
  write(folder.path() / "refs/main", "0f5c");
  write(folder.path() / "snapshots/0a11/config.json");
  write(folder.path() / "snapshots/0f5c/config.json");
  EXPECT_THAT(run_program({"inspect", folder.path()}).err,
              ::testing::EndsWith((folder.path() / "snapshots/0f5c").string() + "\n"));
  write(folder.path() / "refs/main", "../../elsewhere");
  EXPECT_THAT(run_program({"inspect", folder.path()}).err,
              ::testing::EndsWith((folder.path() / "snapshots/0a11").string() + "\n"));
}

INSTANTIATE_TEST_SUITE_P(
    Calls, InspectBad,
    ::testing::Values(
        Bad{"MissingFile", {"inspect", "/nowhere/model.gguf"}, 3, "/nowhere/model.gguf: "},
        Bad{"NoAdapter",
            {"inspect", kModel, "--adapter", AZIMUTH_TEST_DATA},
            3,
            "adapter_config.json"},
        Bad{"NoConfig",
            {"inspect", AZIMUTH_TEST_DATA "/architectures/llama/model.safetensors"},
            3,
            "needs --config"},
        Bad{"NoModel", {"inspect", AZIMUTH_TEST_DATA}, 3, "config.json"},
        Bad{"PictureThatCannotBeWritten",
            {"inspect", kModel, "--plot", "/nowhere/norms.svg"},
            3,
            "/nowhere/norms.svg: open: there is no folder /nowhere"},
        Bad{"TokenOutsideTheVocabulary", {"inspect", kModel, "--tokens", "1,4000"}, 2, "4000"},
        Bad{"NoCall", {}, 2, "subcommand"}, Bad{"UnknownCall", {"inspekt"}, 2, "inspekt"},
        Bad{"UnknownFormat", {"inspect", kModel, "--format", "xml"}, 2, "xml"}),
    [](const auto& info) { return info.param.name; });

TEST(Program, HelpShowsAnExample) {
  for (const auto& arguments : {std::vector<std::string>{"--help"}, {"inspect", "--help"}}) {
    const Ended ended = run_program(arguments);
    EXPECT_EQ(ended.code, 0);
    EXPECT_THAT(ended.out, HasSubstr("Example:"));
  }
}

}  // namespace
}  // namespace azimuth::testing
