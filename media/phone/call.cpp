#include "media/phone/call.h"

#include <algorithm>
#include <charconv>

#include "codecs/resample/resampler.h"
#include "config/base/log.h"
#include "media/phone/namespaces.h"
#include "media/phone/raw_udp_transport.h"
#include "media/wav/wav.h"

namespace carillon::phone {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kInitiateTimeout{15000};  // from our proceed to the peer's session-initiate

PayloadType payload_type(codecs::AudioCodec codec) {
    const auto& format = codecs::format_of(codec);
    PayloadType out{.name = std::string{format.encoding_name},
                    .clockrate = format.clock_rate,
                    .channels = static_cast<std::uint8_t>(format.channels)};
    switch (codec) {
        case codecs::AudioCodec::pcmu:
            out.id = 0;
            break;
        case codecs::AudioCodec::pcma:
            out.id = 8;
            break;
        case codecs::AudioCodec::opus:
            out.id = 111;
            out.parameters = {{"minptime", "10"}, {"useinbandfec", "1"}};
            break;
        case codecs::AudioCodec::g722:
            out.id = 9;
            break;
        case codecs::AudioCodec::l16:
            out.id = 107;
            break;
    }
    return out;
}

Preferences preferences_for(const CallOptions& options, bool outgoing) {
    Preferences out;
    for (const auto codec : options.codecs) out.payload_types.push_back(payload_type(codec));
    if (outgoing || options.only_transport) out.transports = {options.transport};
    if (options.sdes) out.cryptos = make_cryptos();
    return out;
}

codecs::AudioCodec codec_of(const PayloadType& type) {
    if (const auto codec = codecs::codec_named(type.name)) return *codec;
    if (type.id == 8) return codecs::AudioCodec::pcma;  // RFC 3551: the static types need no name
    return type.id == 9 ? codecs::AudioCodec::g722 : codecs::AudioCodec::pcmu;
}

}  // namespace

std::expected<Recording, std::string> load_recording(const std::string& path) {
    const auto audio = wav::load(path);
    if (!audio) return std::unexpected{audio.error()};
    Recording out;
    for (const unsigned rate : {8000U, 16000U, 48000U})
        out[rate] = codecs::resample(audio->samples, audio->sample_rate, rate);
    return out;
}

Call::Call(Account& account, EventQueue& events, CallOptions options, bool outgoing, std::string sid, std::string peer)
    : account_{account},
      events_{events},
      options_{std::move(options)},
      outgoing_{outgoing},
      sid_{std::move(sid)},
      peer_{std::move(peer)} {
    summary_.direction = outgoing_ ? "outgoing" : "incoming";
    enter(Phase::ringing, options_.ring_timeout);
}

Call::~Call() {
    alive_.reset();
    if (media_) media_->stop();
    transport_.reset();  // joins its thread: nothing reaches the media any more
}

template <class Function>
auto Call::posted(Function function) {
    return [this, weak = std::weak_ptr<int>{alive_}, function](auto... arguments) {
        events_.post([this, weak, function, arguments...] {
            if (!weak.expired() && !done()) function(*this, arguments...);
        });
    };
}

double Call::since_start() const { return std::chrono::duration<double, std::milli>(Clock::now() - started_).count(); }

void Call::enter(Phase phase, milliseconds deadline) {
    phase_ = phase;
    deadline_ = Clock::now() + deadline;
}

Session& Call::session() {
    if (!session_) {
        session_ = std::make_unique<Session>(static_cast<SessionObserver&>(*this),
                                             outgoing_ ? Session::Role::initiator : Session::Role::responder, sid_,
                                             account_.jid(), peer_, preferences_for(options_, outgoing_));
    }
    return *session_;
}

// --- outgoing -------------------------------------------------------------------------------------------------------

void Call::dial() {
    if (!options_.jmi) return offer();
    enter(Phase::proposing, options_.ring_timeout);
    account_.send(jingle_message(JingleMessage::Kind::propose, sid_, bare(peer_)));
}

