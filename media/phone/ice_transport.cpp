#include "media/phone/ice_transport.h"

#include <netdb.h>
#include <nice/agent.h>

#include <array>
#include <future>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "config/base/log.h"

namespace carillon::phone {
namespace {

constexpr guint kComponent = 1;
constexpr std::chrono::milliseconds kCloseTimeout{500};
constexpr auto kOptions =
    static_cast<NiceAgentOption>(NICE_AGENT_OPTION_ICE_TRICKLE | NICE_AGENT_OPTION_CONSENT_FRESHNESS);

template <auto Function>
struct Deleter {
    template <class T>
    void operator()(T* value) const {
        Function(value);
    }
};
using CandidatePtr = std::unique_ptr<NiceCandidate, Deleter<nice_candidate_free>>;
using TextPtr = std::unique_ptr<gchar, Deleter<g_free>>;

void free_candidates(GSList* list) {
    g_slist_free_full(list, [](gpointer candidate) { nice_candidate_free(static_cast<NiceCandidate*>(candidate)); });
}
using CandidateList = std::unique_ptr<GSList, Deleter<free_candidates>>;

/// libnice wants numbers where XEP-0215 may give a name. One look-up, the first address.
std::string resolve(const std::string& host) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_DGRAM;
    addrinfo* found = nullptr;
    if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0 || !found) return {};
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> list{found, &freeaddrinfo};
    std::array<char, NI_MAXHOST> text{};
    getnameinfo(found->ai_addr, found->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST);
    return text.data();
}

std::string text_of(const NiceAddress& address) {
    std::array<gchar, NICE_ADDRESS_STRING_LEN> text{};
    nice_address_to_string(&address, text.data());
    return text.data();
}

std::string type_of(NiceCandidateType type) {
    switch (type) {
        case NICE_CANDIDATE_TYPE_HOST:
            return "host";
        case NICE_CANDIDATE_TYPE_SERVER_REFLEXIVE:
            return "srflx";
        case NICE_CANDIDATE_TYPE_PEER_REFLEXIVE:
            return "prflx";
        case NICE_CANDIDATE_TYPE_RELAYED:
            return "relay";
    }
    return "host";
}

PathEnd endpoint_of(const NiceCandidate& candidate) {
    return {type_of(candidate.type), text_of(candidate.addr),
            static_cast<std::uint16_t>(nice_address_get_port(&candidate.addr))};
}

Candidate signalled(const NiceCandidate& native, bool hide_base) {
    Candidate out;
    const auto endpoint = endpoint_of(native);
    out.foundation = native.foundation;
    out.component = static_cast<std::uint8_t>(native.component_id);
    out.priority = native.priority;
    out.ip = endpoint.address;
    out.port = endpoint.port;
    out.type = type_of(native.type);
    out.id = out.type + out.foundation + "-" + std::to_string(out.port);
    if (native.type != NICE_CANDIDATE_TYPE_HOST) {
        // RFC 8839 §5.1: whoever hides its addresses names the wildcard one.
        out.rel_addr = hide_base ? "0.0.0.0" : text_of(native.base_addr);
        out.rel_port =
            hide_base ? std::uint16_t{9} : static_cast<std::uint16_t>(nice_address_get_port(&native.base_addr));
    }
    return out;
}

/// Null for what cannot be used: TCP, names (mDNS), other components.
CandidatePtr usable(const Candidate& candidate, guint stream) {
    NiceCandidateType type = NICE_CANDIDATE_TYPE_HOST;
    if (candidate.type == "srflx") type = NICE_CANDIDATE_TYPE_SERVER_REFLEXIVE;
    if (candidate.type == "prflx") type = NICE_CANDIDATE_TYPE_PEER_REFLEXIVE;
    if (candidate.type == "relay") type = NICE_CANDIDATE_TYPE_RELAYED;
    if (candidate.protocol != "udp" || candidate.component != kComponent || candidate.port == 0) return nullptr;
    CandidatePtr out{nice_candidate_new(type)};
    if (!nice_address_set_from_string(&out->addr, candidate.ip.c_str())) return nullptr;
    nice_address_set_port(&out->addr, candidate.port);
    out->transport = NICE_CANDIDATE_TRANSPORT_UDP;
    out->component_id = kComponent;
    out->stream_id = stream;
    out->priority = candidate.priority;
    g_strlcpy(out->foundation, candidate.foundation.c_str(), sizeof out->foundation);
    return out;
}

}  // namespace

struct IceTransport::Native {
    Callbacks callbacks;
    IceOptions options;
    GMainContext* context = nullptr;
    GMainLoop* loop = nullptr;
    NiceAgent* agent = nullptr;
    guint stream = 0;
    std::thread thread;

