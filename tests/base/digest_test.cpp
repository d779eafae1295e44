#include <gtest/gtest.h>

#include "azimuth/hexadecimal.h"
#include "azimuth/sha256.h"

namespace azimuth {
namespace {

TEST(Hexadecimal, IsTwoDigitsAByte) {
  EXPECT_EQ(hexadecimal(""), "");
  EXPECT_EQ(hexadecimal(std::string_view("\x00\x0a\x1f\x80\xff", 5)), "000a1f80ff");
}

// The examples of FIPS 180-2, B.1 and B.2.
TEST(Sha256, IsThatOfTheStandard) {
  Sha256 one;
  one.add("abc", 3);
  EXPECT_EQ(one.hexadecimal(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const std::string_view text = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  Sha256 parts;
  parts.add(text.data(), 20);
  parts.add(text.data() + 20, text.size() - 20);
  EXPECT_EQ(parts.hexadecimal(),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

}  // namespace
}  // namespace azimuth