void Call::offer() {
    enter(Phase::offering, options_.ring_timeout);
    setup_ = "actpass";
    open_transport(options_.transport);
    start_offer_if_ready(false);
}

void Call::start_offer_if_ready(bool gathered) {
    if (phase_ != Phase::offering || offered_ || !transport_) return;
    if (!options_.trickle && !gathered) return;
    offered_ = true;
    session().initiate(local_description());
}

// --- incoming -------------------------------------------------------------------------------------------------------

void Call::answer() {
    accept_at_ = Clock::time_point::max();
    if (!session_ || session_->state() != Session::State::incoming) {  // XEP-0353: take the call, the offer follows
        enter(Phase::proceeding, kInitiateTimeout);
        account_.send(jingle_message(JingleMessage::Kind::accept, sid_, bare(account_.jid())));
        account_.send(jingle_message(JingleMessage::Kind::proceed, sid_, peer_));
        return;
    }
    const auto& remote = session_->agreement().remote;
    if (remote.kind == TransportKind::ice_udp && !options_.sdes && !remote.fingerprint)
        return end_with("security-error");
    if (remote.fingerprint) setup_ = remote.fingerprint->setup == "active" ? "passive" : "active";
    open_transport(remote.kind);
    if (transport_) session_->accept(local_description());
}

std::optional<JingleError> Call::on_jingle(const Jingle& jingle) {
    const bool fresh = !session_;
    if (auto error = session().handle(jingle)) return error;
    if (outgoing_ || !fresh || done() || session_->state() != Session::State::incoming) return std::nullopt;
    const auto ring_time = proposed_to_us_ ? milliseconds{0} : options_.ring_before_accept;
    if (!proposed_to_us_) session_->ring();
    enter(Phase::ringing, options_.ring_timeout);
    if (options_.reject) {
        end_with("decline");
    } else if (!options_.ring_only) {
        accept_at_ = Clock::now() + ring_time;
    }
    return std::nullopt;
}

void Call::on_jingle_message(const JingleMessage& message) {
    using Kind = JingleMessage::Kind;
    switch (message.kind) {
        case Kind::propose:
            proposed_to_us_ = true;
            enter(Phase::ringing, options_.ring_timeout);
            if (options_.reject) {
                account_.send(jingle_message(Kind::reject, sid_, peer_));
                return finish("decline", false);
            }
            account_.send(jingle_message(Kind::ringing, sid_, peer_));
            if (!options_.ring_only) accept_at_ = Clock::now() + options_.ring_before_accept;
            return;
        case Kind::ringing:
            if (!summary_.ring_ms) summary_.ring_ms = since_start();
            return;
        case Kind::proceed:
            if (phase_ != Phase::proposing) return;
            peer_ = message.from;  // the device that took the call
            return offer();
        case Kind::reject:
            if (phase_ == Phase::proposing) finish(message.reason.empty() ? "decline" : message.reason, true);
            return;
        case Kind::retract:
        case Kind::finish:
            if (phase_ == Phase::ringing || phase_ == Phase::proceeding) {
                finish(message.reason.empty() ? "cancel" : message.reason, true);
            }
            return;
        case Kind::accept:
            return;  // another device of ours or of the peer's; proceed says the rest
    }
}

void Call::on_delivery_error(const std::string& condition) {
    if (phase_ == Phase::proposing) finish(condition, true);
}

// --- session --------------------------------------------------------------------------------------------------------

void Call::send(const Jingle& jingle) {
    Element iq{"iq", ns::kClient};
    iq.set("type", "set").set("to", peer_).add(to_element(jingle));
    const bool vital = jingle.action == Action::session_initiate || jingle.action == Action::session_accept;
    account_.request(std::move(iq), [this, weak = std::weak_ptr<int>{alive_}, vital](const auto& result) {
        if (result || !vital || weak.expired() || done()) return;
        session_->fail(result.error());
    });
}

void Call::on_ringing() {
    if (!summary_.ring_ms) summary_.ring_ms = since_start();
}

