/// IQ requests that the server itself asked and waits to have answered.
/// Spec: RFC 6120 §8.2.3 (every get or set is answered), §8.1.3 (id).
/// Not here: how the answer finds its way back to this shard (router.h).
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "signaling/runtime/liveness.h"
#include "signaling/xmpp/stanza.h"

namespace carillon::router {

/// Threading: its shard.
class Questions {
  public:
    using Answered = std::function<void(std::optional<xmpp::Stanza>)>;
    static constexpr std::size_t kLimit = 20'000;

    Questions(boost::asio::io_context& io, std::size_t shard) : io_{io}, shard_{shard} {}

    /// Gives the request an id that names this shard and remembers it. When too many wait already, `done` is called
    /// with nothing at once (by post) and the answer is false: do not send.
    bool ask(xmpp::Stanza& iq, std::chrono::milliseconds deadline, std::shared_ptr<runtime::Liveness> owner,
             Answered done);
    /// True: it was the answer to a question of ours and has been handed over.
    bool answer(xmpp::Stanza& iq);
    /// The shard that asked, when `id` is one of our making.
    static std::optional<std::size_t> shard_of(std::string_view id, std::size_t shards);
    std::size_t waiting() const { return open_.size(); }

  private:
    struct Question {
        xmpp::Jid asked;
        std::shared_ptr<runtime::Liveness> owner;
        Answered done;
        std::unique_ptr<boost::asio::steady_timer> timer;
    };

    boost::asio::io_context& io_;
    std::size_t shard_;
    std::unordered_map<std::string, Question> open_;
};

}  // namespace carillon::router
