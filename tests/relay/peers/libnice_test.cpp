/// Two libnice agents that know nothing of one another but the worker's ports: full ICE, through a real worker, over
/// UDP and over TCP. Spec: RFC 8445 §7 (checks), §9 (restart), RFC 6544; docs/relay.md (ice; ICE over TCP).
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <nice/agent.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "relay/api/client.h"
#include "relay/control/server.h"

namespace carillon::relay {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

/// One ICE endpoint on loopback. Threading: who iterates the context.
class Agent {
  public:
    enum Means { udp, tcp, both };
    Agent(GMainContext* context, bool controlling, const char* ip = "127.0.0.1", Means means = udp) : means_{means} {
        agent_ = nice_agent_new_full(context, NICE_COMPATIBILITY_RFC5245, NICE_AGENT_OPTION_NONE);
        g_object_set(agent_, "controlling-mode", static_cast<gboolean>(controlling), "upnp", FALSE, "ice-tcp",
                     static_cast<gboolean>(means != udp), "ice-udp", static_cast<gboolean>(means != tcp), nullptr);
        NiceAddress loopback;
        nice_address_init(&loopback);
        nice_address_set_from_string(&loopback, ip);
        nice_agent_add_local_address(agent_, &loopback);
        stream_ = nice_agent_add_stream(agent_, 1);
        nice_agent_attach_recv(agent_, stream_, 1, context, &Agent::on_receive, this);
        nice_agent_gather_candidates(agent_, stream_);
    }
    ~Agent() {
        nice_agent_attach_recv(agent_, stream_, 1, nullptr, nullptr, nullptr);
        nice_agent_remove_stream(agent_, stream_);
        g_object_unref(agent_);
    }
    Agent(const Agent&) = delete;

    api::IceCredentials credentials() const {
        gchar* ufrag = nullptr;
        gchar* pwd = nullptr;
        nice_agent_get_local_credentials(agent_, stream_, &ufrag, &pwd);
        api::IceCredentials own{ufrag, pwd};
        g_free(ufrag);
        g_free(pwd);
        return own;
    }
    /// The other's credentials, and as its only candidate the worker's port.
    void meet(const api::IceCredentials& peer, const api::Address& relayed) {
        nice_agent_set_remote_credentials(agent_, stream_, peer.ufrag.c_str(), peer.pwd.c_str());
        add(NICE_CANDIDATE_TRANSPORT_UDP, relayed, 2);
    }
    /// And where the worker listens for ICE over TCP.
    void meet_over_tcp(const api::IceCredentials& peer, const api::Address& relayed) {
        nice_agent_set_remote_credentials(agent_, stream_, peer.ufrag.c_str(), peer.pwd.c_str());
        add(NICE_CANDIDATE_TRANSPORT_TCP_PASSIVE, relayed, 1);
    }
    Means means() const { return means_; }
    bool over_tcp() const {
        NiceCandidate* local = nullptr;
        NiceCandidate* remote = nullptr;
        return nice_agent_get_selected_pair(agent_, stream_, 1, &local, &remote) &&
               remote->transport != NICE_CANDIDATE_TRANSPORT_UDP;
    }
    void restart() { EXPECT_TRUE(nice_agent_restart_stream(agent_, stream_)); }
    bool ready() const { return nice_agent_get_component_state(agent_, stream_, 1) == NICE_COMPONENT_STATE_READY; }
    /// The port of the remote candidate that the agent chose.
    unsigned remote_port() const {
        NiceCandidate* local = nullptr;
        NiceCandidate* remote = nullptr;
        if (!nice_agent_get_selected_pair(agent_, stream_, 1, &local, &remote)) return 0;
        return nice_address_get_port(&remote->addr);
    }
    void send(std::string_view data) {
        EXPECT_EQ(nice_agent_send(agent_, stream_, 1, static_cast<guint>(data.size()), data.data()),
                  static_cast<gint>(data.size()));
    }
    std::string received;

