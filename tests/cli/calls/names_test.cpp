// Models whose parameters have names of their own.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/changed_model.h"
#include "cli/run_program.h"

namespace azimuth::testing {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kGpt2 = AZIMUTH_TEST_DATA "/architectures/gpt2";

// Transformers' names, and those of a program of its own.
const std::pair<std::string, std::string> kRenamed[] = {
    {"transformer.wte.", "tok."},
    {"transformer.wpe.", "pos."},
    {"transformer.ln_f.", "last_norm."},
    {"transformer.h.", "layers."},
    {".attn.c_attn.", ".attention.qkv."},
    {".attn.c_proj.", ".attention.out."},
    {".ln_1.", ".norm1."},
    {".ln_2.", ".norm2."},
    {".mlp.c_fc.", ".ffn.first."},
    {".mlp.c_proj.", ".ffn.second."},
};

json own_names() {
  return {{"token_embedding", "tok.weight"},
          {"position_embedding", "pos.weight"},
          {"attention_norm_weight", "layers.{}.norm1.weight"},
          {"attention_norm_bias", "layers.{}.norm1.bias"},
          {"query_key_value_weight", "layers.{}.attention.qkv.weight"},
          {"query_key_value_bias", "layers.{}.attention.qkv.bias"},
          {"output_weight", "layers.{}.attention.out.weight"},
          {"output_bias", "layers.{}.attention.out.bias"},
          {"ffn_norm_weight", "layers.{}.norm2.weight"},
          {"ffn_norm_bias", "layers.{}.norm2.bias"},
          {"up_weight", "layers.{}.ffn.first.weight"},
          {"up_bias", "layers.{}.ffn.first.bias"},
          {"down_weight", "layers.{}.ffn.second.weight"},
          {"down_bias", "layers.{}.ffn.second.bias"},
          {"final_norm_weight", "last_norm.weight"},
          {"final_norm_bias", "last_norm.bias"}};
}

class Names : public ::testing::Test {
 protected:
  // The model of Transformers under other names: a file, without a folder around it.
  std::string own_model(const std::function<void(json& header)>& change = nullptr) {
    ChangedModel model(kGpt2, folder_.path() / ("model" + std::to_string(++written_)));
    json renamed;
    for (const auto& [name, entry] : model.header().items()) {
      std::string own = name;
      for (const auto& [from, to] : kRenamed) {
        if (const auto at = own.find(from); at != std::string::npos)
          own.replace(at, from.size(), to);
      }
      renamed[own] = entry;
    }
    model.header() = renamed;
    if (change) change(model.header());
    return model.write() + "/model.safetensors";
  }

  std::string names_file(const std::string& text) {
    const std::string file = folder_.path() / ("names" + std::to_string(++written_) + ".json");
    std::ofstream(file) << text;
    return file;
  }

  Ended inspect(const std::string& model, const std::string& names) {
    return run_program({"inspect", model, "--config", kGpt2 + "/config.json", "--names", names,
                        "--format", "json"});
  }

  void expect_refused(const json& names, const std::string& why) {
    const Ended ended = inspect(own_model(), names_file(names.dump()));
    EXPECT_EQ(ended.code, 3);
    EXPECT_THAT(ended.err, HasSubstr(why));
    EXPECT_EQ(std::ranges::count(ended.err, '\n'), 1) << ended.err;
  }

  const TemporaryFolder folder_;

