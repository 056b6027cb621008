/// Fuzzes what a DTLS server end does with datagrams from anybody. Property: no keys come out of garbage.
#include <cstdlib>
#include <span>

#include "media/dtls/dtls_srtp.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace carillon;
    static const dtls::Identity identity;
    dtls::DtlsSrtp server{identity, dtls::Role::server, identity.fingerprint(), [](Bytes) {}};
    server.start();
    server.receive(std::as_bytes(std::span{data, size}));
    if (server.keys()) std::abort();
    return 0;
}
