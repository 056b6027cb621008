/// Ogg/Opus files of anybody's making: what is read keeps its bounds, and every packet is one.
#include <cstdint>
#include <cstdlib>

#include "codecs/opus/opus_packet.h"
#include "media/record/ogg_opus_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace carillon;
    const auto file = record::parse_ogg_opus(Bytes{reinterpret_cast<const std::byte*>(data), size});
    if (!file) return 0;
    if (file->channels > 2) std::abort();
    std::uint64_t samples = 0;
    for (const auto& packet : file->packets) {
        const auto info = codecs::opus::PacketInfo::parse(packet);
        if (!info) std::abort();
        samples += info->samples;
    }
    if (samples != file->samples) std::abort();
    return 0;
}
