#include "azimuth/absence_words.h"

#include <gtest/gtest.h>

#include "azimuth/observation.h"

namespace azimuth {
namespace {

TEST(AbsenceWords, SayWhichBlocksHaveNoSpectralFiguresAndWhy) {
  Observation o;
  o.blocks.resize(9);
  for (std::int32_t b = 0; b <= 8; ++b) o.blocks[static_cast<std::size_t>(b)].block = b;
  EXPECT_EQ(words::no_spectral_text(o), "");
  o.blocks[5].spectral_reason = "no direction";
  EXPECT_EQ(words::no_spectral_text(o),
            "Block 5 has no singular direction and no eigenvalue: no direction.");
  for (const std::size_t b : {2, 3, 4, 7}) o.blocks[b].spectral_reason = "no direction";
  o.blocks[1].spectral_reason = "a state space";
  EXPECT_EQ(words::no_spectral_text(o),
            "Block 1 has no singular direction and no eigenvalue: a state space. "
            "Blocks 2 to 5, 7 have no singular direction and no eigenvalue: no direction.");
}

}  // namespace
}  // namespace azimuth
