/// Call control inside a real host: two virtual hosts on two shards, sessions without sockets, a relay that always
/// answers.
#include "signaling/calls/module.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/json.hpp>
#include <condition_variable>
#include <future>
#include <mutex>

#include "signaling/calls/call_json.h"
#include "signaling/calls/desk.h"
#include "signaling/calls/jingle_nodes.h"
#include "signaling/host/host.h"
#include "tests/signaling/calls/fakes.h"

namespace carillon::calls {
namespace {

namespace asio = boost::asio;
using boost::asio::awaitable;
using namespace std::chrono_literals;
using storage::CallRecord;
using storage::OfflineMessage;
using storage::ScramKeys;
using xmpp::Jid;

constexpr auto kPatience = 10s;

/// Whatever is asked, exists.
struct Users final : storage::UserStore {
    awaitable<bool> exists(Jid) override { co_return true; }
    awaitable<bool> create(Jid, std::vector<ScramKeys>) override { co_return false; }
    awaitable<bool> set_keys(Jid, std::vector<ScramKeys>) override { co_return false; }
    awaitable<std::optional<ScramKeys>> keys(Jid, std::string) override { co_return std::nullopt; }
    awaitable<bool> remove(Jid) override { co_return false; }
    awaitable<std::vector<Jid>> list(std::string) override { co_return std::vector<Jid>{}; }
};
struct Rosters final : storage::RosterStore {
    awaitable<session::Roster> load(Jid) override { co_return session::Roster{}; }
    awaitable<void> put(Jid, session::RosterItem, std::uint64_t) override { co_return; }
    awaitable<void> remove(Jid, Jid, std::uint64_t) override { co_return; }
    awaitable<void> block(Jid, std::vector<Jid>) override { co_return; }
    awaitable<void> unblock(Jid, std::vector<Jid>) override { co_return; }
};
struct Offline final : storage::OfflineStore {
    awaitable<bool> push(Jid, xml::Element, WallTime, std::size_t) override { co_return true; }
    awaitable<std::vector<OfflineMessage>> load(Jid) override { co_return std::vector<OfflineMessage>{}; }
    awaitable<void> erase_up_to(Jid, std::int64_t) override { co_return; }
};
class Calls final : public storage::CallStore {
  public:
    awaitable<void> put(CallRecord record) override {
        const std::scoped_lock lock{mutex_};
        last_ = std::move(record);
        changed_.notify_all();
        co_return;
    }
    awaitable<std::optional<CallRecord>> get(std::string) override { co_return std::nullopt; }
    awaitable<std::vector<CallRecord>> list(Jid, std::size_t) override { co_return std::vector<CallRecord>{}; }
    CallRecord wait_for_end() {
        std::unique_lock lock{mutex_};
        changed_.wait_for(lock, kPatience, [&] { return last_.ended.has_value(); });
        return last_;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    CallRecord last_;
};
struct UserData final : storage::UserDataStore {
    awaitable<std::optional<std::string>> get(Jid, std::string, std::string) override { co_return std::nullopt; }
    awaitable<bool> put(Jid, std::string, std::string, std::string, Bounds) override { co_return true; }
    awaitable<void> erase(Jid, std::string, std::string) override { co_return; }
    awaitable<void> put_for_many(std::string, std::string, std::vector<std::pair<Jid, std::string>>) override {
        co_return;
    }
};
struct Invites final : storage::InviteStore {
    awaitable<bool> add(storage::Invite, std::size_t) override { co_return true; }
    awaitable<std::optional<storage::Invite>> find(std::string) override { co_return std::nullopt; }
    awaitable<bool> use(std::string) override { co_return false; }
    awaitable<bool> remove(std::string) override { co_return false; }
    awaitable<std::vector<storage::Invite>> list(std::string, WallTime) override {
        co_return std::vector<storage::Invite>{};
    }
    awaitable<bool> keeps(std::string, std::string, WallTime) override { co_return false; }
};
struct Memory final : storage::Storage {
    storage::UserStore& users() override { return users_; }
    storage::RosterStore& rosters() override { return rosters_; }
    storage::OfflineStore& offline() override { return offline_; }
    storage::UserDataStore& user_data() override { return user_data_; }
    storage::InviteStore& invites() override { return invites_; }
    storage::CallStore& calls() override { return calls_; }
    Users users_;
    Rosters rosters_;
    Offline offline_;
    UserData user_data_;
    Invites invites_;
    Calls calls_;
};

/// Answers at once, with ports that say which shard it is of.
class ReadyRelay final : public MediaRelay {
  public:
    explicit ReadyRelay(std::size_t shard) : port_{static_cast<std::uint16_t>(30000 + 1000 * shard)} {}
    void open(const std::string&, StreamSetup, Watcher, Opened done) override {
        StreamPorts ports{.worker = "w", .told = {}};
        for (auto& told : ports.told) {
            told = {{1, "203.0.113.200", port_}, {2, "203.0.113.200", static_cast<std::uint16_t>(port_ + 1)}};
            port_ = static_cast<std::uint16_t>(port_ + 2);
        }
        done(ports);
    }
    void update(const std::string&, const std::string&, Side, LegSetup, Updated done) override { done(true); }
    void count(const std::string&, Counted done) override { done({}); }
    void close(const std::string&, const std::string&, Counted done) override { done({}); }
    Place place(const std::string&) const override { return {}; }
    void adopt(const std::string&, const Place&, const std::vector<std::string>&, Watcher) override {}

