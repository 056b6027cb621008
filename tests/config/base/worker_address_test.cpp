#include "config/base/worker_address.h"

#include <gtest/gtest.h>

namespace carillon {
namespace {

TEST(WorkerAddress, IsAPathOrAHostWithItsPort) {
    EXPECT_EQ(parse_worker_address("/run/carillon/relay-1.sock")->path, "/run/carillon/relay-1.sock");
    EXPECT_FALSE(parse_worker_address("relay.sock")->remote());
    EXPECT_EQ(parse_worker_address("tls://relay2.example.org:7443"), (WorkerAddress{{}, "relay2.example.org", 7443}));
    EXPECT_EQ(parse_worker_address("tls://192.0.2.10:1"), (WorkerAddress{{}, "192.0.2.10", 1}));
    EXPECT_EQ(parse_worker_address("tls://[2001:db8::1]:65535"), (WorkerAddress{{}, "2001:db8::1", 65535}));
    EXPECT_TRUE(parse_worker_address("tls://localhost:7443")->remote());
}

TEST(WorkerAddress, RefusesWhatIsNeither) {
    for (const auto* text :
         {"", "tls://", "tls://host", "tls://host:", "tls://host:0", "tls://host:65536", "tls://host:74x",
          "tls://:7443", "tls://2001:db8::1:7443", "tls://host/x:7443", "tls://[]:1"})
        EXPECT_FALSE(parse_worker_address(text)) << text;
}

TEST(WorkerAddress, NamesWorkersForOperators) {
    EXPECT_EQ(worker_name("/run/carillon/relay-1.sock"), "relay-1");
    EXPECT_EQ(worker_name("tls://relay2.example.org:7443"), "relay2.example.org:7443");
    EXPECT_EQ(worker_name("tls://[2001:db8::1]:7443"), "[2001:db8::1]:7443");
}

}  // namespace
}  // namespace carillon