    mutable std::mutex mutex;
    std::vector<Candidate> found;  // since the last take_local()
    Path selected;
    std::string remote_ufrag;

    // Trampolines: signals of the agent, on its thread or within one of our calls. None may throw into C.
    static void on_candidate(NiceAgent*, NiceCandidate* candidate, gpointer data) noexcept {
        static_cast<Native*>(data)->found_candidate(*candidate);
    }
    static void on_gathered(NiceAgent*, guint, gpointer data) noexcept {
        static_cast<Native*>(data)->callbacks.gathered();
    }
    static void on_state(NiceAgent*, guint, guint, guint state, gpointer) noexcept {
        log::debug("ICE state", {{"state", nice_component_state_to_string(static_cast<NiceComponentState>(state))}});
        // "failed" is no end: a candidate may still be trickled, a restart may follow. The call has its own deadlines.
    }
    static void on_selected(NiceAgent*, guint, guint, NiceCandidate* local, NiceCandidate* remote,
                            gpointer data) noexcept {
        static_cast<Native*>(data)->selected_pair(*local, *remote);
    }
    static void on_receive(NiceAgent*, guint, guint component, guint length, gchar* buffer, gpointer data) noexcept {
        static_cast<Native*>(data)->callbacks.receive(static_cast<std::uint8_t>(component), as_bytes({buffer, length}));
    }
    static gboolean quit(gpointer data) noexcept {
        g_main_loop_quit(static_cast<Native*>(data)->loop);
        return G_SOURCE_REMOVE;
    }

    /// TURN allocations are given back before the agent goes; the server gets a moment for its answers, not for ever.
    void give_back_allocations() {
        g_main_context_push_thread_default(context);
        const auto closed = std::make_shared<bool>(false);
        nice_agent_close_async(agent, &on_closed, new std::shared_ptr<bool>{closed});  // on_closed owns it
        const auto until = std::chrono::steady_clock::now() + kCloseTimeout;
        while (!*closed && std::chrono::steady_clock::now() < until) {
            if (!g_main_context_iteration(context, FALSE)) std::this_thread::sleep_for(std::chrono::milliseconds{1});
        }
        nice_agent_remove_stream(agent, stream);
        g_main_context_pop_thread_default(context);
    }
    static void on_closed(GObject*, GAsyncResult*, gpointer data) noexcept {
        const std::unique_ptr<std::shared_ptr<bool>> closed{static_cast<std::shared_ptr<bool>*>(data)};
        **closed = true;
    }

    void found_candidate(const NiceCandidate& candidate) {
        if (candidate.transport != NICE_CANDIDATE_TRANSPORT_UDP) return;
        if (options.relay_only && candidate.type != NICE_CANDIDATE_TYPE_RELAYED) return;
        if (text_of(candidate.addr).starts_with("fe80:")) return;  // without its zone it means nothing to the peer
        {
            const std::scoped_lock lock{mutex};
            found.push_back(signalled(candidate, options.relay_only));
        }
        callbacks.candidates();
    }
    void selected_pair(const NiceCandidate& local, const NiceCandidate& remote) {
        {
            const std::scoped_lock lock{mutex};
            selected = {endpoint_of(local), endpoint_of(remote)};
        }
        callbacks.connected();
    }
    void use_services() {
        bool turn = false;
        for (const auto& service : options.services) {
            const auto address = resolve(service.host);
            if (address.empty()) continue;
            if (service.type == ExternalService::Type::stun && service.transport == "udp") {
                g_object_set(agent, "stun-server", address.c_str(), "stun-server-port", guint{service.port}, nullptr);
            } else if (service.type == ExternalService::Type::turn && !service.username.empty()) {
                turn = true;
                nice_agent_set_relay_info(
                    agent, stream, kComponent, address.c_str(), service.port, service.username.c_str(),
                    service.password.c_str(),
                    service.transport == "tcp" ? NICE_RELAY_TYPE_TURN_TCP : NICE_RELAY_TYPE_TURN_UDP);
            }
        }
        // Checks from our own addresses would show them to the peer. Without TURN they go to relay ports only.
        if (turn && options.relay_only) g_object_set(agent, "force-relay", TRUE, nullptr);
    }
};