  private:
    static void on_receive(NiceAgent*, guint, guint, guint size, gchar* data, gpointer self) noexcept {
        static_cast<Agent*>(self)->received.assign(data, size);
    }
    void add(NiceCandidateTransport transport, const api::Address& relayed, guint32 priority) {
        NiceCandidate* candidate = nice_candidate_new(NICE_CANDIDATE_TYPE_RELAYED);
        candidate->component_id = 1;
        candidate->stream_id = stream_;
        candidate->transport = transport;
        candidate->priority = priority;
        g_strlcpy(candidate->foundation, priority == 2 ? "1" : "2", sizeof candidate->foundation);
        nice_address_set_from_string(&candidate->addr, relayed.ip.c_str());
        nice_address_set_port(&candidate->addr, relayed.port);
        GSList* list = g_slist_append(nullptr, candidate);
        EXPECT_EQ(nice_agent_set_remote_candidates(agent_, stream_, 1, list), 1);
        g_slist_free_full(list, reinterpret_cast<GDestroyNotify>(nice_candidate_free));
    }
    NiceAgent* agent_;
    guint stream_;
    Means means_;
};

class LibniceTest : public testing::Test {
  protected:
    LibniceTest() {
        WorkerOptions options;
        options.ports.bind = {"127.0.0.1", "::1"};
        options.ports.first = static_cast<std::uint16_t>(29'000 + ::getpid() % 9 * 100);
        options.ports.last = static_cast<std::uint16_t>(options.ports.first + 97);
        options.ice_tcp_port = static_cast<std::uint16_t>(options.ports.last + 1);
        socket_ = std::filesystem::temp_directory_path() / ("carillon-libnice-" + std::to_string(::getpid()) + ".sock");
        worker_ = std::make_unique<Worker>(worker_io_, std::move(options));
        server_ = std::make_unique<ControlServer>(worker_io_, socket_, *worker_);
        thread_ = std::thread{[this] {
            const auto work = asio::make_work_guard(worker_io_);
            worker_io_.run();
        }};
        client_ = std::make_unique<api::Client>(io_, socket_.string());
        bool connected = false;
        client_->connect([&](std::expected<void, api::Error> done) { connected = done.has_value(); });
        EXPECT_TRUE(until([&] { return connected; }));
        caller_ = std::make_unique<Agent>(context_, true);
        callee_ = std::make_unique<Agent>(context_, false);
    }
    ~LibniceTest() override {
        caller_.reset();
        callee_.reset();
        while (g_main_context_iteration(context_, FALSE)) {
        }
        g_main_context_unref(context_);
        client_.reset();
        worker_io_.stop();
        thread_.join();
        server_.reset();
        worker_.reset();
    }
    /// Runs both loops until `done`, ten seconds at most.
    template <class Done>
    bool until(Done done) {
        const auto end = std::chrono::steady_clock::now() + 10s;
        while (!done() && std::chrono::steady_clock::now() < end) {
            while (g_main_context_iteration(context_, FALSE)) {
            }
            io_.restart();
            io_.run_for(2ms);
        }
        return done();
    }
    void connect() { connect(caller_->credentials(), callee_->credentials()); }
    /// Opens the stream with these credentials and lets each agent know the other by its relay port alone.
    void connect(const api::IceCredentials& a, const api::IceCredentials& b) {
        std::optional<std::expected<api::Ports, api::Error>> answer;
        const api::StreamSetup setup{.stream = "audio",
                                     .mode = api::Mode::ice,
                                     .a = {.ice = {a}, .remotes = {}},
                                     .b = {.ice = {b}, .remotes = {}}};
        client_->open_stream("call", setup, [&](auto got) { answer = std::move(got); });
        ASSERT_TRUE(until([&] { return answer.has_value(); }));
        ASSERT_TRUE(*answer) << answer->error().reason;
        ports_ = **answer;
        introduce();
    }
    void introduce() {
        const auto tell = [&](Agent& agent, const Agent& other, const std::vector<api::Address>& udp,
                              const std::vector<api::Address>& tcp, bool v6) {
            if (agent.means() != Agent::tcp) agent.meet(other.credentials(), v6 ? udp.back() : udp.front());
            if (agent.means() != Agent::udp) agent.meet_over_tcp(other.credentials(), v6 ? tcp.back() : tcp.front());
        };
        tell(*caller_, *callee_, ports_.a, ports_.tcp_a, false);
        tell(*callee_, *caller_, ports_.b, ports_.tcp_b, callee_v6_);
    }
    bool both_ready() {
        return until([&] { return caller_->ready() && callee_->ready(); });
    }
    void expect_data_both_ways(const std::string& text) {
        const std::string record = "\x16\xfe\xfd " + text;  // what begins like DTLS passes (RFC 7983 §7)
        caller_->received.clear();
        callee_->received.clear();
        caller_->send(record);
        EXPECT_TRUE(until([&] { return callee_->received == record; }));
        callee_->send(record + " back");
        EXPECT_TRUE(until([&] { return caller_->received == record + " back"; }));
    }
    void update(api::Leg leg, std::vector<api::IceCredentials> generations) {
        std::optional<bool> updated;
        client_->update_leg("call", "audio", leg, {.ice = std::move(generations), .remotes = {}},
                            [&](auto got) { updated = got.has_value(); });
        EXPECT_TRUE(until([&] { return updated.has_value(); }));
        EXPECT_TRUE(updated.value_or(false));
    }

    asio::io_context worker_io_;
    std::filesystem::path socket_;
    std::unique_ptr<Worker> worker_;
    std::unique_ptr<ControlServer> server_;
    std::thread thread_;
    asio::io_context io_;
    std::unique_ptr<api::Client> client_;
    GMainContext* context_ = g_main_context_new();
    std::unique_ptr<Agent> caller_;
    std::unique_ptr<Agent> callee_;
    api::Ports ports_;
    bool callee_v6_ = false;
};

TEST_F(LibniceTest, AgentsWithNothingButTheRelayCandidateConnect) {
    connect();
    ASSERT_TRUE(both_ready());
    EXPECT_EQ(caller_->remote_port(), ports_.a.front().port);
    EXPECT_EQ(callee_->remote_port(), ports_.b.front().port);
    expect_data_both_ways("hello");
}

TEST_F(LibniceTest, AnIpv4AndAnIpv6AgentMeet) {
    callee_ = std::make_unique<Agent>(context_, false, "::1");
    callee_v6_ = true;
    connect();
    ASSERT_EQ(ports_.a.front().ip, "127.0.0.1");
    ASSERT_EQ(ports_.b.back().ip, "::1");
    ASSERT_TRUE(both_ready());
    EXPECT_EQ(callee_->remote_port(), ports_.b.back().port);
    expect_data_both_ways("over two families");
}

TEST_F(LibniceTest, AnIceRestartGoesThroughTheSamePorts) {
    connect();
    ASSERT_TRUE(both_ready());
    const auto old_caller = caller_->credentials();
    const auto old_callee = callee_->credentials();
    caller_->restart();
    callee_->restart();
    EXPECT_FALSE(caller_->ready());
    EXPECT_FALSE(callee_->ready());
    ASSERT_NE(caller_->credentials().ufrag, old_caller.ufrag);
    update(api::Leg::a, {caller_->credentials(), old_caller});
    update(api::Leg::b, {callee_->credentials(), old_callee});
    introduce();
    ASSERT_TRUE(both_ready());
    update(api::Leg::a, {caller_->credentials()});
    update(api::Leg::b, {callee_->credentials()});
    expect_data_both_ways("again");
}

TEST_F(LibniceTest, WhoHasNoUdpReachesWhoHas) {
    caller_ = std::make_unique<Agent>(context_, true, "127.0.0.1", Agent::tcp);
    connect();
    ASSERT_EQ(ports_.tcp_a.size(), 2U);
    ASSERT_TRUE(both_ready());
    EXPECT_TRUE(caller_->over_tcp());
    EXPECT_EQ(caller_->remote_port(), ports_.tcp_a.front().port);
    EXPECT_FALSE(callee_->over_tcp());
    expect_data_both_ways("one over tcp");
}

TEST_F(LibniceTest, TwoWithoutUdpMeetAndRestart) {
    caller_ = std::make_unique<Agent>(context_, true, "127.0.0.1", Agent::tcp);
    callee_ = std::make_unique<Agent>(context_, false, "127.0.0.1", Agent::tcp);
    connect();
    ASSERT_TRUE(both_ready());
    expect_data_both_ways("both over tcp");
    const auto old_caller = caller_->credentials();
    const auto old_callee = callee_->credentials();
    caller_->restart();
    callee_->restart();
    update(api::Leg::a, {old_caller, caller_->credentials()});
    update(api::Leg::b, {old_callee, callee_->credentials()});
    introduce();
    ASSERT_TRUE(both_ready());
    expect_data_both_ways("again over tcp");
}

TEST_F(LibniceTest, UdpIsTakenWhereBothAreThere) {
    caller_ = std::make_unique<Agent>(context_, true, "127.0.0.1", Agent::both);
    connect();
    ASSERT_TRUE(both_ready());
    expect_data_both_ways("either");
    EXPECT_TRUE(until([&] { return !caller_->over_tcp(); }));
}

TEST_F(LibniceTest, AgentsWithOtherCredentialsThanSignalledDoNotConnect) {
    const std::string password = "some-password-of-22-octets";  // a stranger who saw the ufrags, not the passwords
    connect({caller_->credentials().ufrag, password}, {callee_->credentials().ufrag, password});
    const auto end = std::chrono::steady_clock::now() + 1s;
    until([&] { return std::chrono::steady_clock::now() > end; });
    EXPECT_FALSE(caller_->ready());
    EXPECT_FALSE(callee_->ready());
}

}  // namespace
}  // namespace carillon::relay
