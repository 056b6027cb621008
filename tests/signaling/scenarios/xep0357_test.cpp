/// Spec: XEP-0357 (push notifications), with an app server that a script plays.
#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "signaling/modules/modules.h"
#include "signaling/modules/push/notification.h"
#include "signaling/xml/writer.h"
#include "tests/signaling/scenarios/scenario.h"

namespace carillon::scenarios {
namespace {

using namespace std::chrono_literals;

/// The app server at push.localhost: keeps what is published and answers as it is told to.
class AppServer {
  public:
    std::string refuse_with;        ///< a stanza error's condition, or empty
    std::atomic<bool> mute{false};  ///< answers later, when told

    /// The next that is published.
    xml::Element next() {
        std::unique_lock lock{mutex_};
        if (!changed_.wait_for(lock, 3s, [&] { return !published_.empty(); }))
            throw std::runtime_error{"nothing was published"};
        auto iq = std::move(published_.front());
        published_.pop_front();
        return iq;
    }
    bool empty() {
        const std::lock_guard lock{mutex_};
        return published_.empty();
    }
    void answer_all() {
        const std::lock_guard lock{mutex_};
        for (auto& answer : held_) answer();
        held_.clear();
    }

    runtime::ModuleDescriptor module() {
        class Domain final : public runtime::Module {
          public:
            Domain(runtime::ModuleContext& context, AppServer& server) {
                hooks_ += context.serve_domain(xmpp::Jid::parse("push.localhost").value(),
                                               [&](xmpp::Stanza stanza) { server.came(context, std::move(stanza)); });
            }

          private:
            runtime::Registrations hooks_;
        };
        return {{.name = "app_server", .xep = 0, .version = "1", .summary = "an app server"},
                [this](runtime::ModuleContext& context) { return std::make_unique<Domain>(context, *this); }};
    }

  private:
    void came(runtime::ModuleContext& context, xmpp::Stanza stanza) {
        const std::lock_guard lock{mutex_};
        published_.push_back(stanza.element());
        changed_.notify_all();
        auto answer = [&context, stanza, refuse = refuse_with] {
            if (refuse.empty()) return context.route(xmpp::Stanza::result_of(stanza));
            context.reply_error(stanza,
                                {"cancel", refuse == "item-not-found" ? "item-not-found" : "not-allowed", {}, {}});
        };
        if (mute) {
            held_.emplace_back(std::move(answer));
        } else {
            answer();
        }
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<xml::Element> published_;
    std::vector<std::function<void()>> held_;
};

struct Scene {
    explicit Scene(config::Value::Table settings = {}) {
        WorldOptions options;
        options.shards = 1;  // the app server answers on the shard that it was asked on
        options.modules = modules::builtin();
        options.modules.push_back(app.module());
        world = std::make_unique<World>(std::move(options));
        if (!settings.empty()) {
            runtime::ModuleSelection choice;
            choice.settings["push"] = config::Value{std::move(settings)};
            EXPECT_TRUE(world->host->repository().apply("localhost", choice));
        }
        alice = world->log_in("alice", "desk");
    }
    /// What is published of a message or call: summary fields, and the rest of the notification.
    std::map<std::string, std::string> published() {
        const auto iq = app.next();
        EXPECT_EQ(iq.attribute("from"), "localhost");
        EXPECT_EQ(iq.attribute("type"), "set");
        const auto* pubsub = iq.child("pubsub", modules::kPubsub);
        const auto* publish = pubsub->child("publish");
        std::map<std::string, std::string> found;
        found["node"] = publish->attribute("node");
        const auto* notification = publish->child("item")->child("notification", modules::kPushNs);
        for (const auto* field : notification->child("x", "jabber:x:data")->children())
            found[std::string{field->attribute("var")}] = field->child_text("value");
        if (const auto* priority = notification->child_in("tigase:push:priority:0"))
            found["priority"] = priority->text();
        if (const auto* options = pubsub->child("publish-options")) {
            for (const auto* field : options->child("x", "jabber:x:data")->children()) {
                if (field->attribute("var") != "FORM_TYPE")
                    found["option " + std::string{field->attribute("var")}] = field->child_text("value");
            }
        }
        return found;
    }
    std::string count() { return published()["message-count"]; }
    void chat(const std::string& body, const std::string& to = "bob@localhost") {
        alice->send("<message type='chat' to='" + to + "'><body>" + body + "</body></message>");
    }
    /// Everything that is under way has arrived.
    void settle() {
        for (int i = 0; i < 3; ++i) alice->drain("localhost");
    }
    /// Bob's phone with its node, online.
    std::unique_ptr<Client> phone(const std::string& node = "phone-node", const std::string& content = {},
                                  const std::string& resource = "phone") {
        auto client = world->log_in("bob", resource);
        client->send("<iq type='set' id='e'><enable xmlns='urn:xmpp:push:0' jid='push.localhost' node='" + node + "'>" +
                     content + "</enable></iq><presence/>");
        for (;;) {
            const auto got = client->expect_element();
            if (got.attribute("id") != "e") continue;
            EXPECT_EQ(got.attribute("type"), "result") << xml::to_string(got);
            return client;
        }
    }
    void wait_until(const std::string& counter, std::uint64_t value) {
        for (int i = 0; i < 500 && world->streams->counters().at(counter) != value; ++i)
            std::this_thread::sleep_for(10ms);
        ASSERT_EQ(world->streams->counters().at(counter), value);
    }
    void leave(std::unique_ptr<Client> client) {
        client->send("</stream:stream>");
        while (!std::holds_alternative<Client::Ended>(client->next())) {
        }
    }

