#include "media/phone/endpoint.h"

#include <random>

#include "config/base/log.h"
#include "media/phone/disco.h"
#include "media/phone/namespaces.h"

namespace carillon::phone {
namespace {

constexpr std::size_t kMaxAvailable = 1000;
constexpr std::chrono::milliseconds kServicesTimeout{2000};

std::string random_sid() {
    constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
    std::random_device random;
    std::string out;
    for (int i = 0; i < 24; ++i) out += kAlphabet[random() % kAlphabet.size()];
    return out;
}

disco::Media media_of(const CallOptions& options) {
    const auto takes = [&](TransportKind kind) { return !options.only_transport || options.transport == kind; };
    const bool ice = takes(TransportKind::ice_udp);
    return {.ice = ice, .raw = takes(TransportKind::raw_udp), .dtls = ice && !options.sdes};
}

}  // namespace

Endpoint::Endpoint(Account& account, EventQueue& events, CallOptions options)
    : account_{account}, events_{events}, options_{std::move(options)} {
    account_.on_stanza([this](const Element& stanza) { on_stanza(stanza); });
}

void Endpoint::go_online() {
    Element presence{"presence", ns::kClient};
    presence.add(disco::caps(media_of(options_)));
    account_.send(presence);
    learn_services();
    const auto deadline = std::chrono::steady_clock::now() + kServicesTimeout;
    while (!services_known_ && std::chrono::steady_clock::now() < deadline)
        account_.poll(std::chrono::milliseconds{10});
}

void Endpoint::learn_services() {
    Element iq{"iq", ns::kClient};
    iq.set("type", "get").set("to", domain_of(account_.jid())).add(Element{"services", ns::kExtdisco});
    account_.request(
        std::move(iq),
        [this](const auto& result) {
            services_known_ = true;
            const auto* services = result ? result->child("services", ns::kExtdisco) : nullptr;
            if (services) options_.services = parse_services(*services);
            log::debug("external services", {{"count", options_.services.size()}});
        },
        kServicesTimeout);
}

std::expected<void, std::string> Endpoint::place(const std::string& peer) {
    auto options = options_;
    std::string target = peer;
    const bool full = peer.find('/') != std::string::npos;
    if (!options.jmi && !full) {
        const auto device = available_.lower_bound(peer + "/");
        if (device == available_.end() || bare(device->first) != peer) {
            return std::unexpected{peer + " is not known to be online: give the full JID, or ring with --jmi"};
        }
        target = device->first;
    }
    call_ = std::make_unique<Call>(account_, events_, std::move(options), true, random_sid(), target);
    call_->dial();
    return {};
}

void Endpoint::poll(std::chrono::milliseconds wait) {
    account_.poll(wait);
    events_.drain();
    if (call_) call_->tick();
}

std::unique_ptr<Call> Endpoint::take_finished() {
    if (!call_ || !call_->done()) return nullptr;
    return std::move(call_);
}

void Endpoint::on_stanza(const Element& stanza) {
    if (stanza.name() == "iq") return on_iq(stanza);
    if (stanza.name() == "message") return on_message(stanza);
    if (stanza.name() == "presence") return on_presence(stanza);
}

void Endpoint::on_iq(const Element& iq) {
    const bool get = iq.attribute("type") == "get";
    if (!get && iq.attribute("type") != "set") return;
    if (const auto* jingle = iq.child("jingle", ns::kJingle); jingle && !get) return on_jingle(iq, *jingle);
    if (const auto* query = iq.child("query", ns::kDiscoInfo); query && get) {
        return reply(iq, disco::info(query->attribute("node"), media_of(options_)));
    }
    if (iq.child("ping", ns::kPing) && get) return reply(iq, std::nullopt);
    if (iq.child("query", ns::kVersion) && get) {
        Element query{"query", ns::kVersion};
        query.add(Element{"name"}.text("Carillon phone")).add(Element{"version"}.text(CARILLON_VERSION));
        return reply(iq, std::move(query));
    }
    const auto& from = iq.attribute("from");
    const bool trusted = from.empty() || from == bare(account_.jid()) || from == domain_of(account_.jid());
    if (iq.child("query", ns::kRoster) && trusted) return reply(iq, std::nullopt);  // roster pushes are acknowledged
    reply_error(iq, {"cancel", "service-unavailable", ""});
}

void Endpoint::on_jingle(const Element& iq, const Element& payload) {
    const auto jingle = parse_jingle(payload);
    const auto& from = iq.attribute("from");
    if (!jingle) return reply_error(iq, {"modify", "bad-request", ""});
    const bool ours = call_ && call_->sid() == jingle->sid && call_->peer() == from;
    if (!ours && jingle->action != Action::session_initiate) {
        return reply_error(iq, {"cancel", "item-not-found", "unknown-session"});
    }
    if (!ours && (!answering_ || busy())) {
        reply(iq, std::nullopt);
        Jingle busy_answer;
        busy_answer.action = Action::session_terminate;
        busy_answer.sid = jingle->sid;
        busy_answer.reason = busy() ? "busy" : "decline";
        Element out{"iq", ns::kClient};
        out.set("type", "set").set("to", from).add(to_element(busy_answer));
        return account_.request(std::move(out), [](const auto&) {});
    }
    if (!ours) call_ = std::make_unique<Call>(account_, events_, options_, false, jingle->sid, from);
    // The acknowledgement goes first: what the action leads to must not overtake it (XEP-0166 §6).
    // An error, on the other hand, is known only afterwards, and nothing is sent before one.
    account_.hold();
    const auto error = call_->on_jingle(*jingle);
    if (error) {
        reply_error(iq, *error);
    } else {
        reply(iq, std::nullopt);
    }
    account_.release();
}

void Endpoint::on_message(const Element& message) {
    const auto& from = message.attribute("from");
    if (message.attribute("type") == "error") {
        // Servers seldom send the payload back with the error, but always the stanza's id.
        const auto propose =
            call_ ? jingle_message(JingleMessage::Kind::propose, call_->sid(), from).attribute("id") : "";
        if (call_ && message.attribute("id") == propose) call_->on_delivery_error(condition_of(message));
        return;
    }
    const auto news = parse_jingle_message(message);
    if (!news || message.child("delay", "urn:xmpp:delay")) return;  // an old ring is no ring
    if (call_ && call_->sid() == news->id) {
        if (bare(call_->peer()) == bare(from)) call_->on_jingle_message(*news);
        return;
    }
    if (news->kind != JingleMessage::Kind::propose || !news->audio || !answering_) return;
    if (bare(from) == bare(account_.jid())) return;  // a copy of what another device of ours sent
    if (busy()) return account_.send(jingle_message(JingleMessage::Kind::reject, news->id, from, "busy"));
    call_ = std::make_unique<Call>(account_, events_, options_, false, news->id, from);
    call_->on_jingle_message(*news);
}

void Endpoint::on_presence(const Element& presence) {
    const auto& from = presence.attribute("from");
    const auto& type = presence.attribute("type");
    if (type == "unavailable") available_.erase(from);
    if (type.empty() && available_.size() < kMaxAvailable) {
        const auto* show = presence.child("show");
        available_[from] = show ? show->text() : "online";
    }
}

void Endpoint::reply(const Element& iq, std::optional<Element> payload) {
    Element out{"iq", ns::kClient};
    out.set("type", "result").set("id", iq.attribute("id"));
    if (!iq.attribute("from").empty()) out.set("to", iq.attribute("from"));
    if (payload) out.add(std::move(*payload));
    account_.send_now(out);
}

void Endpoint::reply_error(const Element& iq, const JingleError& error) {
    Element condition{"error"};
    condition.set("type", error.type).add(Element{error.condition, ns::kStanzas});
    if (!error.jingle_condition.empty()) condition.add(Element{error.jingle_condition, ns::kJingleErrors});
    Element out{"iq", ns::kClient};
    out.set("type", "error").set("id", iq.attribute("id")).add(std::move(condition));
    if (!iq.attribute("from").empty()) out.set("to", iq.attribute("from"));
    account_.send_now(out);
}

}  // namespace carillon::phone
