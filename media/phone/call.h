/// One call from the first ring to the summary: Jingle session, transport and media tied together.
/// Spec: XEP-0166, XEP-0353 (the order of things on the wire); RFC 5763 §5 (who is the DTLS client).
/// Not here: the XMPP stream and which call a stanza belongs to (endpoint.h).
#pragma once
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "media/phone/account.h"
#include "media/phone/event_queue.h"
#include "media/phone/ice_transport.h"
#include "media/phone/jingle_message.h"
#include "media/phone/media_session.h"
#include "media/phone/session.h"
#include "media/phone/summary.h"

namespace carillon::phone {

/// The same recording at every rate a codec may want.
using Recording = std::map<unsigned, std::vector<std::int16_t>>;
std::expected<Recording, std::string> load_recording(const std::string& path);

struct CallOptions {
    std::vector<codecs::AudioCodec> codecs{codecs::AudioCodec::opus, codecs::AudioCodec::pcmu,
                                           codecs::AudioCodec::pcma};
    TransportKind transport = TransportKind::ice_udp;  ///< outgoing; an answer follows the offer
    bool only_transport = false;                       ///< announce and take no other
    bool sdes = false;                                 ///< keys by SDES, never by DTLS
    bool jmi = true;                                   ///< ring by XEP-0353 first
    bool trickle = true;                               ///< false: offer only once every candidate is known
    bool relay_only = false;
    bool reject = false;     ///< incoming: decline
    bool ring_only = false;  ///< incoming: ring, never accept
    std::string bind_address;
    std::shared_ptr<const Recording> play;
    bool loop = false;
    std::string record;
    std::chrono::milliseconds talk{10000};  ///< incoming: 0 is until the peer hangs up
    std::chrono::milliseconds ring_before_accept{0};
    std::chrono::milliseconds ring_timeout{30000};
    std::chrono::milliseconds connect_timeout{20000};
    std::chrono::milliseconds media_timeout{10000};
    std::chrono::milliseconds restart_after{0};  ///< ICE restart this long into the talk; 0 never
    std::chrono::milliseconds hold_after{0};     ///< puts the peer on hold this long into the talk; 0 never
    std::chrono::milliseconds hold_for{0};       ///< and takes it back after so long
    std::chrono::milliseconds playout{80};
    std::vector<ExternalService> services;
    std::shared_ptr<const PacketSource> packets;  ///< said instead of `play`
    std::shared_ptr<PacketRecorder> sent, heard;  ///< told of every RTP packet
};

/// Every state has a deadline: done() becomes true whatever the peer does.
/// Threading: the main thread; transports and media post to `events`.
/// Owns: session, transport, media and their threads.
class Call final : private SessionObserver {
  public:
    Call(Account& account, EventQueue& events, CallOptions options, bool outgoing, std::string sid, std::string peer);
    ~Call() override;
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    void dial();                                                 ///< outgoing
    std::optional<JingleError> on_jingle(const Jingle& jingle);  ///< of this sid, from this peer
    void on_jingle_message(const JingleMessage& message);        ///< of this sid
    void on_delivery_error(const std::string& condition);        ///< our propose came back
    void tick();                                                 ///< deadlines; call every few milliseconds
    void hang_up();                                              ///< the user has enough, or the program ends

    bool done() const { return phase_ == Phase::done; }
    const std::string& sid() const { return sid_; }
    const std::string& peer() const { return peer_; }
    CallSummary summary() const;

  private:
    using Clock = std::chrono::steady_clock;
    enum class Phase { proposing, proceeding, offering, ringing, connecting, talking, done };

    // SessionObserver
    void send(const Jingle& jingle) override;
    void on_ringing() override;
    void on_agreed(const Agreement& agreement) override;
    void on_remote_candidates(const TransportInfo& more) override;
    void on_remote_restart(const TransportInfo& fresh) override;
    void on_ended(const std::string& reason, bool by_peer) override;

    void offer();
    void answer();
    void open_transport(TransportKind kind);
    void on_local_candidates();
    void on_connected();
    void start_offer_if_ready(bool gathered);
    TransportInfo local_description();
    std::optional<MediaSecurity> security(const Agreement& agreement) const;
    void finish(const std::string& reason, bool by_peer);
    void end_with(const std::string& reason);
    void hold_when_due(std::chrono::steady_clock::duration talked);
    void enter(Phase phase, std::chrono::milliseconds deadline);
    Session& session();
    template <class Function>
    auto posted(Function function);
    double since_start() const;

    Account& account_;
    EventQueue& events_;
    CallOptions options_;
    bool outgoing_;
    std::string sid_;
    std::string peer_;
    Phase phase_ = Phase::ringing;
    Clock::time_point started_ = Clock::now();
    Clock::time_point deadline_ = Clock::time_point::max();
    Clock::time_point accept_at_ = Clock::time_point::max();
    Clock::time_point talking_since_{};
    bool proposed_to_us_ = false;
    bool offered_ = false;
    bool restart_sent_ = false;
    bool holding_ = false;
    std::string setup_;  // ours, in DTLS
    dtls::Identity identity_;
    std::unique_ptr<Session> session_;
    std::unique_ptr<MediaSession> media_;        // before transport_: its callbacks reach into it
    std::atomic<MediaSession*> sink_ = nullptr;  // media_, for the transport's thread
    std::unique_ptr<Transport> transport_;
    CallSummary summary_;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);  // posted events look whether the call still is
};

}  // namespace carillon::phone
