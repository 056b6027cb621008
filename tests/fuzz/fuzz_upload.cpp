/// No path, range or name from outside leads anywhere but to a file by its own name, or into a header.
#include <cstdint>
#include <cstdlib>

#include "signaling/files/address.h"
#include "signaling/files/byte_range.h"
#include "signaling/files/media_type.h"
#include "signaling/files/thumbnailer.h"

using namespace carillon::files;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input{reinterpret_cast<const char*>(data), size};
    if (const auto address = parse_file_path(input)) {
        if (address->name.find_first_of(std::string_view{"/\\\0\r\n", 5}) != std::string::npos) std::abort();
        const auto again = parse_file_path(file_path(address->id, address->name));
        if (!again || again->name != address->name || again->id != address->id) std::abort();
    }
    const auto range = select_range(input, 1000);
    if (range.kind == RangeAnswer::Kind::part &&
        (range.range.length == 0 || range.range.begin + range.range.length > 1000))
        std::abort();
    names_tag(input, "\"tag\"");
    const auto name = safe_name(input);
    if (name.empty() || name.size() > 200 || safe_name(name) != name) std::abort();
    const auto type = clean_media_type(input);
    for (const auto& header : {content_disposition(type, input), served_type(type)}) {
        for (const unsigned char c : header) {
            if (c < 0x20 || c > 0x7E) std::abort();
        }
    }
    if (const auto picture = parse_thumbnail(input); picture && (picture->width <= 0 || picture->image_height <= 0))
        std::abort();
    return 0;
}