void Call::on_agreed(const Agreement& agreement) {
    enter(Phase::connecting, options_.connect_timeout);
    const auto codec = codec_of(agreement.codec);
    const auto& format = codecs::format_of(codec);
    summary_.codec = format.encoding_name;
    const bool secure = agreement.remote.kind == TransportKind::ice_udp || options_.sdes;
    const auto protection = security(agreement);
    if (secure && !protection) return end_with("security-error");
    MediaOptions media{
        .codec = codec, .payload_type = agreement.codec.id, .loop = options_.loop, .record = options_.record};
    for (const auto& [name, value] : agreement.codec.parameters)  // RFC 7587 §6.1
        if (name == "maxaveragebitrate") std::from_chars(value.data(), value.data() + value.size(), media.bitrate);
    if (media.bitrate != 0) media.bitrate = std::clamp(media.bitrate, 6'000u, 510'000u);
    if (options_.play) media.play = options_.play->at(format.sample_rate);
    media.rtcp_mux = transport_->muxes_rtcp();
    media.rtcp = !media.rtcp_mux || agreement.rtcp_mux;
    media.cname = sid_;  // RFC 7022: nothing that names the user
    media.jitter.target = options_.playout;
    media.packets = options_.packets;
    media.sent = options_.sent;
    media.heard = options_.heard;
    media_ = std::make_unique<MediaSession>(
        std::move(media), protection,
        [this](std::uint8_t component, Bytes datagram) { return transport_->send(component, datagram); });
    sink_ = media_.get();
    transport_->set_remote(agreement.remote);
}

void Call::on_remote_candidates(const TransportInfo& more) { transport_->set_remote(more); }

void Call::on_remote_restart(const TransportInfo& fresh) {
    if (!restart_sent_) {  // the peer began: answer with new credentials of our own (XEP-0176 §5.9)
        transport_->restart();
        session_->add_candidates(transport_->take_local());
    }
    restart_sent_ = false;
    ++summary_.restarts;
    transport_->set_remote(fresh);
}

void Call::on_ended(const std::string& reason, bool by_peer) { finish(reason, by_peer); }

std::optional<MediaSecurity> Call::security(const Agreement& agreement) const {
    if (agreement.crypto) {
        auto keys = to_keys(*agreement.crypto);
        return keys ? std::optional{MediaSecurity{.keys = std::move(keys)}} : std::nullopt;
    }
    const auto& remote = agreement.remote.fingerprint;
    if (agreement.remote.kind != TransportKind::ice_udp || !remote) return std::nullopt;
    // RFC 5763 §5: active is the client. Who offered actpass does what the answer leaves over.
    const bool client = setup_ == "actpass" ? remote->setup == "passive" : setup_ == "active";
    return MediaSecurity{.identity = &identity_,
                         .role = client ? dtls::Role::client : dtls::Role::server,
                         .remote = {remote->hash, remote->value}};
}

// --- transport ------------------------------------------------------------------------------------------------------

void Call::open_transport(TransportKind kind) {
    summary_.transport = kind == TransportKind::ice_udp ? "ice-udp" : "raw-udp";
    Transport::Callbacks callbacks{
        .candidates = posted([](Call& call) { call.on_local_candidates(); }),
        .gathered = posted([](Call& call) { call.start_offer_if_ready(true); }),
        .connected = posted([](Call& call) { call.on_connected(); }),
        .failed = posted([](Call& call, const std::string& why) {
            log::warning("no path", {{"why", why}});
            if (call.phase_ != Phase::talking) call.end_with("connectivity-error");
        }),
        .receive =
            [this](std::uint8_t component, Bytes datagram) {
                if (auto* media = sink_.load()) media->receive(component, datagram);
            },
    };
    try {
        if (kind == TransportKind::raw_udp) {
            transport_ =
                std::make_unique<RawUdpTransport>(std::move(callbacks), options_.bind_address, account_.server_host());
        } else {
            transport_ =
                std::make_unique<IceTransport>(std::move(callbacks), IceOptions{.controlling = outgoing_,
                                                                                .relay_only = options_.relay_only,
                                                                                .bind_address = options_.bind_address,
                                                                                .services = options_.services});
        }
        transport_->start();
    } catch (const std::exception& error) {
        log::error("transport", {{"error", error.what()}});
        transport_.reset();
        end_with("failed-transport");
    }
}

