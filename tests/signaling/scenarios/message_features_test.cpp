/// What becomes of each kind of message: whether it is archived, copied to the user's other devices, kept for a user
/// who is away, and pushed. Spec: XEP-0184, XEP-0333, XEP-0085, XEP-0308, XEP-0444, XEP-0461, XEP-0424, XEP-0353,
/// XEP-0482, by the rules of XEP-0313 §6.1.1, XEP-0280 §6.1, XEP-0160 §3 and XEP-0357 §6.
#include <gtest/gtest.h>

#include "signaling/modules/modules.h"
#include "signaling/modules/push/rules.h"
#include "signaling/session/archive_query.h"
#include "signaling/xml/writer.h"
#include "tests/signaling/scenarios/scenario.h"

namespace carillon::scenarios {
namespace {

struct Kind {
    std::string_view name;
    std::string_view content;
    bool archived;
    bool copied;  ///< of type chat and of type normal
    bool kept;    ///< for a user who is away
    bool pushed;
    bool call = false;
};

constexpr auto kKinds = std::to_array<Kind>({
    {"text", "<body>x</body><request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/>", true,
     true, true, true},
    {"receipt", "<received xmlns='urn:xmpp:receipts' id='1'/>", true, true, true, false},
    {"displayed", "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>", true, true, true, false},
    {"composing", "<composing xmlns='http://jabber.org/protocol/chatstates'/>", false, true, false, false},
    {"correction", "<body>y</body><replace xmlns='urn:xmpp:message-correct:0' id='1'/>", true, true, true, true},
    {"reaction", "<reactions xmlns='urn:xmpp:reactions:0' id='1'><reaction>+</reaction></reactions>", true, true, true,
     false},
    {"reply", "<body>z</body><reply xmlns='urn:xmpp:reply:0' to='bob@localhost' id='1'/>", true, true, true, true},
    {"retraction", "<retract xmlns='urn:xmpp:message-retract:1' id='1'/>", true, true, true, false},
    {"former retraction",
     "<apply-to xmlns='urn:xmpp:fasten:0' id='1'><retract xmlns='urn:xmpp:message-retract:0'/></apply-to>", true, true,
     true, false},
    {"call", "<propose xmlns='urn:xmpp:jingle-message:0' id='c'/>", true, true, true, true, true},
    {"end of a call", "<finish xmlns='urn:xmpp:jingle-message:0' id='c'/>", true, true, true, false},
    {"invitation to a call", "<invite xmlns='urn:xmpp:call-invites:0' id='c'/>", true, true, true, true, true},
});

std::string message(const Kind& kind, std::string_view type) {
    return "<message type='" + std::string{type} + "' to='bob@localhost' id='m'>" + std::string{kind.content} +
           "</message>";
}

constexpr std::string_view kEnd = "<message type='chat' to='bob@localhost' id='end'><body>the end</body></message>";

/// The messages that come before the one that is the end, or a copy of it.
std::size_t messages(Client& client) {
    for (std::size_t found = 0;; ++found) {
        auto got = client.expect_element();
        while (got.name() != "message") got = client.expect_element();
        if (xml::to_document(got).contains("the end")) return found;
    }
}

std::size_t in_archive(Client& client) {
    client.send("<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>");
    for (std::size_t found = 0;;) {
        const auto got = client.expect_element();
        found += got.child("result", session::kArchiveNs) != nullptr;
        if (got.name() == "iq" && got.attribute("id") == "q") return found;
    }
}

class MessageFeatures : public testing::TestWithParam<Kind> {
  protected:
    MessageFeatures() {
        WorldOptions options;
        options.modules = modules::builtin();
        world_ = std::make_unique<World>(std::move(options));
        alice_ = world_->log_in("alice", "desk");
    }
    std::unique_ptr<Client> come(const std::string& user, const std::string& resource) {
        auto client = world_->log_in(user, resource);
        client->send("<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq><presence/>");
        client->drain("localhost");
        return client;
    }
    std::unique_ptr<World> world_;
    std::unique_ptr<Client> alice_;
};

TEST_P(MessageFeatures, IsArchivedOnBothSidesOrNot) {
    for (const auto* type : {"chat", "normal"}) alice_->send(message(GetParam(), type));
    alice_->drain("localhost");
    auto bob = world_->log_in("bob", "phone");
    for (auto* client : {alice_.get(), bob.get()}) EXPECT_EQ(in_archive(*client), GetParam().archived ? 2u : 0u);
}

TEST_P(MessageFeatures, IsCopiedToOtherDevicesOrNot) {
    auto laptop = come("alice", "laptop");
    auto phone = come("bob", "phone");
    auto tablet = come("bob", "tablet");
    for (auto* device : {alice_.get(), phone.get(), tablet.get()}) device->drain("localhost");
    for (const auto* type : {"chat", "normal"}) {
        auto text = message(GetParam(), type);
        text.replace(text.find("bob@localhost'"), 14, "bob@localhost/phone'");
        alice_->send(text);
    }
    alice_->send(kEnd);
    EXPECT_EQ(messages(*phone), 2u) << "the device that it is for";
    for (auto* device : {laptop.get(), tablet.get()}) EXPECT_EQ(messages(*device), GetParam().copied ? 2u : 0u);
}

TEST_P(MessageFeatures, WaitsForWhoIsAwayOrNot) {
    alice_->send(message(GetParam(), "chat"));
    alice_->send(kEnd);
    for (const auto& answer : alice_->drain("localhost"))
        EXPECT_NE(answer.attribute("type"), "error") << "nobody is told that it failed: " << xml::to_document(answer);
    auto bob = world_->log_in("bob", "phone");
    bob->send("<presence/>");
    const auto came = messages(*bob);
    EXPECT_EQ(came, GetParam().kept ? 1u : 0u);
}

TEST_P(MessageFeatures, WakesADeviceOrNot) {
    auto element = xml::parse_document(
        "<message xmlns='jabber:client' type='chat' from='alice@localhost/desk' "
        "to='bob@localhost'>" +
        std::string{GetParam().content} + "</message>");
    const auto event = modules::push_event(element.value(), "bob@localhost");
    const auto wanted = GetParam().call     ? modules::PushWeight::call
                        : GetParam().pushed ? modules::PushWeight::message
                                            : modules::PushWeight{};
    EXPECT_EQ(event.weight, wanted);
}

INSTANTIATE_TEST_SUITE_P(Of, MessageFeatures, testing::ValuesIn(kKinds), [](const auto& of) {
    std::string name{of.param.name};
    std::ranges::replace(name, ' ', '_');
    return name;
});

}  // namespace
}  // namespace carillon::scenarios
