#include "signaling/storage/call_quality_store.h"

#include <gtest/gtest.h>

#include "tests/signaling/storage/storage_fixture.h"

namespace carillon::storage {
namespace {

class CallQualityStoreTest : public StorageFixture {
  protected:
    void put(CallQuality quality) { run(call_quality_of(*storage_)->put(std::move(quality))); }
    std::optional<CallQuality> get(std::string id) { return run(call_quality_of(*storage_)->get(std::move(id))); }
};

TEST_F(CallQualityStoreTest, KeepsTheLastWordOfEachCall) {
    const CallQuality first{.id = "c1", .mos_to_callee = 4.25, .mos_to_caller = 3.5, .trouble = ""};
    const CallQuality last{.id = "c1", .mos_to_callee = 4.125, .mos_to_caller = 0, .trouble = "dead air; it's \"so\""};
    const CallQuality other{.id = "c2", .mos_to_callee = 1, .mos_to_caller = 1, .trouble = "x"};
    EXPECT_FALSE(get("c1"));
    put(first);
    put(other);
    EXPECT_EQ(get("c1"), first);
    put(last);
    EXPECT_EQ(get("c1"), last);
    EXPECT_EQ(get("c2"), other);
}

}  // namespace
}  // namespace carillon::storage
