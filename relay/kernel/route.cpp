#include "relay/kernel/route.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace carillon::relay {
namespace {

struct Descriptor {
    int fd;
    ~Descriptor() {
        if (fd >= 0) ::close(fd);
    }
};

struct Request {
    nlmsghdr head{};
    rtmsg route{};
    std::array<std::byte, 64> attributes{};

    void add(std::uint16_t type, const Address& address) {
        const auto size = static_cast<std::uint16_t>(address.v6 ? 16 : 4);
        auto* at = reinterpret_cast<std::byte*>(this) + NLMSG_ALIGN(head.nlmsg_len);
        const rtattr attribute{.rta_len = static_cast<std::uint16_t>(RTA_LENGTH(size)), .rta_type = type};
        std::memcpy(at, &attribute, sizeof attribute);
        std::memcpy(at + RTA_LENGTH(0), address.ip.data(), size);
        head.nlmsg_len = NLMSG_ALIGN(head.nlmsg_len) + static_cast<std::uint32_t>(RTA_SPACE(size));
    }
};

std::uint32_t mtu_of(std::uint32_t device) {
    ifreq request{};
    if (!::if_indextoname(device, request.ifr_name)) return 0;
    const Descriptor any{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    if (any.fd < 0 || ::ioctl(any.fd, SIOCGIFMTU, &request) != 0) return 0;
    return static_cast<std::uint32_t>(request.ifr_mtu);
}

std::uint32_t metric_mtu(const rtattr* metrics) {
    auto left = static_cast<int>(RTA_PAYLOAD(metrics));
    for (auto* one = static_cast<const rtattr*>(RTA_DATA(metrics)); RTA_OK(one, left); one = RTA_NEXT(one, left)) {
        std::uint32_t value = 0;
        if (one->rta_type == RTAX_MTU && RTA_PAYLOAD(one) >= sizeof value) {
            std::memcpy(&value, RTA_DATA(one), sizeof value);
            return value;
        }
    }
    return 0;
}

}  // namespace

std::optional<Route> route_to(const Address& source, const Address& target) {
    const Descriptor netlink{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)};
    if (netlink.fd < 0) return std::nullopt;
    Request request;
    request.head.nlmsg_len = NLMSG_LENGTH(sizeof(rtmsg));
    request.head.nlmsg_type = RTM_GETROUTE;
    request.head.nlmsg_flags = NLM_F_REQUEST;
    request.route.rtm_family = target.v6 ? AF_INET6 : AF_INET;
    request.route.rtm_dst_len = target.v6 ? 128 : 32;
    request.add(RTA_DST, target);
    if (!source.unspecified()) {
        request.route.rtm_src_len = request.route.rtm_dst_len;
        request.add(RTA_SRC, source);
    }
    if (::send(netlink.fd, &request, request.head.nlmsg_len, 0) < 0) return std::nullopt;
    // The kernel answers before send() returns.
    alignas(nlmsghdr) std::array<std::byte, 4096> answer;
    const auto size = ::recv(netlink.fd, answer.data(), answer.size(), MSG_DONTWAIT);
    const auto* head = static_cast<const nlmsghdr*>(static_cast<const void*>(answer.data()));
    if (size < 0 || !NLMSG_OK(head, static_cast<std::uint32_t>(size)) || head->nlmsg_type != RTM_NEWROUTE)
        return std::nullopt;
    const auto* told = static_cast<const rtmsg*>(NLMSG_DATA(head));
    if (told->rtm_type != RTN_UNICAST && told->rtm_type != RTN_LOCAL) return std::nullopt;
    Route route{.local = told->rtm_type == RTN_LOCAL, .source = source};
    auto left = static_cast<int>(RTM_PAYLOAD(head));
    std::uint32_t path = 0;
    for (auto* one = RTM_RTA(told); RTA_OK(one, left); one = RTA_NEXT(one, left)) {
        if (one->rta_type == RTA_OIF) std::memcpy(&route.device, RTA_DATA(one), sizeof route.device);
        if (one->rta_type == RTA_PREFSRC && source.unspecified())
            std::memcpy(route.source.ip.data(), RTA_DATA(one), std::min<std::size_t>(RTA_PAYLOAD(one), 16));
        if (one->rta_type == RTA_METRICS) path = metric_mtu(one);
    }
    route.mtu = mtu_of(route.device);
    if (path != 0 && path < route.mtu) route.mtu = path;
    if (route.device == 0 || route.mtu == 0 || route.source.unspecified()) return std::nullopt;
    return route;
}

}  // namespace carillon::relay