  private:
    std::uint16_t port_;
};

/// A client: what it is sent waits in a queue.
class Client final : public session::Outlet {
  public:
    Client(host::Host& host, const std::string& jid) : host_{host}, jid_{Jid::parse(jid).value()} {
        std::promise<bool> bound;
        auto& stages = host_.owner(jid_.bare());
        asio::co_spawn(
            stages.shard.io(),
            [&]() -> awaitable<void> {
                auto* virtual_host = host_.environment().host(stages.shard.index(), jid_.domain());
                auto session =
                    co_await stages.sessions.bind(*virtual_host, jid_.bare(), std::string{jid_.resource()}, *this);
                bound.set_value(session.has_value());
            },
            asio::detached);
        EXPECT_TRUE(bound.get_future().get());
    }
    ~Client() override { leave(); }

    void say(const std::string& xml) {
        auto element = test::parse_xml(xml);
        auto& stages = host_.owner(jid_.bare());
        stages.shard.post([this, &stages, element] {
            auto* session = stages.sessions.find_session(jid_);
            ASSERT_NE(session, nullptr);
            EXPECT_TRUE(stages.process.from_session(*session, element, [] {}));
        });
    }
    std::string ask(const std::string& to, const std::string& type, const std::string& payload) {
        const auto id = "q" + std::to_string(++next_id_);
        say("<iq xmlns='jabber:client' type='" + type + "' id='" + id + "' to='" + to + "'>" + payload + "</iq>");
        return id;
    }
    /// The next stanza it is sent; an empty element when none comes.
    xml::Element hear() {
        std::unique_lock lock{mutex_};
        if (!arrived_.wait_for(lock, kPatience, [&] { return !heard_.empty(); })) return {};
        auto first = std::move(heard_.front());
        heard_.pop_front();
        return first;
    }
    jingle::Jingle hear_jingle() {
        const auto stanza = hear();
        const auto* element = jingle::find_jingle(stanza);
        return element ? jingle::parse(*element).value() : jingle::Jingle{};
    }
    void leave() {
        std::promise<void> left;
        auto& stages = host_.owner(jid_.bare());
        stages.shard.post([&] {
            if (auto* session = stages.sessions.find_session(jid_)) stages.sessions.end(*session);
            left.set_value();
        });
        left.get_future().wait();
    }

    void send(const xml::Element& stanza, const xmpp::CustodyPtr&) override {
        const std::scoped_lock lock{mutex_};
        heard_.push_back(stanza);
        arrived_.notify_all();
    }
    std::string peer_address() const override { return "192.0.2.1"; }
    bool encrypted() const override { return true; }
    void close(std::string_view, std::string_view) override {}
    std::vector<session::Undelivered> detach() override { return {}; }

  private:
    host::Host& host_;
    Jid jid_;
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::deque<xml::Element> heard_;
    int next_id_ = 0;
};

class InHost : public testing::Test {
  protected:
    void SetUp() override {
        host_.provide(switchboard_);
        ASSERT_TRUE(host_.start({calls_module(), jingle_nodes_module()}));
    }
    void TearDown() override { host_.stop(); }

