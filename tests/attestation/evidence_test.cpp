#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "azimuth/attestation.h"

namespace azimuth::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Evidence, ThatIsTheSameHasNoDifferences) {
  const char* const one =
      R"({"verdict":"VERDICT_MATCH","tests":"49","exact":[{"log10_p":-504.25,"p":"NaN"}],"share":0.5})";
  const char* const rounded =
      R"({"share":0.50004,"exact":[{"p":"NaN","log10_p":-504.251}],"tests":"49","verdict":"VERDICT_MATCH"})";
  EXPECT_THAT(evidence_differences(one, one), IsEmpty());
  EXPECT_THAT(evidence_differences(one, rounded), IsEmpty());
  EXPECT_THAT(evidence_differences("0", "1e-7"), IsEmpty());
}

TEST(Evidence, NamesEachValueThatDiffers) {
  EXPECT_THAT(
      evidence_differences(R"({"a":{"b":[1,{"c":2}]},"d":"x","e":true,"f":1})",
                           R"({"a":{"b":[1.001,{"c":2,"g":0}]},"d":"y","e":"NaN"})"),
      ElementsAre("a.b[0]: 1.001, and attested was 1", "a.b[1].g: 0, and attested was nothing",
                  "d: \"y\", and attested was \"x\"", "e: \"NaN\", and attested was true",
                  "f: nothing, and attested was 1"));
  EXPECT_THAT(evidence_differences("[1,2]", "[1]"),
              ElementsAre("[1]: nothing, and attested was 2"));
  EXPECT_THAT(evidence_differences(R"({"share":0.5})", R"({"share":0.5001})"),
              ElementsAre("share: 0.5001, and attested was 0.5"));
  EXPECT_THAT(evidence_differences("0", "1.1e-6"), ElementsAre(": 1.1e-06, and attested was 0"));
  EXPECT_THROW(evidence_differences("{", "{}"), std::invalid_argument);
}

}  // namespace
}  // namespace azimuth::testing
