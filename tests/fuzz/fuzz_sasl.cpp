/// No sequence of SASL messages logs anybody in without the keys.
#include <cstdlib>

#include "signaling/auth/base64.h"
#include "signaling/auth/sasl_server.h"

using namespace carillon;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input{reinterpret_cast<const char*>(data), size};
    if (const auto bytes = auth::base64_decode(input); bytes && auth::base64_encode(*bytes) != input) std::abort();
    const auto half = input.find('|');
    const auto first = input.substr(0, half);
    const auto second = half == std::string_view::npos ? std::string_view{} : input.substr(half + 1);
    const auth::Security security{
        .tls = true, .bindings = {.tls_exporter = "x", .tls_server_end_point = "y"}, .plain_allowed = false};
    for (const auto* mechanism : {"SCRAM-SHA-1", "SCRAM-SHA-256-PLUS"}) {
        auth::SaslServer server{
            security,
            {.domain = "example.org", .decoy_secret = Secret{"s"}, .iterations = 1, .nonce = [] { return "n"; }}};
        auto step = server.start(mechanism, first);
        if (std::holds_alternative<auth::NeedKeys>(step)) step = server.keys(std::nullopt);
        if (std::holds_alternative<auth::Challenge>(step)) step = server.response(second);
        if (std::holds_alternative<auth::Success>(step)) std::abort();
    }
    return 0;
}
