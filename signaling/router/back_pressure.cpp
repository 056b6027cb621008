/// Senders wait while an addressee's inbox is far behind (runtime/message_channel.h says whose is).
#include <utility>

#include "signaling/router/router.h"

namespace carillon::router {
namespace {

constexpr std::chrono::milliseconds kCrowdPoll{5};
constexpr std::chrono::seconds kHoldUp{10};

}  // namespace

/// `done` waits until the inbox of `bare` has room, so that its senders' streams are read no further
/// and TCP tells the clients. Not for ever: then the inbox refuses.
void Router::hold_up(xmpp::Jid bare, std::function<void()> done) {
    held_up_.add();
    waiting_.push_back({std::move(bare), std::move(done), clock().now() + kHoldUp});
    if (waiting_.size() == 1) watch_crowds();
}

void Router::watch_crowds() {
    crowd_timer_.expires_after(kCrowdPoll);
    crowd_timer_.async_wait([this](auto error) {
        if (error) return;
        const auto now = clock().now();
        for (auto& waiting : std::exchange(waiting_, {})) {
            if (waiting.until > now && environment_.channel->crowded(waiting.bare)) {
                waiting_.push_back(std::move(waiting));
            } else {
                waiting.done();
            }
        }
        if (!waiting_.empty()) watch_crowds();
    });
}

}  // namespace carillon::router
