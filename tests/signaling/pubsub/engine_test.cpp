/// Spec: XEP-0060 1.30.0, XEP-0059, XEP-0248: a service with three people, without sockets.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "signaling/pubsub/names.h"
#include "signaling/pubsub/requests.h"
#include "signaling/xml/stream_parser.h"

namespace carillon::pubsub {
namespace {

using xmpp::Jid;

struct Village final : People {
    std::set<Jid> friends;
    std::set<Jid> blocked;
    std::vector<Jid> listeners;
    bool sees_presence(const Node&, const Jid& bare) const override { return friends.contains(bare); }
    bool in_groups(const Node&, const Jid& bare, const std::vector<std::string>& groups) const override {
        return friends.contains(bare) && std::ranges::find(groups, "family") != groups.end();
    }
    bool is_blocked(const Jid& bare) const override { return blocked.contains(bare); }
    std::vector<Jid> interested(std::string_view) const override { return listeners; }
    bool is_available(const Jid&) const override { return true; }
};

class PubsubEngine : public testing::Test {
  protected:
    Outcome ask(const std::string& from, bool set, const std::string& content, std::string_view ns = kPubsub) {
        const auto text = "<pubsub xmlns='" + std::string{ns} + "'>" + content + "</pubsub>";
        const auto payload = xml::parse_document(text).value();
        const Request request{Jid::parse(from).value(), set, &payload, now_,
                              [this] { return "made" + std::to_string(++made_); }};
        return handle(service_, policy_, people_, request);
    }
    static std::string condition(const Outcome& outcome) {
        return outcome.reply ? "" : std::string{outcome.reply.error().condition};
    }
    static std::string reason(const Outcome& outcome) {
        return outcome.reply || !outcome.reply.error().extra ? "" : outcome.reply.error().extra->name();
    }
    Outcome publish(const std::string& from, const std::string& node, const std::string& id,
                    const std::string& options = {}) {
        return ask(
            from, true,
            "<publish node='" + node + "'><item id='" + id + "'><a xmlns='urn:a'>x</a></item></publish>" + options);
    }
    static std::string field(const std::string& var, const std::string& value) {
        return "<field var='" + var + "'><value>" + value + "</value></field>";
    }
    static std::string form(const std::string& type, const std::string& fields) {
        return "<x xmlns='jabber:x:data' type='submit'>" + field("FORM_TYPE", type) + fields + "</x>";
    }
    static std::string options(const std::string& fields) {
        return "<publish-options>" + form(std::string{kPublishOptionsForm}, fields) + "</publish-options>";
    }
    void create(const std::string& node, const std::string& fields) {
        const auto made = ask(
            owner_, true,
            "<create node='" + node + "'/><configure>" + form(std::string{kNodeConfigForm}, fields) + "</configure>");
        ASSERT_EQ(condition(made), "");
    }

