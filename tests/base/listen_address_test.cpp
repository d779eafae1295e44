// The addresses that exporters listen on and `azimuth watch` asks: one parser for all.

#include "azimuth/listen_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace azimuth {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::StartsWith;
using ::testing::ThrowsMessage;

struct Malformed {
  std::string text;
  std::string why;
};

void PrintTo(const Malformed& address, std::ostream* out) { *out << '"' << address.text << '"'; }

const std::string kMissing = "the port is missing";
const std::string kPort = "the port is not a number from 0 to 65535";
const std::string kHost = "the host is not valid";

class MalformedAddress : public ::testing::TestWithParam<Malformed> {};

TEST_P(MalformedAddress, IsMisuseAndSaysWhy) {
  const auto& [text, why] = GetParam();
  EXPECT_THAT([&] { ListenAddress::parse(text); },
              ThrowsMessage<std::invalid_argument>(AllOf(
                  StartsWith("\"" + text + "\" is not an address, HOST:PORT or [IPv6]:PORT: "),
                  EndsWith(why))));
}

INSTANTIATE_TEST_SUITE_P(
    ListenAddress, MalformedAddress,
    ::testing::Values(Malformed{"", kMissing}, Malformed{"9464", kMissing},
                      Malformed{"localhost", kMissing}, Malformed{"127.0.0.1", kMissing},

                      Malformed{":", kPort}, Malformed{"localhost:", kPort},
                      Malformed{"localhost:http", kPort}, Malformed{"localhost:-1", kPort},
                      Malformed{"localhost:+1", kPort}, Malformed{"localhost:65536", kPort},
                      Malformed{"127.0.0.1:123456", kPort},
                      Malformed{"localhost:99999999999999999999", kPort},
                      Malformed{"localhost: 9464", kPort}, Malformed{"127.0.0.1:50051 ", kPort},
                      Malformed{"localhost:9464s", kPort}, Malformed{"[::1]", kPort},
                      Malformed{"[::1]9464", kPort}, Malformed{"unix:/tmp/socket", kPort},

                      Malformed{":9464", kHost}, Malformed{"local host:9464", kHost},
                      Malformed{"127.0.0.1:1,127.0.0.1:2", kHost},
                      Malformed{"300.0.0.1:50051", kHost}, Malformed{"1:50051", kHost},
                      Malformed{"::1:9464", kHost}, Malformed{"[]:1", kHost},
                      Malformed{"[localhost]:9464", kHost}, Malformed{"[::1:50051", kHost},
                      Malformed{"::1]:50051", kHost}, Malformed{"http://a:9464", kHost},
                      Malformed{"dns:///localhost:50051", kHost}));

struct WellFormed {
  std::string text;
  std::string host;
  int port;
};

void PrintTo(const WellFormed& address, std::ostream* out) { *out << address.text; }

class WellFormedAddress : public ::testing::TestWithParam<WellFormed> {};

TEST_P(WellFormedAddress, IsTakenAsItIsWritten) {
  const ListenAddress address = ListenAddress::parse(GetParam().text);
  EXPECT_EQ(address.host, GetParam().host);
  EXPECT_EQ(address.port, GetParam().port);
}

INSTANTIATE_TEST_SUITE_P(
    ListenAddress, WellFormedAddress,
    ::testing::Values(WellFormed{"127.0.0.1:9464", "127.0.0.1", 9464},
                      WellFormed{"localhost:50051", "localhost", 50051},
                      WellFormed{"localhost:0", "localhost", 0},
                      WellFormed{"0.0.0.0:65535", "0.0.0.0", 65535},
                      WellFormed{"[::1]:9464", "::1", 9464}, WellFormed{"[::]:0", "::", 0},
                      WellFormed{"[::]:65535", "::", 65535},
                      WellFormed{"node-7.cluster_a:9464", "node-7.cluster_a", 9464},
                      WellFormed{"training-7.example.org:1", "training-7.example.org", 1}));

}  // namespace
}  // namespace azimuth
