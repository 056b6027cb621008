/// Whatever stands in a vCard, making the one kind of the other ends, and making it again changes nothing.
#include <cstdint>
#include <cstdlib>

#include "signaling/modules/vcard/conversion.h"
#include "signaling/modules/vcard/photo.h"
#include "signaling/xml/stream_parser.h"

using namespace carillon;
using namespace carillon::modules::vcards;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto element = xml::parse_document({reinterpret_cast<const char*>(data), size});
    if (!element) return 0;
    const auto vcard4 = to_vcard4(*element);
    const auto back = merge_vcard4(*element, vcard4);
    if (!(to_vcard4(merge_vcard4(back, vcard4)) == to_vcard4(back))) std::abort();
    auto copy = merge_vcard4(xml::Element{"vCard", kTemp}, *element);
    if (const auto photo = photo_of(*element)) {
        set_photo(copy, photo);
        const auto again = photo_of(copy);
        if (!again || again->hash != photo->hash) std::abort();
    }
    announce_photo(copy, "hash");
    return 0;
}