    Service service_{.jid = Jid::parse("pubsub.example").value()};
    Policy policy_;
    Village people_;
    WallTime now_{std::chrono::hours{500'000}};
    int made_ = 0;
    const std::string owner_ = "alice@example/desk";
};

TEST_F(PubsubEngine, S8p1CreateOnceAndInstantly) {
    EXPECT_EQ(condition(ask(owner_, true, "<create node='n'/>")), "");
    EXPECT_EQ(condition(ask(owner_, true, "<create node='n'/>")), "conflict");
    const auto instant = ask(owner_, true, "<create/>");
    ASSERT_TRUE(instant.reply && *instant.reply);
    EXPECT_EQ((*instant.reply)->child("create")->attribute("node"), "made1");
}

TEST_F(PubsubEngine, S4p5EachAccessModelRefusesInItsOwnWords) {
    const std::vector<std::tuple<std::string, std::string, std::string>> models{
        {"presence", "not-authorized", "presence-subscription-required"},
        {"roster", "not-authorized", "not-in-roster-group"},
        {"authorize", "not-authorized", "not-subscribed"},
        {"whitelist", "not-allowed", "closed-node"}};
    for (const auto& [model, error, why] : models) {
        create(model, field("pubsub#access_model", model) + field("pubsub#roster_groups_allowed", "family"));
        const auto read = ask("bob@example/x", false, "<items node='" + model + "'/>");
        EXPECT_EQ(condition(read), error) << model;
        EXPECT_EQ(reason(read), why) << model;
    }
    people_.friends.insert(Jid::parse("bob@example").value());
    EXPECT_EQ(condition(ask("bob@example/x", false, "<items node='presence'/>")), "");
    EXPECT_EQ(condition(ask("bob@example/x", false, "<items node='roster'/>")), "");
}

TEST_F(PubsubEngine, S8p6AnOwnerApprovesWhoAsks) {
    create("n", field("pubsub#access_model", "authorize"));
    const auto asked = ask("bob@example/x", true, "<subscribe node='n' jid='bob@example'/>");
    ASSERT_TRUE(asked.reply && *asked.reply);
    EXPECT_EQ((*asked.reply)->child("subscription")->attribute("subscription"), "pending");
    ASSERT_EQ(asked.directs.size(), 1u);
    EXPECT_EQ(asked.directs[0].to.str(), "alice@example");
    EXPECT_EQ(reason(ask("bob@example/x", true, "<subscribe node='n' jid='bob@example'/>")), "pending-subscription");
    const auto x = xml::parse_document(form(std::string{kAuthorizationForm},
                                            field("pubsub#node", "n") + field("pubsub#subscriber_jid", "bob@example") +
                                                field("pubsub#allow", "true")))
                       .value();
    const Request strangers{Jid::parse("carol@example/x").value(), true, &x, now_, [] { return "id"; }};
    EXPECT_EQ(condition(*handle_approval(service_, policy_, people_, strangers)), "forbidden");
    const Request owners{Jid::parse(owner_).value(), true, &x, now_, [] { return "id"; }};
    const auto approved = handle_approval(service_, policy_, people_, owners);
    ASSERT_TRUE(approved);
    EXPECT_EQ(approved->directs.at(0).to.str(), "bob@example");
    EXPECT_EQ(publish(owner_, "n", "1").broadcasts.at(0).to.at(0).to.str(), "bob@example");
}

TEST_F(PubsubEngine, S7p1p5PublishOptionsMakeAndThenGuard) {
    EXPECT_EQ(condition(publish(owner_, "n", "1", options(field("pubsub#access_model", "whitelist")))), "");
    EXPECT_EQ(service_.find("n")->config.access, AccessModel::whitelist);
    EXPECT_EQ(condition(publish(owner_, "n", "2", options(field("pubsub#access_model", "whitelist")))), "");
    const auto other = publish(owner_, "n", "3", options(field("pubsub#access_model", "open")));
    EXPECT_EQ(condition(other), "conflict");
    EXPECT_EQ(reason(other), "precondition-not-met");
    EXPECT_FALSE(service_.find("n")->items.find("3"));
}

TEST_F(PubsubEngine, S7p1OldItemsGoAndMaxIsTheMost) {
    create("n", field("pubsub#max_items", "2"));
    for (const auto* id : {"1", "2", "3"}) publish(owner_, "n", id);
    EXPECT_EQ(service_.find("n")->items.size(), 2u);
    EXPECT_FALSE(service_.find("n")->items.find("1"));
    create("m", field("pubsub#max_items", "max"));
    EXPECT_EQ(service_.find("m")->config.max_items, policy_.bounds.items);
}

TEST_F(PubsubEngine, S7p1AGuestTouchesItsOwnItemsOnly) {
    create("n", field("pubsub#publish_model", "open") + field("pubsub#max_items", "9"));
    EXPECT_EQ(condition(publish("bob@example/x", "n", "b")), "");
    EXPECT_EQ(condition(publish("carol@example/x", "n", "b")), "forbidden");
    EXPECT_EQ(condition(ask("carol@example/x", true, "<retract node='n'><item id='b'/></retract>")), "forbidden");
    EXPECT_EQ(condition(ask("bob@example/y", true, "<retract node='n'><item id='b'/></retract>")), "");
}

TEST_F(PubsubEngine, Xep0059PagesNewestFirstBothWays) {
    create("n", field("pubsub#max_items", "max"));
    for (int i = 0; i < 10; ++i) publish(owner_, "n", std::to_string(i));
    const auto first =
        ask(owner_, false, "<items node='n'/><set xmlns='http://jabber.org/protocol/rsm'><max>3</max></set>");
    EXPECT_EQ(first.fetch->ids, (std::vector<std::string>{"9", "8", "7"}));
    const auto next =
        ask(owner_, false,
            "<items node='n'/><set xmlns='http://jabber.org/protocol/rsm'><max>3</max><after>7</after></set>");
    EXPECT_EQ(next.fetch->ids, (std::vector<std::string>{"6", "5", "4"}));
    const auto last =
        ask(owner_, false, "<items node='n'/><set xmlns='http://jabber.org/protocol/rsm'><max>2</max><before/></set>");
    EXPECT_EQ(last.fetch->ids, (std::vector<std::string>{"1", "0"}));
    for (const auto* bad : {"<max>-1</max>", "<max>x</max>", "<max/>", "<index>q</index>"}) {
        EXPECT_EQ(condition(ask(
                      owner_, false,
                      "<items node='n'/><set xmlns='http://jabber.org/protocol/rsm'>" + std::string{bad} + "</set>")),
                  "bad-request")
            << bad;
    }
    EXPECT_EQ(condition(ask(owner_, false,
                            "<items node='n'/><set xmlns='http://jabber.org/protocol/rsm'><after>no</after></set>")),
              "item-not-found");
}

TEST_F(PubsubEngine, BoundsHoldAgainstFloods) {
    policy_.nodes_per_user = 3;
    policy_.subscriptions_per_user = 1;
    policy_.bounds.item_octets = 100;
    for (const auto* node : {"a", "b", "c"}) create(node, "");
    const auto fourth = ask(owner_, true, "<create node='d'/>");
    EXPECT_EQ(reason(fourth), "max-nodes-exceeded");
    EXPECT_EQ(reason(publish(owner_, "e", "1")), "max-nodes-exceeded");
    EXPECT_EQ(condition(ask("bob@example/x", true, "<subscribe node='a' jid='bob@example'/>")), "");
    EXPECT_EQ(reason(ask("bob@example/x", true, "<subscribe node='b' jid='bob@example'/>")), "too-many-subscriptions");
    const auto big = ask(owner_, true,
                         "<publish node='a'><item><a xmlns='urn:a'>" + std::string(200, 'x') + "</a></item></publish>");
    EXPECT_EQ(reason(big), "payload-too-big");
    EXPECT_EQ(condition(publish(owner_, "a", std::string(2000, 'i'))), "not-acceptable");
    std::string fields;
    for (int i = 0; i < 1000; ++i) fields += field("f" + std::to_string(i), "v");
    EXPECT_EQ(
        condition(ask(owner_, true,
                      "<create node='z'/><configure>" + form(std::string{kNodeConfigForm}, fields) + "</configure>")),
        "bad-request");
}

TEST_F(PubsubEngine, ANewAccessModelEndsSubscriptionsItDoesNotAllow) {
    create("n", "");
    ask("bob@example/x", true, "<subscribe node='n' jid='bob@example'/>");
    const auto closed =
        ask(owner_, true,
            "<configure node='n'>" + form(std::string{kNodeConfigForm}, field("pubsub#access_model", "whitelist")) +
                "</configure>",
            kOwner);
    EXPECT_EQ(condition(closed), "");
    EXPECT_TRUE(service_.find("n")->subscriptions.empty());
    ASSERT_EQ(closed.directs.size(), 1u);
    EXPECT_EQ(closed.directs[0].payload[0].child("subscription")->attribute("subscription"), "none");
}

TEST_F(PubsubEngine, Xep0248ACollectionPassesOnWhatItsNodesPublish) {
    create("all", field("pubsub#node_type", "collection"));
    create("leaf", field("pubsub#collection", "all"));
    ask("bob@example/x", true, "<subscribe node='all' jid='bob@example'/>");
    const auto published = publish(owner_, "leaf", "1");
    ASSERT_EQ(published.broadcasts.size(), 1u);
    EXPECT_EQ(published.broadcasts[0].to.at(0).collection, "all");
    EXPECT_EQ(condition(publish(owner_, "all", "1")), "feature-not-implemented");
}

TEST_F(PubsubEngine, ABlockedContactHearsNothing) {
    service_.personal = true;
    service_.jid = Jid::parse("alice@example").value();
    people_.listeners = {Jid::parse("bob@example/x").value(), Jid::parse("alice@example/phone").value()};
    EXPECT_EQ(publish(owner_, "n", "1").broadcasts.at(0).to.size(), 2u);
    people_.blocked.insert(Jid::parse("bob@example").value());
    EXPECT_EQ(publish(owner_, "n", "2").broadcasts.at(0).to.size(), 1u);
    EXPECT_EQ(condition(ask("bob@example/x", false, "<items node='n'/>")), "forbidden");
}

TEST_F(PubsubEngine, ItemsWhoseTimeIsOverGo) {
    create("n", field("pubsub#item_expire", "60"));
    publish(owner_, "n", "1");
    now_ += std::chrono::seconds{61};
    EXPECT_TRUE(ask(owner_, false, "<items node='n'/>").fetch->ids.empty());
}

TEST_F(PubsubEngine, WhatIsStoredComesBackAsItWas) {
    const auto made =
        publish(owner_, "n", "1", options(field("pubsub#access_model", "whitelist") + field("pubsub#max_items", "7")));
    Snapshot stored;
    for (const auto& change : made.changes) {
        if (const auto* node = std::get_if<change::PutNode>(&change)) stored.nodes.push_back(node->node);
        if (const auto* part = std::get_if<change::PutAffiliation>(&change))
            stored.affiliations.push_back(part->affiliation);
        if (const auto* item = std::get_if<change::PutItem>(&change)) stored.items.push_back(item->item);
    }
    auto again = restore(service_.jid, false, std::move(stored), policy_.defaults);
    ASSERT_TRUE(again.find("n"));
    EXPECT_EQ(again.find("n")->config, service_.find("n")->config);
    EXPECT_EQ(again.find("n")->affiliations, service_.find("n")->affiliations);
    EXPECT_EQ(again.octets, service_.octets);
    EXPECT_EQ(again.last_sequence, service_.last_sequence);
}

}  // namespace
}  // namespace carillon::pubsub