 private:
  int written_ = 0;
};

TEST_F(Names, OfItsOwnGiveTheFiguresOfTransformers) {
  const Ended own = inspect(own_model(), names_file(own_names().dump()));
  ASSERT_EQ(own.code, 0) << own.err;
  EXPECT_EQ(own.err, "");
  const Ended known = run_program({"inspect", kGpt2, "--format", "json"});
  json a = json::parse(own.out);
  json b = json::parse(known.out);
  for (const char* measured : {"cost", "time", "observation_id"}) {
    a.erase(measured);
    b.erase(measured);
  }
  EXPECT_EQ(a, b);
}

TEST_F(Names, BelongToTheCheckpointBeforeThem) {
  const std::string names = names_file(own_names().dump());
  const std::string config = kGpt2 + "/config.json";
  const Ended ended = run_program(
      {"compare", own_model(), "--names", names, kGpt2, "--config", config, "--format", "json"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  const json c = json::parse(ended.out);
  EXPECT_LT(c.at("degrees").at(1).get<double>(), 1e-4);
  EXPECT_EQ(c.at("weights_digests").at(0), c.at("weights_digests").at(1));
  const Ended before =
      run_program({"compare", "--names", names, own_model(), kGpt2, "--config", config});
  EXPECT_EQ(before.code, 2);
  EXPECT_THAT(before.err, HasSubstr("--names: stands behind its CKPT"));
}

TEST_F(Names, GoWithWeightsAlone) {
  const std::string names = names_file(own_names().dump());
  const std::string signature = folder_.path() / "own.azsig";
  const Ended made = run_program({"signature", own_model(), "--config", kGpt2 + "/config.json",
                                  "--names", names, "-o", signature});
  ASSERT_EQ(made.code, 0) << made.err;
  const Ended ended = run_program({"inspect", signature, "--names", names});
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.err, HasSubstr("--names: needs weights"));
}

TEST_F(Names, OfAnUnknownRoleAreRefusedWithThoseThatAreKnown) {
  json names = own_names();
  names["attention_nrom_weight"] = "layers.{}.norm1.weight";
  expect_refused(names, "there is no role 'attention_nrom_weight'; known are token_embedding, ");
}

TEST_F(Names, ThatMatchNothingAreRefusedWithTheNearest) {
  json names = own_names();
  names["down_weight"] = "layers.{}.ffn.secnd.weight";
  expect_refused(names,
                 "the name of down_weight, layers.{}.ffn.secnd.weight, matches no parameter; "
                 "nearest are layers.{}.ffn.second.weight, ");
  names = own_names();
  names["ignored"] = {"layers.{}.attention.mask"};
  expect_refused(names, "the ignored layers.{}.attention.mask matches no parameter; nearest are ");
}

TEST_F(Names, ThatStandTwiceAreRefused) {
  const std::string text = R"({"token_embedding": "tok.weight", "token_embedding": "pos.weight"})";
  const Ended ended = inspect(own_model(), names_file(text));
  EXPECT_EQ(ended.code, 3);
  EXPECT_THAT(ended.err, HasSubstr("\"token_embedding\" appears twice"));
  json names = own_names();
  names["up_weight"] = names["down_weight"];
  expect_refused(names, "layers.{}.ffn.second.weight, stands twice");
}

TEST_F(Names, WithoutANumberOfTheBlockAreRefused) {
  json names = own_names();
  names["down_weight"] = "layers.0.ffn.second.weight";
  expect_refused(names, "has no {} for the number of the block");
  names["down_weight"] = "layers.{}.ffn.{}.weight";
  expect_refused(names, "has more {} than");
}

TEST_F(Names, OfOtherFormsAreRefused) {
  expect_refused({"tok.weight"}, "is not an object of roles and their names");
  expect_refused({{"token_embedding", 3}}, "key token_embedding: is not the name of a parameter");
  expect_refused({{"ignored", "mask"}}, "key ignored: is not a list");
}

TEST_F(Names, ThatAreMissingAreNamedWithWhatCouldPlayTheRole) {
  const Ended none = run_program({"inspect", own_model(), "--config", kGpt2 + "/config.json"});
  EXPECT_EQ(none.code, 3);
  EXPECT_THAT(none.err, AllOf(HasSubstr("no parameter for token_embedding, position_embedding, "
                                        "attention_norm_weight of block 1"),
                              HasSubstr("without a role are "), HasSubstr("tok.weight"),
                              HasSubstr("layers.{}.attention.qkv.weight could be a "
                                        "query_key_value_weight"),
                              HasSubstr("(--names)"), Not(HasSubstr("layers.1."))));
  json names = own_names();
  names.erase("down_weight");
  names["ignored"] = {"layers.{}.ffn.second.weight"};
  expect_refused(names, "no parameter for down_weight of block 1");
}

TEST_F(Names, OfABiasCannotBeForgottenInSilence) {
  json names = own_names();
  names.erase("query_key_value_bias");
  expect_refused(names, "tensor layers.0.attention.qkv.bias: is not known to models of gpt2");
  names["ignored"] = {"layers.{}.attention.qkv.bias"};
  EXPECT_EQ(inspect(own_model(), names_file(names.dump())).code, 0);
  names = own_names();
  names["ignored"] = {"layers.{}.norm1.bias"};
  expect_refused(names, "the ignored layers.{}.norm1.bias stands twice");
}

TEST_F(Names, AreNotTakenWithGguf) {
  const Ended ended = run_program(
      {"inspect", AZIMUTH_TEST_DATA "/gguf/gpt2.gguf", "--names", names_file(own_names().dump())});
  EXPECT_EQ(ended.code, 3);
  EXPECT_THAT(ended.err, HasSubstr("names: are not taken with a GGUF file"));
}

}  // namespace
}  // namespace azimuth::testing
