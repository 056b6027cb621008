/// A worker's journal of any content: what is read out of it keeps to the bounds that are promised.
#include <cstdlib>

#include "relay/journal/reader.h"

using namespace carillon;
using namespace carillon::relay::journal;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::vector<std::byte> octets(size);
    if (size > 0) std::memcpy(octets.data(), data, size);
    // The header's check is made right, so that what is behind it is reached; its words stay as they are.
    if (size >= kBlock) {
        const auto check = crc32(Bytes{octets}.first(offsetof(FileHeader, constants)));
        std::memcpy(octets.data() + offsetof(FileHeader, constants), &check, sizeof check);
    }
    const auto contents = read(octets, "boot");
    if (!contents) return 0;
    for (const auto& stream : contents->streams) {
        for (const auto& leg : stream.legs) {
            if (leg.ports.empty() || leg.ports.size() > 2) std::abort();
            if (leg.inbound.size() > srtp::kMaxSsrcs || leg.outbound.size() > srtp::kMaxSsrcs) std::abort();
            for (const auto& set : leg.paths)
                if (set.count > kMaxPaths || (set.count > 0 && set.in_use >= set.count)) std::abort();
        }
    }
    return 0;
}
