/// Spec: XEP-0060 1.30.0, at the service of a domain.
#include <gtest/gtest.h>

#include "signaling/modules/modules.h"
#include "tests/signaling/scenarios/scenario.h"

namespace carillon::scenarios {
namespace {

std::unique_ptr<World> make_world() {
    WorldOptions options;
    options.modules = modules::builtin();
    return std::make_unique<World>(std::move(options));
}

constexpr std::string_view kNews = R"(
        alice/desk connects
        bob/phone connects
        bob/phone sends
            <presence/>
        bob/phone receives
            <presence from='bob@localhost/phone'/>
        alice/desk sends
            <iq type='set' id='c' to='pubsub.localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'><create node='news'/></pubsub></iq>
        alice/desk receives
            <iq type='result' id='c' from='pubsub.localhost'/>
        bob/phone sends
            <iq type='set' id='s' to='pubsub.localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'><subscribe node='news' jid='bob@localhost'/></pubsub></iq>
        bob/phone receives
            <iq type='result' id='s'><pubsub xmlns='http://jabber.org/protocol/pubsub'><subscription node='news' jid='bob@localhost' subscription='subscribed'/></pubsub></iq>
        alice/desk sends
            <iq type='set' id='p' to='pubsub.localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='news'><item id='one'><n xmlns='urn:n'>1</n></item></publish></pubsub></iq>
        alice/desk receives
            <iq type='result' id='p'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='news'><item id='one'/></publish></pubsub></iq>
        bob/phone receives
            <message from='pubsub.localhost'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='news'><item id='one'><n xmlns='urn:n'>1</n></item></items></event></message>
)";

std::string text(std::initializer_list<std::string_view> parts) {
    std::string all;
    for (const auto part : parts) all += part;
    return all;
}

TEST(Xep0060S7p1Publish, SubscribersHearOfIt) {
    auto world = make_world();
    run(*world, text({kNews, R"(
        alice/desk receives nothing
    )"}));
}

TEST(Xep0060S7p2Retract, SubscribersHearOfItAndTheItemIsGone) {
    auto world = make_world();
    run(*world, text({kNews, R"(
        alice/desk sends
            <iq type='set' id='r' to='pubsub.localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'><retract node='news' notify='true'><item id='one'/></retract></pubsub></iq>
        alice/desk receives
            <iq type='result' id='r'/>
        bob/phone receives
            <message from='pubsub.localhost'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='news'><retract id='one'/></items></event></message>
        bob/phone sends
            <iq type='get' id='i' to='pubsub.localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='news'/></pubsub></iq>
        bob/phone receives
            <iq type='result' id='i'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='news'/></pubsub></iq>
        alice/desk sends
            <iq type='set' id='r2' to='pubsub.localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'><retract node='news'><item id='one'/></retract></pubsub></iq>
        alice/desk receives
            <iq type='error' id='r2'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
    )"}));
}

TEST(Xep0060S6p2Unsubscribe, NothingComesAfterIt) {
    auto world = make_world();
    run(*world, text({kNews, R"(
        bob/phone sends
            <iq type='set' id='u' to='pubsub.localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'><unsubscribe node='news' jid='bob@localhost'/></pubsub></iq>
        bob/phone receives
            <iq type='result' id='u'/>
        alice/desk sends
            <iq type='set' id='p2' to='pubsub.localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='news'><item id='two'><n xmlns='urn:n'>2</n></item></publish></pubsub></iq>
        alice/desk receives
            <iq type='result' id='p2'/>
        bob/phone receives nothing
    )"}));
}

TEST(Xep0060S8Owner, DeletingIsTheOwnersAloneAndIsToldOf) {
    auto world = make_world();
    run(*world, text({kNews, R"(
        bob/phone sends
            <iq type='set' id='d' to='pubsub.localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><delete node='news'/></pubsub></iq>
        bob/phone receives
            <iq type='error' id='d'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
        bob/phone sends
            <iq type='set' id='p3' to='pubsub.localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='news'><item id='x'><n xmlns='urn:n'/></item></publish></pubsub></iq>
        bob/phone receives
            <iq type='error' id='p3'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
        alice/desk sends
            <iq type='set' id='g' to='pubsub.localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><purge node='news'/></pubsub></iq>
        alice/desk receives
            <iq type='result' id='g'/>
        bob/phone receives
            <message from='pubsub.localhost'><event xmlns='http://jabber.org/protocol/pubsub#event'><purge node='news'/></event></message>
        alice/desk sends
            <iq type='set' id='d2' to='pubsub.localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><delete node='news'/></pubsub></iq>
        alice/desk receives
            <iq type='result' id='d2'/>
        bob/phone receives
            <message from='pubsub.localhost'><event xmlns='http://jabber.org/protocol/pubsub#event'><delete node='news'/></event></message>
        bob/phone sends
            <iq type='get' id='i' to='pubsub.localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='news'/></pubsub></iq>
        bob/phone receives
            <iq type='error' id='i'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
    )"}));
}

TEST(Xep0060S8p1Create, ANameIsGivenOnce) {
    auto world = make_world();
    run(*world, text({kNews, R"(
        bob/phone sends
            <iq type='set' id='c2' to='pubsub.localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'><create node='news'/></pubsub></iq>
        bob/phone receives
            <iq type='error' id='c2'><error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
    )"}));
}

TEST(Xep0060S4p5AccessModels, AWhitelistKeepsOthersOut) {
    auto world = make_world();
    run(*world, R"(
        alice/desk connects
        bob/phone connects
        alice/desk sends
            <iq type='set' id='c' to='pubsub.localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'><create node='secret'/><configure><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#node_config</value></field><field var='pubsub#access_model'><value>whitelist</value></field></x></configure></pubsub></iq>
        alice/desk receives
            <iq type='result' id='c'/>
        bob/phone sends
            <iq type='set' id='s' to='pubsub.localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'><subscribe node='secret' jid='bob@localhost'/></pubsub></iq>
        bob/phone receives
            <iq type='error' id='s'><error type='cancel'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><closed-node xmlns='http://jabber.org/protocol/pubsub#errors'/></error></iq>
        alice/desk sends
            <iq type='set' id='a' to='pubsub.localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><affiliations node='secret'><affiliation jid='bob@localhost' affiliation='member'/></affiliations></pubsub></iq>
        alice/desk receives
            <iq type='result' id='a'/>
        bob/phone sends
            <iq type='set' id='s2' to='pubsub.localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'><subscribe node='secret' jid='bob@localhost'/></pubsub></iq>
        bob/phone receives
            <iq type='result' id='s2'/>
        bob/phone sends
            <iq type='set' id='s3' to='pubsub.localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'><subscribe node='secret' jid='alice@localhost'/></pubsub></iq>
        bob/phone receives
            <iq type='error' id='s3'><error type='modify'><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><invalid-jid xmlns='http://jabber.org/protocol/pubsub#errors'/></error></iq>
    )");
}

TEST(Xep0060Storage, AFailingDiskIsAnErrorAndNobodyHears) {
    auto world = make_world();
    world->storage.pubsub().fail_writes = true;
    run(*world, R"(
        alice/desk connects
        alice/desk sends
            <iq type='set' id='c' to='pubsub.localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'><create node='news'/></pubsub></iq>
        alice/desk receives
            <iq type='error' id='c'><error><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
    )");
    world->storage.pubsub().fail_writes = false;
    run(*world, text({kNews}));
}

}  // namespace
}  // namespace carillon::scenarios