    static host::HostConfig config() {
        runtime::ModuleSelection quick;
        config::Value::Table table;
        table.emplace("gone_grace", config::Value{std::string{"0 s"}});
        table.emplace("calls_per_user", config::Value{std::int64_t{2}});
        quick.settings.emplace("calls", config::Value{table});
        return {.shards = 2,
                .domains = {{.name = "montague.example", .modules = quick}, {.name = "capulet.example", .modules = {}}},
                .plugins = {},
                .sessions = {}};
    }

    Memory memory_;
    Switchboard switchboard_{2, [](std::size_t shard) { return std::make_unique<ReadyRelay>(shard); }};
    host::Host host_{config(), memory_};
};

TEST_F(InHost, CallBetweenTwoVirtualHosts) {
    Client romeo{host_, test::kRomeo};
    Client juliet{host_, test::kJuliet};
    const auto id = romeo.ask(test::kJuliet, "set", test::browser_initiate("s"));
    const auto offer = juliet.hear();
    EXPECT_EQ(offer.attribute("id"), id);
    EXPECT_EQ(offer.attribute("from"), test::kRomeo);
    const auto parsed = jingle::parse(*jingle::find_jingle(offer));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(test::of_type(parsed->contents.at(0), jingle::CandidateType::relay).size(), 2u);
    juliet.say("<iq xmlns='jabber:client' type='result' id='" + id + "' to='" + test::kRomeo + "'/>");
    EXPECT_EQ(romeo.hear().attribute("type"), "result");
    juliet.ask(test::kRomeo, "set", test::browser_accept("s"));
    const auto answer = romeo.hear_jingle();
    EXPECT_EQ(answer.action, jingle::Action::session_accept);
    EXPECT_EQ(test::of_type(answer.contents.at(0), jingle::CandidateType::relay).size(), 1u);
    romeo.ask(test::kJuliet, "set", test::terminate("s", "success"));
    EXPECT_EQ(juliet.hear_jingle().reason.condition, "success");
    const auto record = memory_.calls_.wait_for_end();
    EXPECT_EQ(record.reason, "success");
    EXPECT_EQ(record.host, "montague.example");
    EXPECT_EQ(record.callee.str(), test::kJuliet);
}

TEST_F(InHost, ManyStanzasOfOneCallKeepTheirOrder) {
    Client romeo{host_, test::kRomeo};
    Client juliet{host_, test::kJuliet};
    std::vector<std::string> ids{romeo.ask(test::kJuliet, "set", test::trickled_initiate("s"))};
    for (int i = 0; i < 31; ++i) {
        ids.push_back(romeo.ask(test::kJuliet, "set",
                                test::transport_info("s", "audio", "trk1", "trickledPasswordOf24Char",
                                                     test::browser_candidate(i, "198.51.100.77", 50000 + i, "host"))));
    }
    for (const auto& id : ids) ASSERT_EQ(juliet.hear().attribute("id"), id);
}

TEST_F(InHost, AbsentCalleeIsAnsweredAtOnce) {
    Client romeo{host_, test::kRomeo};
    romeo.ask("juliet@capulet.example/nowhere", "set", test::trickled_initiate("s"));
    const auto answer = romeo.hear();
    EXPECT_EQ(answer.attribute("type"), "error");
    EXPECT_EQ(answer.attribute("from"), "juliet@capulet.example/nowhere");
    ASSERT_NE(answer.child("error"), nullptr);
    EXPECT_NE(answer.child("error")->child("service-unavailable"), nullptr);
    EXPECT_EQ(memory_.calls_.wait_for_end().reason, "unavailable");
}

TEST_F(InHost, DyingStreamEndsTheCall) {
    Client romeo{host_, test::kRomeo};
    Client juliet{host_, test::kJuliet};
    romeo.ask(test::kJuliet, "set", test::trickled_initiate("s"));
    EXPECT_EQ(juliet.hear_jingle().action, jingle::Action::session_initiate);
    juliet.leave();
    const auto end = romeo.hear();
    ASSERT_NE(jingle::find_jingle(end), nullptr);
    EXPECT_EQ(jingle::parse(*jingle::find_jingle(end))->reason.condition, "gone");
    // The answer to what the server said in Juliet's name goes nowhere.
    romeo.say("<iq xmlns='jabber:client' type='result' id='" + std::string{end.attribute("id")} + "' to='" +
              test::kJuliet + "'/>");
    EXPECT_EQ(memory_.calls_.wait_for_end().reason, "gone");
}

TEST_F(InHost, ErrorAnswerEndsTheCall) {
    Client romeo{host_, test::kRomeo};
    Client juliet{host_, test::kJuliet};
    const auto id = romeo.ask(test::kJuliet, "set", test::trickled_initiate("s"));
    juliet.hear();
    juliet.say("<iq xmlns='jabber:client' type='error' id='" + id + "' to='" + test::kRomeo +
               "'><error type='cancel'><feature-not-implemented xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
               "</iq>");
    EXPECT_EQ(memory_.calls_.wait_for_end().reason, "feature-not-implemented");
}

TEST_F(InHost, CallsPerUserAreLimited) {
    Client romeo{host_, test::kRomeo};
    Client juliet{host_, test::kJuliet};
    for (const auto* sid : {"s1", "s2", "s3"}) romeo.ask(test::kJuliet, "set", test::trickled_initiate(sid));
    const auto answer = romeo.hear();
    EXPECT_EQ(answer.attribute("id"), "q3");
    ASSERT_NE(answer.child("error"), nullptr);
    EXPECT_NE(answer.child("error")->child("resource-constraint"), nullptr);
    // One ends, another may begin.
    romeo.ask(test::kJuliet, "set", test::terminate("s1", "cancel"));
    for (int i = 0; i < 3; ++i) juliet.hear();
    memory_.calls_.wait_for_end();
    romeo.ask(test::kJuliet, "set", test::trickled_initiate("s4"));
    EXPECT_EQ(juliet.hear_jingle().sid, "s4");
}

TEST_F(InHost, CallOutlivesAReloadOfItsModule) {
    Client romeo{host_, test::kRomeo};
    Client juliet{host_, test::kJuliet};
    romeo.ask(test::kJuliet, "set", test::browser_initiate("s"));
    juliet.hear();
    ASSERT_TRUE(host_.repository().reload("montague.example", "calls"));
    juliet.ask(test::kRomeo, "set", test::browser_accept("s"));
    EXPECT_EQ(test::of_type(romeo.hear_jingle().contents.at(0), jingle::CandidateType::relay).size(), 1u);
}

/// Another server, verona.example: what it is sent waits in a queue.
class Elsewhere final : public runtime::Foreign {
  public:
    void send(std::size_t, xmpp::Stanza stanza) override {
        const std::scoped_lock lock{mutex_};
        heard_.push_back(stanza.element());
        arrived_.notify_all();
    }
    bool reaches(std::size_t, std::string_view domain) const override { return domain == "verona.example"; }
    xml::Element hear() {
        std::unique_lock lock{mutex_};
        if (!arrived_.wait_for(lock, kPatience, [&] { return !heard_.empty(); })) return {};
        auto first = std::move(heard_.front());
        heard_.pop_front();
        return first;
    }
    static void say(host::Host& host, const std::string& xml) {
        auto& stages = host.stages(1);
        stages.shard.post([&stages, element = test::parse_xml(xml)] {
            stages.router.dispatch(xmpp::Stanza::parse(element).value(), nullptr);
            stages.router.drain();
        });
    }
    static void ask(host::Host& host, const std::string& id, const std::string& to, const std::string& payload) {
        say(host, "<iq xmlns='jabber:client' type='set' id='" + id + "' from='" + kNurse + "' to='" + to + "'>" +
                      payload + "</iq>");
    }
    static constexpr const char* kNurse = "nurse@verona.example/street";

