/// One client's stream from its first octet to its last: negotiation on the shard that accepted it, then its session on
/// the shard that owns the account.
/// Spec: RFC 6120 §4 (streams), §5 (STARTTLS), §6 (SASL), §7 (binding), RFC 7590, XEP-0368 (direct TLS),
/// XEP-0388.
/// Not here: SASL itself (auth_server.h), what is done with stanzas (router/), listening (stream_server.h).
#pragma once
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "signaling/net/listener.h"
#include "signaling/net/socket.h"
#include "signaling/session/local_session.h"
#include "signaling/stream/auth_server.h"
#include "signaling/stream/hibernation.h"
#include "signaling/stream/output_queue.h"
#include "signaling/stream/pace.h"
#include "signaling/stream/stream_stage.h"
#include "signaling/stream/wire.h"
#include "signaling/xml/stream_parser.h"

namespace carillon::stream {

/// Threading: one shard at a time; it moves once, after log-in, with no coroutine inside.
/// Owns: the socket.  Lives as long as one of its coroutines does.
class Connection final : public session::Outlet,
                         public SaslPeer,
                         public Carrier,
                         public std::enable_shared_from_this<Connection> {
  public:
    Connection(StreamStage& stage, net::Accepted accepted, bool direct_tls);
    /// A WebSocket; `pending` has been read from it already.
    struct WebSocket {
        net::Socket socket;
        net::ConnectionLimiter::Place place;
        std::string pending;
        std::string peer_address;
        bool secure = false;  ///< whether nobody can listen, which for a proxy's connection TLS does not tell
    };
    Connection(StreamStage& stage, WebSocket web);
    ~Connection() override;

    /// Begins to serve, on the stage's shard.
    void start();
    /// Time has passed: keep-alive and idle check.
    void tick(SteadyTime now);

    // session::Outlet
    void send(const xml::Element& stanza, const xmpp::CustodyPtr& custody) override;
    std::string peer_address() const override { return peer_address_; }
    bool encrypted() const override { return socket_.is_tls(); }
    void close(std::string_view condition, std::string_view text) override;
    std::vector<session::Undelivered> detach() override;

    // Carrier
    const session::LocalSession* carried() const override { return session_; }
    StreamManagement& management() override { return *management_; }
    Surrendered surrender() override;

    // SaslPeer
    awaitable<bool> put(std::string text) override;
    awaitable<std::optional<xml::Element>> get() override;

  private:
    enum class Phase : std::uint8_t { negotiating, session, closing };
    using Event = std::optional<xml::StreamEvent>;  // nothing: the connection is gone

    // On the accepting shard, from connection_negotiation.cpp.
    awaitable<void> negotiate();
    awaitable<bool> open_stream();
    awaitable<bool> start_tls();
    awaitable<bool> authenticate(xml::Element request);
    awaitable<bool> answer_stranger(xml::Element iq);  // connection_stranger.cpp
    /// `values`: of the channel bindings; otherwise only which there are.
    auth::Security security(bool values) const;
    std::vector<xml::Element> features() const;
    net::Socket::Deadline time_left() const;
    awaitable<bool> write(std::string octets);
    bool encrypted_enough() const { return socket_.is_tls() || secure_; }
    void move_to_owner();

    // On the owner's shard.
    awaitable<void> serve();
    awaitable<bool> bind();
    awaitable<bool> await_binding(std::string text);
    std::vector<xml::Element> features_after_log_in() const;
    std::vector<xml::Element> features_after_binding() const;
    awaitable<std::optional<std::string>> bind_request(const xml::Element& iq);
    awaitable<void> read_stanzas();
    bool take(xml::Element element);
    bool legacy_session(const xml::Element& element);
    awaitable<void> wait_for_turn();
    Pace* account_pace();
    awaitable<void> keep_pace();
    awaitable<Event> next_event(net::Socket::Deadline deadline);
    xml::StreamEvent parsed_event();
    bool feed(std::span<char> octets);
    bool feed_frames();

    // XEP-0388 and XEP-0386, from connection_sasl2.cpp.
    awaitable<bool> finish_log_in();
    awaitable<std::optional<xml::Element>> bind_inline(const Sasl2Login& login);
    void end_earlier_sessions();

    // XEP-0198 and XEP-0352, from connection_management.cpp.
    bool manage(const xml::Element& element);
    xml::Element enable_management(const xml::Element& request);
    enum class Resumption { done, refused, over };
    Resumption resume(const xml::Element& request, std::string& answer);
    void replay();
    bool acknowledged(const xml::Element& element);
    void hibernate();
    bool ask_for_acknowledgement();
    void check_acknowledgement(SteadyTime now);
    void set_active(bool active);
    ClientState& client_state();

    // Output and end, from connection_output.cpp.
    void put_out(const xml::Element& stanza, const xmpp::CustodyPtr& custody);
    void part();
    void end_stream(std::string_view error);
    void schedule_flush();
    void check_backlog(SteadyTime now);
    void flush();
    awaitable<void> write_rest();
    void fail(std::string_view condition, std::string_view text = {});  // stream error, now
    awaitable<void> fail_now(std::string_view condition, std::string_view text = {});
    awaitable<void> linger();
    void end_session();
    void lose();

    StreamStage* stage_;
    net::ConnectionLimiter::Place place_;
    net::Socket socket_;
    xml::StreamParser parser_;
    std::string peer_address_;
    std::string domain_;
    std::string language_;  // of the client's stream, when other than ours
    xmpp::Jid user_;
    std::optional<xmpp::Jid> from_;                // what the client's opening tag says
    std::unique_ptr<Sasl2Login> sasl2_;            // from <authenticate/> to <success/>
    std::unique_ptr<runtime::Stranger> stranger_;  // once it has asked for something before log-in
    session::LocalSession* session_ = nullptr;
    Wire wire_;
    std::unique_ptr<http::FrameReader> frames_;  // of a WebSocket
    std::string unread_;                         // behind the WebSocket message in hand
    OutputQueue output_;
    std::unique_ptr<StreamManagement> management_;  // when enabled
    std::unique_ptr<ClientState> client_state_;     // when it matters
    Pace pace_;
    SteadyTime deadline_;  // of the negotiation
    SteadyTime last_input_{};
    SteadyTime last_output_{};
    std::unique_ptr<boost::asio::steady_timer> pause_;  // while waiting for a stanza's turn, or for the peer to close
    Phase phase_ = Phase::negotiating;
    std::uint8_t attempts_ = 0;
    std::uint8_t questions_ = 0;  // IQs before log-in
    bool direct_tls_;
    bool secure_ = false;
    bool framed_context_ = false;  // the parser stands where a WebSocket's elements do
    bool opened_ = false;          // our opening tag is out
    bool authenticated_ = false;
    bool stanza_pending_ = false;
    bool flush_posted_ = false;
    bool writing_ = false;  // a coroutine is in write_all
    bool close_sent_ = false;
    bool ping_sent_ = false;
    bool dead_ = false;
};

}  // namespace carillon::stream
