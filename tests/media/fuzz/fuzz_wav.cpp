/// Fuzzes the WAV reader. Property: what was read, written and read again is the same.
#include <cstdlib>
#include <span>

#include "media/wav/wav.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace carillon;
    const auto audio = wav::parse(std::as_bytes(std::span{data, size}));
    if (!audio) return 0;
    const auto again = wav::parse(wav::serialize(*audio));
    if (!again || again->samples != audio->samples || again->sample_rate != audio->sample_rate) std::abort();
    return 0;
}
