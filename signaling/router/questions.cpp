#include "signaling/router/questions.h"

#include <openssl/rand.h>

#include <boost/asio/post.hpp>

#include <charconv>

namespace carillon::router {

namespace {
constexpr std::string_view kPrefix = "crl-";  // then the shard, a dash, 16 random hex digits

std::string make_id(std::size_t shard) {
    unsigned char random[8];
    RAND_bytes(random, sizeof random);
    std::string id = std::string{kPrefix} + std::to_string(shard) + '-';
    for (const auto byte : random) {
        id += "0123456789abcdef"[byte >> 4];
        id += "0123456789abcdef"[byte & 15];
    }
    return id;
}
}  // namespace

bool Questions::ask(xmpp::Stanza& iq, std::chrono::milliseconds deadline, std::shared_ptr<runtime::Liveness> owner,
                    Answered done) {
    if (open_.size() >= kLimit) {
        boost::asio::post(io_, [done = std::move(done), owner = std::move(owner)] {
            if (!owner->dead) done(std::nullopt);
        });
        return false;
    }
    auto id = make_id(shard_);
    iq.element().set("id", id);
    auto timer = std::make_unique<boost::asio::steady_timer>(io_, deadline);
    timer->async_wait([this, id](auto error) {
        if (error) return;
        auto late = open_.extract(id);
        if (late && !late.mapped().owner->dead) late.mapped().done(std::nullopt);
    });
    open_.emplace(std::move(id), Question{iq.to(), std::move(owner), std::move(done), std::move(timer)});
    return true;
}

bool Questions::answer(xmpp::Stanza& iq) {
    const auto at = open_.find(std::string{iq.id()});
    if (at == open_.end()) return false;
    // RFC 6120 §8.1.2: only who was asked may answer. A server may answer for a bare JID's resource with an error.
    if (iq.from() != at->second.asked) return false;
    auto question = std::move(at->second);
    open_.erase(at);
    question.timer->cancel();
    if (!question.owner->dead) question.done(std::move(iq));
    return true;
}

std::optional<std::size_t> Questions::shard_of(std::string_view id, std::size_t shards) {
    if (!id.starts_with(kPrefix)) return std::nullopt;
    id.remove_prefix(kPrefix.size());
    std::size_t shard = 0;
    const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), shard);
    if (error != std::errc{} || end == id.data() + id.size() || *end != '-' || shard >= shards) return std::nullopt;
    return shard;
}

}  // namespace carillon::router