IceTransport::IceTransport(Callbacks callbacks, IceOptions options) : native_{std::make_unique<Native>()} {
    native_->callbacks = std::move(callbacks);
    native_->options = std::move(options);
    native_->context = g_main_context_new();
    native_->loop = g_main_loop_new(native_->context, FALSE);
    native_->agent = nice_agent_new_full(native_->context, NICE_COMPATIBILITY_RFC5245, kOptions);
    auto* agent = native_->agent;
    g_object_set(agent, "controlling-mode", gboolean{native_->options.controlling}, "upnp", FALSE, "ice-tcp", FALSE,
                 nullptr);
    nice_agent_set_software(agent, "carillon-phone");
    native_->stream = nice_agent_add_stream(agent, 1);
    if (!native_->options.bind_address.empty()) {
        NiceAddress address;
        nice_address_init(&address);
        if (!nice_address_set_from_string(&address, native_->options.bind_address.c_str())) {
            throw std::runtime_error{native_->options.bind_address + " is not an IP address"};
        }
        nice_agent_add_local_address(agent, &address);
    }
    g_signal_connect(agent, "new-candidate-full", G_CALLBACK(&Native::on_candidate), native_.get());
    g_signal_connect(agent, "candidate-gathering-done", G_CALLBACK(&Native::on_gathered), native_.get());
    g_signal_connect(agent, "component-state-changed", G_CALLBACK(&Native::on_state), native_.get());
    g_signal_connect(agent, "new-selected-pair-full", G_CALLBACK(&Native::on_selected), native_.get());
    nice_agent_attach_recv(agent, native_->stream, kComponent, native_->context, &Native::on_receive, native_.get());
    native_->use_services();
}

IceTransport::~IceTransport() {
    auto& n = *native_;
    if (n.thread.joinable()) {
        // The agent goes first, on its own thread's context, so that nothing is called back afterwards.
        g_main_context_invoke(n.context, &Native::quit, &n);
        n.thread.join();
    }
    g_signal_handlers_disconnect_by_data(n.agent, &n);
    nice_agent_attach_recv(n.agent, n.stream, kComponent, n.context, nullptr, nullptr);
    n.give_back_allocations();
    g_object_unref(n.agent);
    g_main_loop_unref(n.loop);
    g_main_context_unref(n.context);
}

void IceTransport::start() {
    auto& n = *native_;
    n.thread = std::thread{[&n] {
        g_main_context_push_thread_default(n.context);
        g_main_loop_run(n.loop);
        g_main_context_pop_thread_default(n.context);
    }};
    if (!nice_agent_gather_candidates(n.agent, n.stream)) n.callbacks.failed("no local address for ICE");
}

TransportInfo IceTransport::take_local() {
    auto& n = *native_;
    gchar* ufrag = nullptr;
    gchar* pwd = nullptr;
    nice_agent_get_local_credentials(n.agent, n.stream, &ufrag, &pwd);
    const TextPtr own_ufrag{ufrag}, own_pwd{pwd};
    TransportInfo out{.kind = TransportKind::ice_udp, .ufrag = ufrag ? ufrag : "", .pwd = pwd ? pwd : ""};
    const std::scoped_lock lock{n.mutex};
    out.candidates.swap(n.found);
    return out;
}

void IceTransport::set_remote(const TransportInfo& remote) {
    auto& n = *native_;
    if (!remote.ufrag.empty() && remote.ufrag != n.remote_ufrag) {
        n.remote_ufrag = remote.ufrag;
        nice_agent_set_remote_credentials(n.agent, n.stream, remote.ufrag.c_str(), remote.pwd.c_str());
    }
    GSList* list = nullptr;
    for (const auto& candidate : remote.candidates) {
        if (n.options.relay_only && candidate.type != "relay") continue;
        if (auto native = usable(candidate, n.stream)) list = g_slist_append(list, native.release());
    }
    const CandidateList owned{list};
    if (list) nice_agent_set_remote_candidates(n.agent, n.stream, kComponent, list);
}

void IceTransport::restart() {
    auto& n = *native_;
    nice_agent_restart_stream(n.agent, n.stream);
    // libnice keeps the sockets and candidates; the peer has to hear of them again under the new credentials.
    const CandidateList list{nice_agent_get_local_candidates(n.agent, n.stream, kComponent)};
    for (const auto* item = list.get(); item; item = item->next) {
        n.found_candidate(*static_cast<const NiceCandidate*>(item->data));
    }
}

bool IceTransport::send(std::uint8_t component, Bytes datagram) {
    if (component != kComponent) return false;
    return nice_agent_send(native_->agent, native_->stream, kComponent, static_cast<guint>(datagram.size()),
                           reinterpret_cast<const gchar*>(datagram.data())) == static_cast<gint>(datagram.size());
}

Path IceTransport::path() const {
    const std::scoped_lock lock{native_->mutex};
    return native_->selected;
}

}  // namespace carillon::phone
