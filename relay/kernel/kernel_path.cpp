#include "relay/kernel/kernel_path.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "config/base/log.h"
#include "relay/kernel/route.h"
#include "relay/kernel/srtp_keys.h"

// The program, compiled for the kernel (CMakeLists.txt).
asm(".section .rodata\n"
    ".balign 8\n"
    ".global carillon_kernel_program\n"
    "carillon_kernel_program:\n"
    ".incbin \"" CARILLON_KERNEL_OBJECT
    "\"\n"
    ".global carillon_kernel_program_end\n"
    "carillon_kernel_program_end:\n"
    ".previous\n");
extern "C" const std::byte carillon_kernel_program[];
extern "C" const std::byte carillon_kernel_program_end[];

namespace carillon::relay {
namespace {

using namespace std::chrono_literals;

// A worker that hangs or is being replaced must not leave its calls to nobody for long.
constexpr auto kLease = 10s;
constexpr std::uint32_t kPriority = 0xCA11;

std::string why(int error) {
    if (error == EPERM || error == EACCES)
        return std::string{std::strerror(error)} + ": CAP_BPF and CAP_NET_ADMIN are needed";
    return std::strerror(error);
}

carillon_flow_key key_of(const Address& local, const Address& remote) {
    carillon_flow_key key{};
    std::memcpy(key.local, local.ip.data(), local.v6 ? 16 : 4);
    std::memcpy(key.remote, remote.ip.data(), remote.v6 ? 16 : 4);
    key.local_port = htons(local.port);
    key.remote_port = htons(remote.port);
    key.v6 = local.v6 ? 1 : 0;
    return key;
}

/// Index of a device whose packets begin as Ethernet's do.
std::expected<int, std::string> ethernet_device(const std::string& name) {
    ifreq request{};
    if (name.size() >= sizeof request.ifr_name) return std::unexpected{name + ": no such network device"};
    name.copy(request.ifr_name, name.size());
    const int any = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const bool told = any >= 0 && ::ioctl(any, SIOCGIFHWADDR, &request) == 0;
    if (any >= 0) ::close(any);
    if (!told) return std::unexpected{name + ": no such network device; `ip link` lists them"};
    const auto type = request.ifr_hwaddr.sa_family;
    if (type != ARPHRD_ETHER && type != ARPHRD_LOOPBACK)
        return std::unexpected{name + ": not an Ethernet device; leave it out, its media go through the worker"};
    return static_cast<int>(::if_nametoindex(name.c_str()));
}

class LoadedPath final : public KernelPath {
  public:
    ~LoadedPath() override {
        for (const int device : devices_) {
            LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = device, .attach_point = BPF_TC_INGRESS);
            LIBBPF_OPTS(bpf_tc_opts, which, .handle = handle_, .priority = kPriority);
            ::bpf_tc_detach(&hook, &which);
        }
        if (object_) ::bpf_object__close(object_);
        if (changes_ >= 0) ::close(changes_);
    }

    std::expected<void, std::string> load(const KernelPathOptions& options) {
        ::libbpf_set_print([](libbpf_print_level level, const char* format, va_list arguments) {
            std::array<char, 512> text{};
            std::vsnprintf(text.data(), text.size(), format, arguments);
            if (level == LIBBPF_WARN) log::debug("libbpf", {{"says", std::string{text.data()}}});
            return 0;
        });
        object_ = ::bpf_object__open_mem(
            carillon_kernel_program, static_cast<std::size_t>(carillon_kernel_program_end - carillon_kernel_program),
            nullptr);
        if (!object_) return std::unexpected{why(errno)};
        if (auto set = settings(options); !set) return set;
        if (const int error = ::bpf_object__load(object_); error != 0)
            return std::unexpected{"the kernel refuses the program: " + why(-error)};
        map_ = ::bpf_object__find_map_fd_by_name(object_, "flows");
        seals_ = ::bpf_object__find_map_fd_by_name(object_, "seals");
        lease_ = ::bpf_object__find_map_fd_by_name(object_, "lease");
        handle_ = options.first_port;
        return {};
    }

    /// In the place of a predecessor with the same ports, if one was killed.
    std::expected<void, std::string> attach(const std::string& name) {
        const auto device = ethernet_device(name);
        if (!device) return std::unexpected{device.error()};
        LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = *device, .attach_point = BPF_TC_INGRESS);
        if (const int error = ::bpf_tc_hook_create(&hook); error != 0 && error != -EEXIST)
            return std::unexpected{name + ": " + why(-error)};
        const auto* program = ::bpf_object__find_program_by_name(object_, "carillon_forward");
        LIBBPF_OPTS(bpf_tc_opts, how, .prog_fd = ::bpf_program__fd(program), .flags = BPF_TC_F_REPLACE,
                    .handle = handle_, .priority = kPriority);
        if (const int error = ::bpf_tc_attach(&hook, &how); error != 0)
            return std::unexpected{name + ": " + why(-error)};
        devices_.push_back(*device);
        return {};
    }

