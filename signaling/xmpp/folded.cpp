#include "signaling/xmpp/folded.h"

#include <unicase.h>
#include <uninorm.h>

#include <cstdlib>
#include <memory>

namespace carillon::xmpp {

std::string folded(std::string_view text) {
    std::size_t size = 0;
    const std::unique_ptr<std::uint8_t, decltype(&std::free)> made{
        u8_casefold(reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), nullptr, UNINORM_NFKC, nullptr,
                    &size),
        &std::free};
    return made ? std::string{reinterpret_cast<const char*>(made.get()), size} : std::string{text};
}

}  // namespace carillon::xmpp