    AppServer app;
    std::unique_ptr<World> world;
    std::unique_ptr<Client> alice;
};

constexpr std::string_view kOptions =
    "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'>"
    "<value>http://jabber.org/protocol/pubsub#publish-options</value></field><field var='secret'><value>s3</value>"
    "</field></x>";

TEST(Xep0357S6Publishing, AMessageForAUserWhoIsAwayIsTold) {
    Scene scene;
    scene.leave(scene.phone("phone-node", std::string{kOptions}));
    scene.chat("secret words");
    auto told = scene.published();
    EXPECT_EQ(told["node"], "phone-node");
    EXPECT_EQ(told["FORM_TYPE"], "urn:xmpp:push:summary");
    EXPECT_EQ(told["message-count"], "1");
    EXPECT_EQ(told["option secret"], "s3");
    EXPECT_FALSE(told.contains("last-message-body")) << "not unless the operator wants it";
    EXPECT_FALSE(told.contains("last-message-sender"));
    EXPECT_FALSE(told.contains("priority"));
    scene.chat("more");
    EXPECT_EQ(scene.count(), "2");
    scene.alice->send(
        "<message type='chat' to='bob@localhost'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>"
        "<message type='headline' to='bob@localhost'><body>news</body></message>"
        "<message type='chat' to='bob@localhost'><received xmlns='urn:xmpp:receipts' id='1'/></message>");
    scene.settle();
    EXPECT_TRUE(scene.app.empty());
}

TEST(Xep0357S6Publishing, SenderAndBodyWhereTheOperatorWantsThem) {
    Scene scene{{{"sender", config::Value{true}}, {"body", config::Value{true}}}};
    scene.leave(scene.phone());
    scene.chat("hello");
    auto told = scene.published();
    EXPECT_EQ(told["last-message-sender"], "alice@localhost/desk");
    EXPECT_EQ(told["last-message-body"], "hello");
    std::string text = "x";
    for (int i = 0; i < 600; ++i) text += "\xC3\xA9";
    scene.chat(text);
    EXPECT_EQ(scene.published()["last-message-body"], text.substr(0, 1023)) << "cut, but between characters";
}

TEST(Xep0357S6Publishing, ACallIsUrgentAndRingsDevicesThatAreAway) {
    Scene scene;
    scene.leave(scene.phone());
    auto desk = scene.world->log_in("bob", "desk");
    desk->send("<presence/>");
    desk->drain("localhost");
    scene.chat("seen at the desk");
    scene.settle();
    EXPECT_TRUE(scene.app.empty());
    scene.alice->send(
        "<message to='bob@localhost' type='chat'><propose xmlns='urn:xmpp:jingle-message:0' id='call-1'>"
        "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'/></propose></message>");
    auto told = scene.published();
    EXPECT_EQ(told["priority"], "high");
    EXPECT_EQ(told["message-count"], "0");
    scene.alice->send(
        "<message to='bob@localhost' type='chat'><retract xmlns='urn:xmpp:jingle-message:0' id='call-1'/></message>");
    scene.settle();
    EXPECT_TRUE(scene.app.empty());
}

TEST(Xep0357S6Publishing, OthersOnlineWhereConfigured) {
    Scene scene{{{"others_online", config::Value{true}}}};
    scene.leave(scene.phone());
    auto desk = scene.world->log_in("bob", "desk");
    desk->send("<presence/>");
    desk->drain("localhost");
    scene.chat("seen at the desk");
    EXPECT_EQ(scene.count(), "1");
}

TEST(Xep0357S6Publishing, NothingForADeviceThatIsHere) {
    Scene scene;
    auto phone = scene.phone();
    scene.chat("here");
    scene.alice->send("<message to='bob@localhost'><propose xmlns='urn:xmpp:jingle-message:0' id='c'/></message>");
    scene.settle();
    EXPECT_TRUE(scene.app.empty());
}

TEST(Xep0357S6Publishing, AHibernatingDeviceIsToldOfWhatWaits) {
    Scene scene;
    auto phone = scene.phone();
    phone->send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
    std::string sm;
    while (sm.empty()) {
        const auto got = phone->expect_element();
        if (got.name() == "enabled") sm = got.attribute("id");
    }
    scene.chat("into the dead connection");
    while (phone->expect_element().name() != "message") {
    }
    scene.settle();
    EXPECT_TRUE(scene.app.empty()) << "it seems to be here";
    phone->disconnect();
    scene.wait_until("stream.hibernating", 1);
    EXPECT_EQ(scene.count(), "1");
    scene.chat("second");
    EXPECT_EQ(scene.count(), "2");
    scene.chat("third", "bob@localhost/phone");
    EXPECT_EQ(scene.count(), "3");
    scene.alice->send(
        "<iq type='set' id='j' to='bob@localhost/phone'><jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' "
        "sid='s1'><content creator='initiator' name='a'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/>"
        "</content></jingle></iq>");
    EXPECT_EQ(scene.published()["priority"], "high");
}

TEST(Xep0357S6Publishing, AnInactiveClientOnlyWhereConfigured) {
    for (const bool configured : {false, true}) {
        config::Value::Table settings;
        if (configured) settings.emplace("inactive_clients", config::Value{true});
        Scene scene{std::move(settings)};
        auto phone = scene.phone();
        phone->send("<inactive xmlns='urn:xmpp:csi:0'/>");
        phone->drain("localhost");
        scene.chat("hello");
        scene.settle();
        phone->drain("localhost");
        EXPECT_EQ(scene.app.empty(), !configured);
    }
}

TEST(Xep0357S6Publishing, ASubscriptionRequestIsTold) {
    Scene scene;
    scene.leave(scene.phone());
    scene.alice->send("<presence to='bob@localhost' type='subscribe'/>");
    auto told = scene.published();
    EXPECT_EQ(told["pending-subscription-count"], "1");
    EXPECT_EQ(told["message-count"], "0");
}

/// While the app server thinks, what comes is gathered; a call does not wait.
TEST(Xep0357S6Publishing, OneAtATimeAndACallBesides) {
    Scene scene;
    scene.leave(scene.phone());
    scene.app.mute = true;
    for (int i = 1; i <= 5; ++i) scene.chat(std::to_string(i));
    EXPECT_EQ(scene.count(), "1");
    scene.alice->send("<message to='bob@localhost'><propose xmlns='urn:xmpp:jingle-message:0' id='c'/></message>");
    EXPECT_EQ(scene.published()["priority"], "high");
    scene.settle();
    EXPECT_TRUE(scene.app.empty());
    scene.app.mute = false;
    scene.world->host->stages(0).shard.post([&] { scene.app.answer_all(); });
    EXPECT_EQ(scene.count(), "5") << "in one";
    scene.settle();
    EXPECT_TRUE(scene.app.empty());
}

TEST(Xep0357S6p1Errors, AFinalOneEndsItAndOthersInTheEnd) {
    {
        Scene scene;
        scene.leave(scene.phone());
        scene.app.refuse_with = "item-not-found";
        scene.chat("one");
        EXPECT_EQ(scene.count(), "1");
        scene.settle();
        scene.chat("two");
        scene.settle();
        EXPECT_TRUE(scene.app.empty());
    }
    Scene scene{{{"max_failures", config::Value{std::int64_t{3}}}}};
    scene.leave(scene.phone());
    scene.app.refuse_with = "not-allowed";
    for (int i = 1; i <= 3; ++i) {
        scene.chat("x");
        EXPECT_EQ(scene.count(), std::to_string(i));
        scene.settle();
    }
    scene.chat("x");
    scene.settle();
    EXPECT_TRUE(scene.app.empty());
}

TEST(Xep0357S6p1Errors, ASuccessBetweenThemCountsAnew) {
    Scene scene{{{"max_failures", config::Value{std::int64_t{2}}}}};
    scene.leave(scene.phone());
    for (const auto* answer : {"not-allowed", "", "not-allowed", ""}) {
        scene.app.refuse_with = answer;
        scene.chat("x");
        scene.count();
        scene.settle();
    }
    EXPECT_TRUE(scene.app.empty());
}

TEST(Xep0357S5Enabling, WhatIsWrongIsRefused) {
    Scene scene{{{"devices", config::Value{std::int64_t{2}}}}};
    auto bob = scene.world->log_in("bob", "desk");
    const auto error = [&](const std::string& payload, const std::string& to = {}) {
        bob->send("<iq type='set' id='1'" + (to.empty() ? "" : " to='" + to + "'") + ">" + payload + "</iq>");
        const auto got = bob->expect_element();
        const auto* child = got.child("error");
        return child ? child->first_child()->name() : std::string{};
    };
    EXPECT_EQ(error("<enable xmlns='urn:xmpp:push:0' node='n'/>"), "bad-request");
    EXPECT_EQ(error("<enable xmlns='urn:xmpp:push:0' jid='@' node='n'/>"), "jid-malformed");
    EXPECT_EQ(error("<disable xmlns='urn:xmpp:push:0'/>"), "bad-request");
    EXPECT_EQ(
        error("<enable xmlns='urn:xmpp:push:0' jid='push.localhost' node='n'><x xmlns='jabber:x:data'/></enable>"),
        "bad-request");
    EXPECT_EQ(error("<enable xmlns='urn:xmpp:push:0' jid='push.localhost' node='" + std::string(2000, 'n') + "'/>"),
              "not-acceptable");
    EXPECT_EQ(error("<enable xmlns='urn:xmpp:push:0' jid='push.localhost' node='n'/>", "alice@localhost"), "forbidden");
    for (const auto* node : {"1", "2", "1"}) {
        EXPECT_EQ(error("<enable xmlns='urn:xmpp:push:0' jid='push.localhost' node='" + std::string{node} + "'/>"), "");
    }
    EXPECT_EQ(error("<enable xmlns='urn:xmpp:push:0' jid='push.localhost' node='3'/>"), "resource-constraint");
    run(*scene.world, R"(
        carol/x connects
        carol/x sends
            <iq type='get' id='2' to='carol@localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>
        carol/x receives
            <iq type='result' id='2'><query xmlns='http://jabber.org/protocol/disco#info'><feature var='urn:xmpp:push:0'/></query></iq>
    )");
}

TEST(Xep0357S5Disabling, OneNodeOrTheWholeService) {
    Scene scene;
    auto phone = scene.phone("n1");
    auto tablet = scene.phone("n2", {}, "tablet");
    phone->send("<iq type='set' id='d'><disable xmlns='urn:xmpp:push:0' jid='push.localhost' node='n1'/></iq>");
    phone->drain("localhost");
    scene.leave(std::move(phone));
    scene.leave(std::move(tablet));
    scene.chat("one");
    EXPECT_EQ(scene.published()["node"], "n2");
    scene.settle();
    EXPECT_TRUE(scene.app.empty());
    auto desk = scene.world->log_in("bob", "desk");
    desk->send("<iq type='set' id='d'><disable xmlns='urn:xmpp:push:0' jid='push.localhost'/></iq>");
    desk->drain("localhost");
    scene.leave(std::move(desk));
    scene.chat("two");
    scene.settle();
    EXPECT_TRUE(scene.app.empty());
}

TEST(Xep0357S7RemoteDisabling, TheServiceMayEndItAndNobodyElse) {
    Scene scene;
    scene.leave(scene.phone());
    const std::string notice =
        "<pubsub xmlns='http://jabber.org/protocol/pubsub' node='phone-node'>"
        "<affiliation jid='bob@localhost' affiliation='none'/></pubsub></message>";
    scene.alice->send("<message to='bob@localhost'>" + notice);
    scene.settle();
    scene.chat("one");
    EXPECT_EQ(scene.count(), "1") << "alice is not the service";
    auto element =
        xml::parse_document("<message xmlns='jabber:client' from='push.localhost' to='bob@localhost'>" + notice);
    auto stanza = xmpp::Stanza::parse(std::move(element.value())).value();
    auto& stages = scene.world->host->stages(0);
    stages.shard.post([&stages, stanza = std::move(stanza)]() mutable { stages.router.route(std::move(stanza)); });
    scene.settle();
    scene.chat("two");
    scene.settle();
    EXPECT_TRUE(scene.app.empty());
}

}  // namespace
}  // namespace carillon::scenarios
