/// One BOSH session: requests in the order of their rids on one side, a stream by a pipe on the other.
/// Spec: XEP-0124 §8 to §17, XEP-0206.
/// To the stream it is a WebSocket client (RFC 7395), and one that acknowledges (XEP-0198): what an answer carried
/// counts as delivered once the client shows that it has it, so nothing is lost with the session. Clients see no
/// XEP-0198: BOSH has acknowledgements and resumption of its own. Not here: HTTP (manager.h), the texts (body.h).
#pragma once
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "signaling/bosh/body.h"
#include "signaling/net/pipe.h"

namespace carillon::bosh {

/// What client and server agree on when a session begins.
struct Terms {
    std::chrono::seconds wait{60};
    std::uint64_t hold = 1;
    std::uint64_t requests = 2;
    std::chrono::seconds inactivity{60};
    std::chrono::seconds polling{5};
    std::chrono::seconds maxpause{120};
};

/// Threading: the HTTP server's.
/// Bounded: `requests` bodies that wait, as many answers kept for retransmission, 64 KiB towards the client beyond
/// which the stream is read no further.
class Session : public std::enable_shared_from_this<Session> {
  public:
    using Ended = std::function<void(const std::string& sid)>;

    Session(boost::asio::io_context& io, net::PipeEnd stream, std::string sid, Terms terms, Ended ended);
    ~Session();

    /// The first request; it has a rid, and `to`.
    boost::asio::awaitable<std::string> create(Body body, std::uint64_t connection);
    /// Another one, with a rid. `connection`: which TCP connection it came by.
    boost::asio::awaitable<std::string> request(Body body, std::uint64_t connection);
    bool encrypted() const { return stream_.encrypted; }
    /// The server goes.
    void stop();

  private:
    using Clock = std::chrono::steady_clock;

    /// A request that has not been answered.
    struct Exchange {
        Exchange(boost::asio::io_context& io, std::uint64_t number, std::uint64_t by, Clock::time_point end)
            : rid{number}, connection{by}, until{end}, timer{io} {}
        std::uint64_t rid;
        std::uint64_t connection;
        Clock::time_point until;
        boost::asio::steady_timer timer;
        std::optional<std::string> answer;
    };
    using ExchangePtr = std::shared_ptr<Exchange>;
    struct Waiting {
        Body body;
        ExchangePtr exchange;
    };
    /// An answer that has been given.
    struct Answer {
        std::uint64_t rid;
        std::uint64_t connection;
        std::string text;
        std::uint32_t stanzas;  // up to and with it
        bool confirmed = false;
    };

    // Requests, from session.cpp.
    boost::asio::awaitable<std::string> wait_for_answer(ExchangePtr exchange);
    void accept(Body body, const ExchangePtr& exchange);
    void accept_again(const ExchangePtr& exchange);
    void work();
    void process(Body body, ExchangePtr exchange);
    bool key_fits(const Body& body);
    bool too_fast(const Body& body);
    void confirm(const Body& body, std::uint64_t connection);
    void acknowledge();
    void to_stream(Body body);
    void open_stream();

    // Answers, from session_answers.cpp.
    void respond();
    void answer_oldest();
    void give(const ExchangePtr& exchange, std::string text);
    void finish(const ExchangePtr& exchange, std::string text);
    void terminate(std::string_view condition, const ExchangePtr& last = {});
    void over(std::string text);
    void watch_inactivity();

    // The stream's side, from session_stream.cpp.
    void send_frame(std::string_view text);
    void push();
    void pull();
    bool take_frame();
    void take(std::string_view text);
    void take_features(std::string_view text);
    void arm_reading();

    boost::asio::io_context& io_;
    net::PipeEnd stream_;
    std::string sid_;
    Terms terms_;
    Ended ended_;
    boost::asio::steady_timer inactivity_;

    std::string to_;
    std::string from_;
    std::string language_;
    std::string version_;
    std::string key_;  // that the next one must hash to; empty: no sequence

    std::uint64_t processed_ = 0;  // highest rid
    std::map<std::uint64_t, Waiting> waiting_;
    std::deque<ExchangePtr> held_;  // processed, oldest first
    std::deque<Answer> answers_;
    std::optional<Clock::time_point> last_poll_;
    unsigned quick_polls_ = 0;
    bool answered_empty_ = false;
    std::chrono::seconds pause_{0};

    std::string outbox_;  // what the pipe does not take yet
    std::string inbox_;   // part of a frame
    std::string queue_;   // elements for the client
    std::string error_;   // stream error, the stream's last word
    std::string condition_;
    std::string stream_id_;
    std::uint32_t stanzas_ = 0;    // of queue_ and before
    std::uint32_t answered_ = 0;   // of them in answers
    std::uint32_t confirmed_ = 0;  // that the client surely has
    bool enabling_ = false;        // XEP-0198 is asked for
    bool managed_ = false;         // and granted
    bool creating_ = true;         // the first answer is still due
    bool closing_ = false;         // the client has said farewell
    bool stream_over_ = false;
    bool over_ = false;
    bool armed_ = false;  // waiting for the stream to say something
};

}  // namespace carillon::bosh