    void watch_routes() {
        changes_ = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
        sockaddr_nl address{};
        address.nl_family = AF_NETLINK;
        address.nl_groups =
            RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
        if (::bind(changes_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
            log::warning("changes of routes are not seen", {{"why", std::strerror(errno)}});
    }

    std::optional<carillon_flow_key> put(const Way& way, carillon_flow begin, const carillon_srtp* srtp) override {
        auto flow = begin;
        const auto routed = route(way, flow);
        if (!routed) return std::nullopt;
        const auto key = *routed;
        flow.sealed = srtp ? 1 : 0;
        if (srtp && ::bpf_map_update_elem(seals_, &key, srtp, BPF_NOEXIST) != 0) return std::nullopt;
        if (::bpf_map_update_elem(map_, &key, &flow, BPF_NOEXIST) != 0) {
            if (srtp) ::bpf_map_delete_elem(seals_, &key);
            return std::nullopt;
        }
        flows_.fetch_add(1, std::memory_order_relaxed);
        return key;
    }

    bool still_right(const carillon_flow_key& key, const Way& way, const carillon_flow& flow) const override {
        auto again = flow;
        const auto routed = route(way, again);
        return routed && std::memcmp(&*routed, &key, sizeof key) == 0 && std::memcmp(&again, &flow, sizeof flow) == 0;
    }

    std::optional<carillon_flow> read(const carillon_flow_key& key, carillon_srtp* srtp) const override {
        carillon_flow flow;
        if (srtp && ::bpf_map_lookup_elem(seals_, &key, srtp) != 0) return std::nullopt;
        if (::bpf_map_lookup_elem(map_, &key, &flow) != 0) return std::nullopt;
        return flow;
    }

    std::optional<carillon_flow> remove(const carillon_flow_key& key, carillon_srtp* srtp) override {
        carillon_flow flow;
        if (::bpf_map_lookup_and_delete_elem(map_, &key, &flow) != 0) return std::nullopt;
        flows_.fetch_sub(1, std::memory_order_relaxed);
        if (srtp && ::bpf_map_lookup_and_delete_elem(seals_, &key, srtp) != 0) return std::nullopt;
        return flow;
    }

    void beat() override {
        const std::uint32_t only = 0;
        const auto until = std::chrono::steady_clock::now().time_since_epoch() + kLease;
        const std::uint64_t ns = static_cast<std::uint64_t>(std::chrono::nanoseconds{until}.count());
        ::bpf_map_update_elem(lease_, &only, &ns, BPF_ANY);
        std::array<std::byte, 8192> change;
        bool changed = false;
        // ENOBUFS: so many changes that some were not told.
        for (int i = 0; i < 100; ++i) {
            const auto size = ::recv(changes_, change.data(), change.size(), 0);
            if (size <= 0 && errno != ENOBUFS) break;
            changed = true;
        }
        if (changed) generation_.fetch_add(1, std::memory_order_relaxed);
    }

  private:
    /// Fills in where a flow leaves, and answers what it comes by; nullopt: the kernel has no such way.
    static std::optional<carillon_flow_key> route(const Way& way, carillon_flow& flow) {
        if (way.from.v6 != way.to.v6) return std::nullopt;
        const auto back = route_to(way.local, way.from);
        const auto out = route_to(way.source, way.to);
        if (!back || !out) return std::nullopt;
        const auto size = way.to.v6 ? 16u : 4u;
        std::memcpy(flow.source, out->source.ip.data(), size);
        std::memcpy(flow.target, way.to.ip.data(), size);
        flow.source_port = htons(out->source.port);
        flow.target_port = htons(way.to.port);
        flow.device = out->device;
        flow.local = out->local ? 1 : 0;
        flow.mtu = out->mtu;
        return key_of(back->source, way.from);
    }

    std::expected<void, std::string> settings(const KernelPathOptions& options) {
        auto* flows = ::bpf_object__find_map_by_name(object_, "flows");
        auto* seals = ::bpf_object__find_map_by_name(object_, "seals");
        auto* constants = ::bpf_object__find_map_by_name(object_, ".rodata");
        const carillon_kernel_constants told{.settings = {.first_port = options.first_port,
                                                          .last_port = options.last_port,
                                                          .first_ice_port = options.first_ice_port,
                                                          .last_ice_port = options.last_ice_port},
                                             .tables = aes_tables()};
        if (!flows || !seals || !constants || ::bpf_map__set_initial_value(constants, &told, sizeof told) != 0)
            return std::unexpected{"the program in this build is damaged"};
        for (auto* map : {flows, seals}) ::bpf_map__set_max_entries(map, static_cast<std::uint32_t>(options.flows));
        return {};
    }

    bpf_object* object_ = nullptr;
    int map_ = -1;
    int seals_ = -1;
    int lease_ = -1;
    int changes_ = -1;
    std::uint32_t handle_ = 0;
    std::vector<int> devices_;
};

}  // namespace

std::expected<std::shared_ptr<KernelPath>, std::string> KernelPath::open(const KernelPathOptions& options) {
    auto path = std::make_shared<LoadedPath>();
    if (auto loaded = path->load(options); !loaded) return std::unexpected{loaded.error()};
    for (const auto& device : options.devices)
        if (auto attached = path->attach(device); !attached) return std::unexpected{attached.error()};
    path->watch_routes();
    path->beat();
    return path;
}

}  // namespace carillon::relay
