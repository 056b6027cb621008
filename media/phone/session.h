/// One Jingle session of one audio call, as a state machine: actions in, actions out, no clock and no socket.
/// Spec: XEP-0166 §5 to §7; XEP-0167 §6; XEP-0176 §5 (trickling, restart); XEP-0353 happens before it (call.h).
/// Not here: IQ acknowledgement (the caller of handle() answers), transports, media.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "media/phone/jingle.h"
#include "media/phone/sdes.h"

namespace carillon::phone {

/// Which codecs and transports this end takes, best first.
struct Preferences {
    std::vector<PayloadType> payload_types;
    std::vector<TransportKind> transports{TransportKind::ice_udp, TransportKind::raw_udp};
    std::vector<Crypto> cryptos{};  ///< keys of ours: then nothing goes without SDES
};

/// A stanza error with the Jingle condition that specifies it (XEP-0166 §10).
struct JingleError {
    std::string type;
    std::string condition;
    std::string jingle_condition;
};

/// What both ends agreed on, seen from here.
struct Agreement {
    PayloadType codec;
    TransportInfo remote;
    bool rtcp_mux = false;
    std::optional<AgreedCrypto> crypto{};  ///< SDES
};

/// What a session tells its owner. Called from within the session's own functions.
class SessionObserver {
  public:
    virtual ~SessionObserver() = default;
    virtual void send(const Jingle& jingle) = 0;                       ///< as an IQ set to the peer
    virtual void on_ringing() = 0;                                     ///< the peer says it rings
    virtual void on_agreed(const Agreement& agreement) = 0;            ///< both have accepted: media may start
    virtual void on_remote_candidates(const TransportInfo& more) = 0;  ///< after on_agreed
    virtual void on_remote_restart(const TransportInfo& fresh) = 0;    ///< ICE restart by the peer: new ufrag and pwd
    virtual void on_ended(const std::string& reason, bool by_peer) = 0;
};

/// Threading: one thread at a time.
class Session {
  public:
    enum class State { idle, offered, incoming, active, ended };
    enum class Role { initiator, responder };

    Session(SessionObserver& observer, Role role, std::string sid, std::string self, std::string peer,
            Preferences preferences);

    void initiate(const TransportInfo& local);        ///< initiator: session-initiate
    void inform(const std::string& info);             ///< session-info: hold, unhold
    void ring();                                      ///< responder: session-info ringing
    void accept(const TransportInfo& local);          ///< responder: session-accept with the chosen codec
    void add_candidates(const TransportInfo& local);  ///< transport-info with what was found since
    void terminate(const std::string& reason, const std::string& text = {});  ///< also declines an offer
    /// The peer answered an action of ours with an error, or its stream is gone.
    void fail(const std::string& reason);

    /// What the peer sent. No error: acknowledge it.
    std::optional<JingleError> handle(const Jingle& jingle);

    State state() const { return state_; }
    const std::string& sid() const { return sid_; }
    const std::string& peer() const { return peer_; }
    /// Responder, from the offer on: the transport the offer wants.
    TransportKind offered_transport() const { return agreement_.remote.kind; }
    const Agreement& agreement() const { return agreement_; }

  private:
    std::optional<JingleError> on_initiate(const Jingle& jingle);
    std::optional<JingleError> on_accept(const Jingle& jingle);
    std::optional<JingleError> on_info(const Jingle& jingle);
    std::optional<JingleError> on_terminate(const Jingle& jingle);
    std::optional<JingleError> on_transport_info(const Jingle& jingle);
    std::optional<JingleError> on_content_add(const Jingle& jingle);
    std::optional<JingleError> on_content_remove(const Jingle& jingle);

    const PayloadType* choose(const std::vector<PayloadType>& offered) const;
    Jingle message(Action action) const;
    Content own_content(std::vector<PayloadType> types, const TransportInfo& local) const;
    void reply(Action action, const Jingle& to);
    void end(const std::string& reason, bool by_peer);

    SessionObserver& observer_;
    Role role_;
    std::string sid_;
    std::string self_;
    std::string peer_;
    Preferences preferences_;
    State state_ = State::idle;
    std::string content_ = "audio";
    std::string creator_ = "initiator";
    std::vector<std::string> unwanted_;  // contents of the offer that stay out
    bool bundled_ = false;
    Agreement agreement_;
};

}  // namespace carillon::phone
