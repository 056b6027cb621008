/// One event loop and its thread. All state of a bare JID lives on the shard that owns it, so nothing there is locked.
/// Not here: what runs on it (virtual_host.h, router/, session/, stream/).
#pragma once
#include <cstddef>
#include <functional>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "signaling/xmpp/jid.h"

namespace carillon::runtime {

/// Threading: post() from anywhere; everything else from the thread that made it, except here().
class Shard {
  public:
    explicit Shard(std::size_t index) : index_{index}, work_{boost::asio::make_work_guard(io_)} {}
    Shard(const Shard&) = delete;
    Shard& operator=(const Shard&) = delete;
    ~Shard() { stop(); }

    void start();
    /// Ends the loop at once and joins the thread; what was posted and not run is dropped.
    void stop();

    std::size_t index() const { return index_; }
    boost::asio::io_context& io() { return io_; }
    /// Runs `work` on this shard; FIFO among calls from one thread.
    template <class F>
    void post(F&& work) {
        boost::asio::post(io_, std::forward<F>(work));
    }
    /// Whether the caller is on this shard.
    bool here() const { return std::this_thread::get_id() == thread_.get_id(); }

  private:
    std::size_t index_;
    boost::asio::io_context io_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    std::thread thread_;
};

/// The hash that places a bare JID: on shards (modulo their count) and, in a cluster, on nodes.
inline std::size_t owner_hash(const xmpp::Jid& jid) {
    const std::string_view all{jid.str()};
    const auto resource = jid.resource().size();
    return std::hash<std::string_view>{}(jid.is_bare() ? all : all.substr(0, all.size() - resource - 1));
}

}  // namespace carillon::runtime
