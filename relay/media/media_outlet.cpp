#include "relay/media/media_outlet.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace carillon::relay {

MediaOutlet::MediaOutlet() {
    port_.fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    port_.service = this;
    if (port_.fd < 0) throw std::system_error{errno, std::system_category(), "eventfd"};
}

MediaOutlet::~MediaOutlet() { ::close(port_.fd); }

void MediaOutlet::ready(Port& port, std::uint32_t, SteadyTime now) {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto read = ::read(port.fd, &count, sizeof count);
    std::uint64_t sent = 0;
    const auto send_one = [&](const Decision& decision) {
        if (send(decision, {buffer_.data(), decision.size})) ++sent;
    };
    for (auto* stream : streams_) stream->pass_made(buffer_, now, send_one);
    sent_.fetch_add(sent, std::memory_order_relaxed);
}

}  // namespace carillon::relay
