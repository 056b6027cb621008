#include "signaling/http/divert.h"

#include <map>
#include <mutex>

namespace carillon::http {
namespace {

struct Shared {
    std::mutex mutex;
    std::map<std::uint16_t, Divert> by_port;
};

Shared& shared() {
    static Shared kept;
    return kept;
}

}  // namespace

std::shared_ptr<void> divert_tls_port(std::uint16_t port, Divert divert) {
    const std::lock_guard lock{shared().mutex};
    shared().by_port.insert_or_assign(port, std::move(divert));
    return {nullptr, [port](void*) {
                const std::lock_guard again{shared().mutex};
                shared().by_port.erase(port);
            }};
}

Divert divert_of_tls_port(std::uint16_t port) {
    const std::lock_guard lock{shared().mutex};
    const auto found = shared().by_port.find(port);
    return found == shared().by_port.end() ? Divert{} : found->second;
}

}  // namespace carillon::http
