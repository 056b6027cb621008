/// What an incoming stream has beyond a way in: acknowledgements, and stanzas back.
/// Spec: XEP-0198 §3, §4, XEP-0288.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "config/base/log.h"
#include "signaling/federation/acks.h"
#include "signaling/federation/incoming.h"
#include "signaling/stream/stream_text.h"

namespace carillon::federation {

namespace asio = boost::asio;

namespace {

/// Threading: called on the link's shard; the stream lives on its own.
class WayBack final : public Way {
  public:
    WayBack(const std::shared_ptr<Incoming>& stream, asio::io_context& io, bool secure, bool verified)
        : stream_{stream}, io_{io}, secure_{secure}, verified_{verified} {}

    awaitable<Written> put(std::string text, std::uint32_t count) override {
        const auto stream = stream_.lock();
        if (!stream) co_return Written{};
        auto writing = stream->carry(std::move(text), count);
        co_return co_await asio::co_spawn(io_, std::move(writing), asio::use_awaitable);
    }
    void close() override {
        asio::post(io_, [weak = stream_] {
            if (const auto stream = weak.lock()) stream->stop();
        });
    }
    bool secure() const override { return secure_; }
    bool verified() const override { return verified_; }

  private:
    std::weak_ptr<Incoming> stream_;
    asio::io_context& io_;
    bool secure_;
    bool verified_;
};

}  // namespace

awaitable<Way::Written> Incoming::carry(std::string text, std::uint32_t count) {
    const auto self = shared_from_this();
    if (ended_) co_return Way::Written{};
    co_return co_await stream_.put_stanzas(std::move(text), count, around_.options.write_timeout);
}

/// The first pair that is proved may be answered on the stream.
void Incoming::offer_way(const std::string& local, const std::string& remote) {
    if (!wants_answers_ || way_ || !around_.options.policy(remote).bidi) return;
    auto& socket = stream_.socket();
    way_ = std::make_shared<WayBack>(shared_from_this(), around_.io, socket.is_tls(), certified_.contains(remote));
    way_between_ = {local, remote};
    log::debug("stream goes both ways", {{"local", local}, {"remote", remote}});
    around_.board.offer(local, remote, way_);
}

awaitable<bool> Incoming::manage(const xml::Element& element) {
    const auto& name = element.name();
    if (name == "enable") {
        if (!proved() || stream_.counting()) co_return co_await put(std::string{kEnableFailed});
        received_ = 0;
        co_return co_await stream_.put_and_count(std::string{kEnabled}, around_.options.write_timeout);
    }
    if (name == "resume") co_return co_await put(std::string{kResumeFailed});
    if (!stream_.counting()) {
        co_await fail("unsupported-stanza-type");
        co_return false;
    }
    if (name == "r") co_return co_await put(ack(received_));
    const auto count = name == "a" ? handled_of(element) : std::nullopt;
    if (!count) co_return true;
    if (!plausible(*count, stream_.counted())) {
        co_await fail("undefined-condition", "acknowledges more than was sent");
        co_return false;
    }
    if (way_) around_.board.handled(way_between_.first, way_between_.second, way_, *count);
    co_return true;
}

}  // namespace carillon::federation
