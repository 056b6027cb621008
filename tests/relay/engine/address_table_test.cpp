/// The table against a map that cannot be wrong.
#include "relay/engine/address_table.h"

#include <gtest/gtest.h>

#include <map>
#include <utility>

namespace carillon::relay {
namespace {

Path path_of(unsigned number) {
    Path path{.socket = static_cast<std::uint8_t>(number % 3), .address = {}};
    path.address.v6 = number % 2 == 1;
    path.address.ip[3] = static_cast<std::uint8_t>(number / 7);
    path.address.port = static_cast<std::uint16_t>(1 + number);
    return path;
}

IceSeat& holder(unsigned number) {  // never looked into
    static std::array<std::max_align_t, 8> places;
    return reinterpret_cast<IceSeat&>(places[number % places.size()]);
}

TEST(AddressTable, FindsWhatAMapFindsThroughInsertsMovesAndErasures) {
    AddressTable table;
    std::map<unsigned, IceSeat*> truth;
    std::mt19937 random{7};
    for (int step = 0; step < 60'000; ++step) {
        const auto number = static_cast<unsigned>(random() % 600);
        if (random() % 5 < 2) {
            table.erase(path_of(number));
            truth.erase(number);
        } else {
            table.put(path_of(number), holder(static_cast<unsigned>(random())), SteadyTime{});
            truth[number] = table.find(path_of(number))->holder;
        }
        const auto asked = static_cast<unsigned>(random() % 600);
        const auto* found = table.find(path_of(asked));
        const auto known = truth.find(asked);
        ASSERT_EQ(found ? found->holder : nullptr, known == truth.end() ? nullptr : known->second) << step;
    }
    EXPECT_EQ(table.size(), truth.size());
    for (const auto& [number, held] : truth) ASSERT_EQ(table.find(path_of(number))->holder, held);
}

TEST(AddressTable, AnAddressOnAnotherSocketIsAnotherOne) {
    AddressTable table;
    auto path = path_of(8);
    table.put(path, holder(0), SteadyTime{});
    path.socket ^= 1;
    EXPECT_EQ(table.find(path), nullptr);
}

}  // namespace
}  // namespace carillon::relay
