#include <gtest/gtest.h>

#include "tests/signaling/scenarios/world.h"

namespace carillon::scenarios {
namespace {

TEST(Rfc6120S7Binding, AFirstLogIn) {
    World world;
    Client client;
    EXPECT_EQ(client.log_in(world.port(), "alice", "localhost", "desk", "secret"), "alice@localhost/desk");
}

}  // namespace
}  // namespace carillon::scenarios