  private:
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::deque<xml::Element> heard_;
};

class WithOtherServers : public InHost {
  protected:
    void SetUp() override {
        host_.set_foreign(elsewhere_);
        host_.provide<runtime::Foreign>(elsewhere_);
        InHost::SetUp();
    }
    static std::size_t relayed(const xml::Element& stanza) {
        const auto* element = jingle::find_jingle(stanza);
        const auto parsed = element ? jingle::parse(*element) : std::unexpected{Errc::bad_value};
        return parsed ? test::of_type(parsed->contents.at(0), jingle::CandidateType::relay).size() : 0;
    }
    static bool has_error(const xml::Element& stanza, std::string_view condition) {
        const auto* error = stanza.child("error");
        return error && error->child(condition);
    }
    Elsewhere elsewhere_;
};

TEST_F(WithOtherServers, AForeignCallerIsRelayedAndOnRecord) {
    Client romeo{host_, test::kRomeo};
    Elsewhere::ask(host_, "n1", test::kRomeo, test::browser_initiate("s"));
    const auto offer = romeo.hear();
    EXPECT_EQ(offer.attribute("from"), Elsewhere::kNurse);
    EXPECT_EQ(offer.attribute("id"), "n1");
    EXPECT_EQ(relayed(offer), 2u);
    romeo.ask(Elsewhere::kNurse, "set", test::browser_accept("s"));
    EXPECT_EQ(relayed(elsewhere_.hear()), 1u);
    Elsewhere::ask(host_, "n2", test::kRomeo, test::terminate("s", "success"));
    EXPECT_EQ(romeo.hear_jingle().reason.condition, "success");
    const auto record = memory_.calls_.wait_for_end();
    EXPECT_EQ(record.reason, "success");
    EXPECT_EQ(record.host, "montague.example");
    EXPECT_EQ(record.caller.str(), Elsewhere::kNurse);
}

TEST_F(WithOtherServers, AForeignCalleesErrorEndsTheCall) {
    Client romeo{host_, test::kRomeo};
    const auto id = romeo.ask(Elsewhere::kNurse, "set", test::browser_initiate("s"));
    EXPECT_EQ(relayed(elsewhere_.hear()), 2u);
    Elsewhere::say(host_, "<iq xmlns='jabber:client' type='error' id='" + id + "' from='" + Elsewhere::kNurse +
                              "' to='" + test::kRomeo +
                              "'><error type='cancel'><item-not-found "
                              "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
    EXPECT_TRUE(has_error(romeo.hear(), "item-not-found"));
    EXPECT_EQ(memory_.calls_.wait_for_end().reason, "item-not-found");
}

TEST_F(WithOtherServers, ACallFromElsewhereToNobodyIsAnsweredAtOnce) {
    Elsewhere::ask(host_, "n1", test::kRomeo, test::browser_initiate("s"));
    const auto answer = elsewhere_.hear();
    EXPECT_EQ(answer.attribute("id"), "n1");
    EXPECT_TRUE(has_error(answer, "service-unavailable"));
    EXPECT_EQ(memory_.calls_.wait_for_end().reason, "unavailable");
}

TEST_F(WithOtherServers, CallsFromElsewhereCountAgainstTheUserHere) {
    Client romeo{host_, test::kRomeo};
    for (const auto* sid : {"s1", "s2", "s3"}) Elsewhere::ask(host_, sid, test::kRomeo, test::trickled_initiate(sid));
    const auto answer = elsewhere_.hear();
    EXPECT_EQ(answer.attribute("id"), "s3");
    EXPECT_TRUE(has_error(answer, "resource-constraint"));
    Elsewhere::ask(host_, "t1", test::kRomeo, test::terminate("s1", "cancel"));
    for (int i = 0; i < 3; ++i) romeo.hear();
    memory_.calls_.wait_for_end();
    Elsewhere::ask(host_, "s4", test::kRomeo, test::trickled_initiate("s4"));
    EXPECT_EQ(romeo.hear_jingle().sid, "s4");
}

TEST_F(WithOtherServers, InvitationsFromElsewhereCountAsWell) {
    Client romeo{host_, test::kRomeo};
    for (const auto* id : {"i1", "i2"}) {
        Elsewhere::say(host_, std::string{"<message xmlns='jabber:client' type='chat' from='"} + Elsewhere::kNurse +
                                  "' to='romeo@montague.example'><propose xmlns='urn:xmpp:jingle-message:0' id='" + id +
                                  "'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/></propose>"
                                  "</message>");
    }
    Elsewhere::ask(host_, "n1", test::kRomeo, test::trickled_initiate("other"));
    auto answer = elsewhere_.hear();
    while (answer.name() == "message") answer = elsewhere_.hear();  // nobody keeps invitations here: they bounce
    EXPECT_TRUE(has_error(answer, "resource-constraint"));
    Elsewhere::ask(host_, "n2", test::kRomeo, test::trickled_initiate("i1"));  // the one that was announced
    EXPECT_EQ(romeo.hear_jingle().sid, "i1");
}

TEST_F(WithOtherServers, AForeignUserWhoGoesEndsTheCall) {
    Client romeo{host_, test::kRomeo};
    romeo.ask(Elsewhere::kNurse, "set", test::trickled_initiate("s"));
    elsewhere_.hear();
    Elsewhere::say(host_, std::string{"<presence xmlns='jabber:client' type='unavailable' from='"} + Elsewhere::kNurse +
                              "' to='romeo@montague.example'/>");
    EXPECT_EQ(romeo.hear_jingle().reason.condition, "gone");
    EXPECT_EQ(memory_.calls_.wait_for_end().reason, "gone");
}

TEST_F(InHost, Xep0278ChannelHasTwoPorts) {
    Client romeo{host_, test::kRomeo};
    romeo.ask("montague.example", "get", "<services xmlns='http://jabber.org/protocol/jinglenodes'/>");
    auto answer = romeo.hear();
    ASSERT_NE(answer.child("services"), nullptr);
    EXPECT_EQ(answer.child("services")->child("relay")->attribute("address"), "montague.example");
    for (int i = 0; i < 4; ++i) {
        romeo.ask("montague.example", "get",
                  "<channel xmlns='http://jabber.org/protocol/jinglenodes#channel' protocol='udp'/>");
        answer = romeo.hear();
        const auto* channel = answer.child("channel");
        ASSERT_NE(channel, nullptr) << test::flatten(answer);
        EXPECT_EQ(channel->attribute("host"), "203.0.113.200");
        EXPECT_EQ(channel->attribute("expire"), "60");
        EXPECT_NE(channel->attribute("localport"), channel->attribute("remoteport"));
    }
    romeo.ask("montague.example", "get",
              "<channel xmlns='http://jabber.org/protocol/jinglenodes#channel' protocol='udp'/>");
    EXPECT_NE(romeo.hear().child("error"), nullptr) << "four for each user";
    Client juliet{host_, test::kJuliet};
    juliet.ask("montague.example", "get",
               "<channel xmlns='http://jabber.org/protocol/jinglenodes#channel' protocol='udp'/>");
    EXPECT_NE(juliet.hear().child("error"), nullptr) << "not for users of other domains";
}

TEST_F(InHost, OperatorSeesAndEndsCalls) {
    Client romeo{host_, test::kRomeo};
    Client juliet{host_, test::kJuliet};
    CallDesk desk{switchboard_, host_.environment()};
    EXPECT_TRUE(desk.running().empty());
    romeo.ask(test::kJuliet, "set", test::browser_initiate("s"));
    juliet.hear();
    juliet.ask(test::kRomeo, "set", test::browser_accept("s"));
    romeo.hear();
    const auto running = desk.running();
    ASSERT_EQ(running.size(), 1u);
    const auto json = details(running[0]);
    EXPECT_EQ(json.at("state").as_string(), "active");
    EXPECT_EQ(json.at("caller").as_string(), test::kRomeo);
    EXPECT_EQ(json.at("contents").as_array().at(0).at("a").as_array().at(0).at("ip").as_string(), "203.0.113.200");
    EXPECT_EQ(json.at("legs").as_array().size(), 2u);
    EXPECT_FALSE(json.contains("ended")) << "what is not known is left out";
    EXPECT_FALSE(desk.hang_up("nonsense", ""));
    EXPECT_TRUE(desk.hang_up(running[0].record.id, "maintenance"));
    EXPECT_EQ(romeo.hear_jingle().reason.text, "maintenance");
    EXPECT_EQ(juliet.hear_jingle().reason.text, "maintenance");
    EXPECT_EQ(memory_.calls_.wait_for_end().reason, "operator");
    EXPECT_FALSE(desk.find(running[0].record.id));
}

TEST_F(InHost, OperatorOpensAndClosesChannels) {
    CallDesk desk{switchboard_, host_.environment()};
    const auto opened = desk.open_channels(9, 30s);
    ASSERT_EQ(opened.size(), 9u) << "the users' limit does not bind operators";
    EXPECT_EQ(desk.channels().size(), 9u);
    std::vector<std::string> ids{"nonsense"};
    for (const auto& channel : opened) ids.push_back(channel.id);
    EXPECT_EQ(desk.close_channels(ids), 9u);
    EXPECT_TRUE(desk.channels().empty());
}

}  // namespace
}  // namespace carillon::calls
