/// An address that was accepted is its own prepared form.
#include <cstdlib>

#include "signaling/xmpp/jid.h"

using namespace carillon;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto jid = xmpp::Jid::parse({reinterpret_cast<const char*>(data), size});
    if (!jid) return 0;
    const auto again = xmpp::Jid::parse(jid->str());
    if (!again || *again != *jid) std::abort();
    if (jid->bare().is_full() || !jid->same_bare(jid->bare())) std::abort();
    return 0;
}
