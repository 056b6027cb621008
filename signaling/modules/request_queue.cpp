#include "signaling/modules/request_queue.h"

#include "signaling/storage/storage.h"

namespace carillon::modules {

using xmpp::StanzaError;

void RequestQueue::push(xmpp::Stanza request) {
    if (waiting_.size() >= kMax) return context_.reply_error(request, StanzaError::resource_constraint());
    waiting_.push_back(std::move(request));
    if (!std::exchange(working_, true)) context_.spawn(work());
}

runtime::awaitable<void> RequestQueue::work() {
    while (!waiting_.empty()) {
        const auto request = std::move(waiting_.front());
        waiting_.pop_front();
        bool failed = false;
        try {
            co_await answer_(request);
        } catch (const storage::StorageError&) {
            failed = true;
        }
        if (failed) context_.reply_error(request, StanzaError::internal_server_error());
    }
    working_ = false;
}

}  // namespace carillon::modules
