/// A stream on which the stanzas of a pair of domains go to the other server: one that was opened here, or one that the
/// other server opened and takes answers on.
/// Spec: XEP-0288 (bidirectional streams), XEP-0198 §4 (counting).
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>

namespace carillon::federation {

/// Threading: the link's shard, wherever the stream itself lives.
class Way {
  public:
    struct Written {
        bool done = false;         ///< false: the stream is over
        bool counted = false;      ///< the other server acknowledges what it gets
        std::uint32_t number = 0;  ///< of the last stanza, as the stream counts
    };

    virtual ~Way() = default;
    /// `count` whole stanzas. One call at a time.
    virtual boost::asio::awaitable<Written> put(std::string text, std::uint32_t count) = 0;
    virtual void close() = 0;
    virtual bool secure() const = 0;
    virtual bool verified() const = 0;
};

/// Where streams that go both ways are offered to the links of their domains. Threading: any thread.
class WayBoard {
  public:
    virtual ~WayBoard() = default;
    virtual void offer(const std::string& local, const std::string& remote, std::shared_ptr<Way> way) = 0;
    virtual void lost(const std::string& local, const std::string& remote, std::shared_ptr<Way> way) = 0;
    virtual void handled(const std::string& local, const std::string& remote, std::shared_ptr<Way> way,
                         std::uint32_t count) = 0;
};

}  // namespace carillon::federation
