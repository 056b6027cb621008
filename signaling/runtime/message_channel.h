/// How one shard hands a Message to another. `local` is in-process; `distributed` (several nodes) will be a second
/// implementation chosen by the `deployment` setting. The code on both sides is the same.
/// Spec: docs/signaling.md, ordering: FIFO for each (from, to) pair.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_set>
#include <vector>

#include "signaling/runtime/shard.h"
#include "signaling/xmpp/stanza.h"

namespace carillon::runtime {

struct Message {
    enum class Purpose : std::uint8_t {
        deliver,  ///< the receiver owns the addressee
        answer,   ///< an IQ answer to a question that the receiver asked
        each,     ///< for everybody in `to`, all of whom the receiver owns
    };
    Purpose purpose;
    xmpp::Stanza stanza;
    std::vector<xmpp::Jid> to{};
};
using Messages = std::vector<Message>;

class MessageChannel {
  public:
    virtual ~MessageChannel() = default;
    /// Threading: called on shard `from`; the messages arrive on shard `to`, all at once.
    virtual void send(std::size_t from, std::size_t to, Messages messages) = 0;
    /// Whether so much waits for `to` that readers should stop feeding it for a moment.
    virtual bool congested(std::size_t to) const = 0;
    /// An account of the caller's shard gets behind with what comes for it, or has caught up.
    virtual void crowd(const xmpp::Jid& bare, bool crowded) = 0;
    /// Whether the account of `jid` is behind, so that whoever sends to it should wait. Cheap while nobody is.
    virtual bool crowded(const xmpp::Jid& jid) const = 0;
};

class LocalChannel final : public MessageChannel {
  public:
    using Receiver = std::function<void(Messages)>;
    static constexpr std::size_t kCongestion = 20'000;  ///< messages waiting for one shard

    explicit LocalChannel(std::size_t shards) : ends_(shards) {}
    /// Before the shards start; `receive` runs on `shard`.
    void connect(Shard& shard, Receiver receive);
    void send(std::size_t from, std::size_t to, Messages messages) override;
    bool congested(std::size_t to) const override {
        return ends_[to].waiting.load(std::memory_order_relaxed) > kCongestion;
    }
    void crowd(const xmpp::Jid& bare, bool crowded) override;
    bool crowded(const xmpp::Jid& jid) const override {
        return any_crowded_.load(std::memory_order_relaxed) != 0 && find_crowded(jid);
    }

  private:
    struct End {
        Shard* shard = nullptr;
        Receiver receive;
        std::atomic<std::size_t> waiting{0};
    };
    bool find_crowded(const xmpp::Jid& jid) const;

    std::vector<End> ends_;
    mutable std::mutex crowded_mutex_;
    std::unordered_set<xmpp::Jid> crowded_;
    std::atomic<std::size_t> any_crowded_{0};
};

}  // namespace carillon::runtime