TransportInfo Call::local_description() {
    auto out = transport_->take_local();
    if (out.kind == TransportKind::ice_udp && !options_.sdes) {
        out.fingerprint = DtlsFingerprint{identity_.fingerprint().hash, identity_.fingerprint().value, setup_};
    }
    return out;
}

void Call::on_local_candidates() {
    const bool said = session_ && (outgoing_ ? offered_ : session_->state() == Session::State::active);
    if (!said || !transport_ || !options_.trickle || session_->agreement().remote.kind != TransportKind::ice_udp)
        return;
    const auto local = transport_->take_local();
    if (!local.candidates.empty()) session_->add_candidates(local);
}

void Call::on_connected() {
    if (!media_) return;
    media_->connect();
    summary_.path = transport_->path();
}

// --- time -----------------------------------------------------------------------------------------------------------

void Call::tick() {
    if (done()) return;
    const auto now = Clock::now();
    if (!account_.connected()) return finish("gone", false);
    if (now >= accept_at_) answer();
    if (media_ && !done()) {
        if (const auto failure = media_->failure(); !failure.empty()) {
            log::error("media", {{"error", failure}});
            return end_with("failed-application");
        }
        if (phase_ == Phase::connecting && media_->flowing()) {
            summary_.setup_ms = since_start();
            talking_since_ = now;
            enter(Phase::talking, options_.talk.count() > 0 ? options_.talk : milliseconds{24 * 3600 * 1000});
        }
    }
    if (phase_ == Phase::talking) {
        if (media_->since_last_packet() > options_.media_timeout) return end_with("connectivity-error");
        if (options_.restart_after.count() > 0 && now - talking_since_ >= options_.restart_after) {
            options_.restart_after = milliseconds{0};
            restart_sent_ = true;
            transport_->restart();
            session_->add_candidates(transport_->take_local());
        }
        hold_when_due(now - talking_since_);
    }
    if (done() || now < deadline_) return;
    switch (phase_) {
        case Phase::proposing:
            account_.send(jingle_message(JingleMessage::Kind::retract, sid_, bare(peer_)));
            [[fallthrough]];
        case Phase::proceeding:
        case Phase::offering:
        case Phase::ringing:
            return end_with("timeout");
        case Phase::connecting:
            return end_with("connectivity-error");
        case Phase::talking:
            return end_with("success");
        case Phase::done:
            return;
    }
}

/// XEP-0167 §8: nothing is sent meanwhile; the recording goes on where it stopped.
void Call::hold_when_due(Clock::duration talked) {
    if (options_.hold_after.count() == 0) return;
    const bool due = talked >= options_.hold_after && talked < options_.hold_after + options_.hold_for;
    if (due == holding_) return;
    holding_ = due;
    session_->inform(due ? "hold" : "unhold");
    media_->pause(due);
}

void Call::hang_up() {
    if (phase_ == Phase::proposing) account_.send(jingle_message(JingleMessage::Kind::retract, sid_, bare(peer_)));
    end_with(phase_ == Phase::talking ? "success" : "cancel");
}

void Call::end_with(const std::string& reason) {
    if (done()) return;
    if (session_) {
        session_->terminate(reason);
    } else {
        finish(reason, false);
    }
}

void Call::finish(const std::string& reason, bool by_peer) {
    if (done()) return;
    if (phase_ == Phase::talking) {
        summary_.talk_seconds = std::chrono::duration<double>(Clock::now() - talking_since_).count();
    }
    phase_ = Phase::done;
    summary_.reason = reason;
    summary_.by_peer = by_peer;
    if (media_) {
        media_->stop();
        summary_.report = media_->report();
        summary_.media = summary_.report.packets_received > 0;
    }
    summary_.ok = summary_.media && reason == "success";
}

CallSummary Call::summary() const {
    auto out = summary_;
    out.peer = peer_;
    out.sid = sid_;
    return out;
}

}  // namespace carillon::phone
