/// Any XML at all through the Jingle reader and rewriter. Properties: what is read stays within the limits; after
/// removing candidates none can be read; relay candidates that were added are read back.
#include <cstdint>
#include <cstdlib>

#include "signaling/jingle/build.h"
#include "signaling/jingle/invite.h"
#include "signaling/jingle/jingle.h"
#include "signaling/jingle/rewrite.h"
#include "tests/signaling/jingle/xml_text.h"

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

void check(carillon::xml::Element element) {
    using namespace carillon::jingle;
    (void)parse_invite(element);
    const auto before = parse(element);
    if (!before) return;
    require(before->contents.size() <= Limits{}.contents);
    (void)describe_codecs(before->contents);
    remove_candidates(element);
    const auto after = parse(element);
    require(after.has_value() && after->contents.size() == before->contents.size());
    for (const auto& content : after->contents)
        if (content.transport.kind != TransportKind::other) require(content.transport.candidates.empty());
    for (const auto& content : before->contents) {
        auto* transport = find_transport(element, content.creator, content.name);
        if (!transport) continue;
        const RelayAddress address{.component = 1, .ip = "192.0.2.1", .port = 30000};
        add_relay_candidates(*transport, {&address, 1}, "0");
        replace_raw_candidates(*transport, content.transport.candidates, {&address, 1});
    }
    (void)parse(element);
    require(parse(make_terminate(before->sid, before->initiator, before->reason))->reason.text == before->reason.text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 65536) return 0;
    try {
        check(carillon::test::parse_xml({reinterpret_cast<const char*>(data), size}));
    } catch (const std::runtime_error&) {  // not well-formed: never gets this far in the server
    }
    return 0;
}
