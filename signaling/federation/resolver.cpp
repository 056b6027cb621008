#include "signaling/federation/resolver.h"

#include <arpa/nameser.h>
#include <netdb.h>
#include <resolv.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>

#include "signaling/xmpp/ascii_domain.h"

namespace carillon::federation {

namespace {

constexpr std::uint16_t kPort = 5269;
constexpr std::uint16_t kTlsPort = 5270;
constexpr std::size_t kMostTargets = 12;

struct Resolver {
    Resolver() {
        ok = ::res_ninit(&state) == 0;
        state.retrans = 2;
        state.retry = 2;
    }
    ~Resolver() {
        if (ok) ::res_nclose(&state);
    }
    struct __res_state state{};
    bool ok = false;
    bool unanswered = false;  // some question was
};

/// False: the domain says that it has no such service.
bool query_srv(Resolver& resolver, const std::string& name, bool direct_tls, std::vector<Service>& into) {
    std::array<unsigned char, 8192> answer{};
    if (!resolver.ok) return true;
    const int length = ::res_nquery(&resolver.state, name.c_str(), ns_c_in, ns_t_srv, answer.data(), answer.size());
    ns_msg message;
    if (length < 0 && resolver.state.res_h_errno == TRY_AGAIN) resolver.unanswered = true;
    if (length < 0 || ::ns_initparse(answer.data(), length, &message) != 0) return true;
    const int count = ns_msg_count(message, ns_s_an);
    for (int i = 0; i < count; ++i) {
        ns_rr record;
        if (::ns_parserr(&message, ns_s_an, i, &record) != 0 || ns_rr_type(record) != ns_t_srv) continue;
        const auto* data = ns_rr_rdata(record);
        if (ns_rr_rdlen(record) < 7) continue;
        char host[NS_MAXDNAME];
        if (::dn_expand(ns_msg_base(message), ns_msg_end(message), data + 6, host, sizeof host) < 0) continue;
        const auto number = [&](int at) { return static_cast<std::uint16_t>(data[at] << 8 | data[at + 1]); };
        if (std::string_view{host} == "." || host[0] == '\0') return count != 1;
        into.push_back({host, number(4), number(0), number(2), direct_tls});
    }
    return true;
}

/// False: the DNS did not answer.
bool add_addresses(const Service& service, std::vector<Target>& into) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int failure = ::getaddrinfo(service.host.c_str(), std::to_string(service.port).c_str(), &hints, &found);
    if (failure != 0) return failure != EAI_AGAIN;
    for (const auto* at = found; at && into.size() < kMostTargets; at = at->ai_next) {
        boost::asio::ip::tcp::endpoint endpoint;
        if (at->ai_addrlen > endpoint.capacity()) continue;
        std::memcpy(endpoint.data(), at->ai_addr, at->ai_addrlen);
        endpoint.resize(at->ai_addrlen);
        into.push_back({endpoint, service.direct_tls});
    }
    ::freeaddrinfo(found);
    return true;
}

}  // namespace

void order_services(std::vector<Service>& services, std::mt19937& chance) {
    std::ranges::stable_sort(services, {}, &Service::priority);
    for (auto first = services.begin(); first != services.end();) {
        auto last = std::find_if(first, services.end(), [&](const auto& s) { return s.priority != first->priority; });
        for (auto next = first; next != last; ++next) {
            const auto sum =
                std::accumulate(next, last, 0u, [](unsigned all, const auto& s) { return all + s.weight; });
            auto dart = std::uniform_int_distribution<unsigned>{0, sum}(chance);
            auto chosen = next;
            while (std::next(chosen) != last && dart > chosen->weight) dart -= (chosen++)->weight;
            std::rotate(next, chosen, std::next(chosen));
        }
        first = last;
    }
}

Service parse_target(std::string_view text) {
    Service out;
    if (text.starts_with("tls://")) {
        out.direct_tls = true;
        text.remove_prefix(6);
    }
    out.port = out.direct_tls ? kTlsPort : kPort;
    const auto bracket = text.starts_with('[') ? text.find(']') : std::string_view::npos;
    const auto colon = text.find(':', bracket == text.npos ? 0 : bracket);
    const bool bare_v6 = bracket == text.npos && colon != text.npos && text.find(':', colon + 1) != text.npos;
    if (colon != text.npos && !bare_v6) {
        std::from_chars(text.data() + colon + 1, text.data() + text.size(), out.port);
        text = text.substr(0, colon);
    }
    if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
    out.host = text;
    return out;
}

LookedUp look_up(const std::string& domain, const std::map<std::string, std::string, std::less<>>& fixed) {
    LookedUp found;
    if (const auto at = fixed.find(domain); at != fixed.end()) {
        found.unanswered = !add_addresses(parse_target(at->second), found.targets);
        return found;
    }
    Resolver resolver;
    std::vector<Service> services;
    const auto name = xmpp::ascii_domain(domain);
    const bool direct = query_srv(resolver, "_xmpps-server._tcp." + name, true, services);
    const bool starttls = query_srv(resolver, "_xmpp-server._tcp." + name, false, services);
    if (services.empty()) {
        if (!direct || !starttls) return found;  // RFC 2782: decidedly not available
        services.push_back({name, kPort, 0, 0, false});
    }
    static thread_local std::mt19937 chance{std::random_device{}()};
    order_services(services, chance);
    found.unanswered = resolver.unanswered;
    for (const auto& service : services) {
        if (!add_addresses(service, found.targets)) found.unanswered = true;
    }
    return found;
}

}  // namespace carillon::federation
