/// Implements make_carillon_peer(): streams opened at a worker's control socket, each end signalled by its address.
#include <array>
#include <boost/asio/io_context.hpp>
#include <optional>
#include <stdexcept>

#include "relay/api/client.h"
#include "tests/bench/relay_load/peer.h"

namespace carillon::bench {
namespace {

namespace api = relay::api;

class CarillonPeer final : public Peer {
  public:
    CarillonPeer(const std::string& socket, Legs legs) : client_{io_, socket}, legs_{legs} {
        std::optional<std::expected<void, api::Error>> connected;
        client_.connect([&](auto outcome) { connected = std::move(outcome); });
        wait(connected);
    }

    void open(Call& call) override { open(call, session_of(++opened_)); }

    void open_all(std::span<Call> calls, unsigned together) override {
        if (legs_ == Legs::dtls || legs_ == Legs::mixed) return Peer::open_all(calls, together);
        std::size_t begun = 0;
        std::size_t done = 0;
        std::string refusal;
        while (done < calls.size() && refusal.empty()) {
            for (; begun < calls.size() && begun - done < together; ++begun) {
                auto& call = calls[begun];
                client_.open_stream(session_of(++opened_), setup_of(call, legs_), [&](auto outcome) {
                    ++done;
                    if (outcome) return connect(call, *outcome);
                    refusal = outcome.error().reason;
                });
            }
            io_.run_one();
        }
        if (!refusal.empty()) throw std::runtime_error{"the worker refused: " + refusal};
    }

    void churn(unsigned calls) override {
        for (unsigned i = 0; i < calls; ++i) {
            Call call;
            const auto session = "churn-" + session_of(++opened_);
            open(call, session);
            std::optional<std::expected<std::vector<api::StreamCounters>, api::Error>> closed;
            client_.close_stream(session, {}, [&](auto outcome) { closed = std::move(outcome); });
            wait(closed);
        }
    }

  private:
    std::string session_of(unsigned call) const {
        return "bench-" + std::to_string(number_) + "-" + std::to_string(call);
    }

    void open(Call& call, const std::string& session) {
        constexpr std::array kEach{Legs::plain, Legs::sdes_cm, Legs::sdes_gcm, Legs::dtls};
        const auto legs = legs_ == Legs::mixed ? kEach[opened_ % kEach.size()] : legs_;
        std::optional<std::expected<api::Ports, api::Error>> opened;
        auto setup = setup_of(call, legs);
        if (legs == Legs::dtls) name(setup, session);
        client_.open_stream(session, setup, [&](auto outcome) { opened = std::move(outcome); });
        wait(opened);
        connect(call, **opened);
        if (legs != Legs::dtls) return;
        for (auto* end : {&call.a, &call.b}) {
            prove(*end, ufrag_of(session, end == &call.a) + ":phone", std::string{kPassword});
            shake_hands(*end, identity_, dtls::Role::client, {"sha-256", (*opened)->fingerprint});
        }
    }

    api::StreamSetup setup_of(Call& call, Legs legs) const {
        api::StreamSetup setup{.stream = "audio", .mode = api::Mode::plain};
        setup.a.remotes = {{.component = 1, .ip = "127.0.0.1", .port = call.a.port()}};
        setup.b.remotes = {{.component = 1, .ip = "127.0.0.1", .port = call.b.port()}};
        if (legs == Legs::sdes_cm || legs == Legs::sdes_gcm) use_sdes(setup, call.a, legs);
        if (legs == Legs::dtls) use_dtls(setup);
        return setup;
    }

    static void connect(Call& call, const api::Ports& ports) {
        if (ports.a.empty() || ports.b.empty()) throw std::runtime_error{"the worker answered without ports"};
        call.a.connect_to(loopback(ports.a.front().port));
        call.b.connect_to(loopback(ports.b.front().port));
    }

    /// Each leg its own, as signaling has it: they may share a port.
    static std::string ufrag_of(const std::string& session, bool a) { return session + (a ? "-a" : "-b"); }
    static void name(api::StreamSetup& setup, const std::string& session) {
        setup.a.own_ice.ufrag = ufrag_of(session, true);
        setup.b.own_ice.ufrag = ufrag_of(session, false);
    }

    static constexpr std::string_view kPassword = "password-of-the-relay-22";

    void use_sdes(api::StreamSetup& setup, Endpoint& end, Legs legs) const {
        const auto profile = legs == Legs::sdes_cm ? srtp::Profile::aes128_cm_sha1_80 : srtp::Profile::aead_aes_128_gcm;
        const auto own = random_key(profile);
        const auto theirs = random_key(profile);
        setup.mode = api::Mode::bridge;
        auto& security = setup.a.security;
        security.protection = api::Protection::sdes;
        security.suite = srtp::to_string(profile);
        security.local = {{theirs, {}}};
        security.remote = {{own, {}}};
        end.seal_with(make_sealing(profile, own, theirs));
    }

    void use_dtls(api::StreamSetup& setup) const {
        setup.mode = api::Mode::bridge;
        for (auto* leg : {&setup.a, &setup.b}) {
            leg->use_ice = leg->rtcp_mux = true;
            leg->own_ice = {{}, std::string{kPassword}};
            leg->ice = {{"phone", "password-of-the-phone-22"}};
            leg->security.protection = api::Protection::dtls;
            leg->security.fingerprint_hash = identity_.fingerprint().hash;
            leg->security.fingerprint = identity_.fingerprint().value;
        }
    }

    // The client ends every request by itself, at the latest at its deadline.
    template <class Outcome>
    void wait(std::optional<Outcome>& outcome) {
        while (!outcome && io_.run_one() > 0) {
        }
        if (!outcome) throw std::runtime_error{"the worker's client gave no answer"};
        if (!*outcome) throw std::runtime_error{"the worker refused: " + outcome->error().reason};
    }

    static unsigned next_number() {
        static unsigned last = 0;
        return ++last;
    }

    boost::asio::io_context io_;
    api::Client client_;
    unsigned number_ = next_number();
    Legs legs_;
    dtls::Identity identity_;
    unsigned opened_ = 0;
};

}  // namespace

std::unique_ptr<Peer> make_carillon_peer(const std::string& socket, Legs legs) {
    return std::make_unique<CarillonPeer>(socket, legs);
}

}  // namespace carillon::bench
