/// One XMPP client of the load generator: STARTTLS, SCRAM-SHA-1, bind, stream management, roster, presence; then it
/// counts what comes. It trusts the server's syntax, as a generator may: it looks for tags, it does not parse XML.
/// Spec: RFC 6120, RFC 5802, XEP-0198.
#pragma once
#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace carillon::bench {

/// What all clients of one run share.
struct Target {
    std::string host = "127.0.0.1";
    int port = 0;
    std::string domain;
    std::string user_prefix = "u";
    std::string password = "secret";
    bool management = true;  ///< XEP-0198 with resumption
    bool roster = true;      ///< fetched after binding
    bool presence = true;    ///< initial presence sent
};

class Client;

/// Told of what happens to clients; called from within the client's own work.
class Observer {
  public:
    virtual ~Observer() = default;
    virtual void ready(Client&) = 0;
    virtual void message(Client&, std::string_view id) = 0;
    virtual void presence(Client&, std::string_view stanza) = 0;
    virtual void iq(Client&) = 0;
    virtual void lost(Client&, std::string_view why) = 0;
    virtual void has_output(Client&) = 0;  ///< flush() is wanted before the loop waits again
};

/// Threading: the one of its loop.  Owns: the socket and the TLS state.
class Client {
  public:
    Client(const Target& target, SSL_CTX* context, Observer& observer, std::size_t number);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// Begins to connect; false when there is no socket to be had.
    bool connect(int epoll);
    void on_event(std::uint32_t events);
    void send(std::string_view text);
    /// A stanza: it is counted, and now and then an acknowledgement is asked for.
    void send_stanza(std::string_view text);
    void flush();
    /// Says farewell and closes.
    void close();

    bool ready() const { return step_ == Step::ready; }
    std::size_t number() const { return number_; }
    std::string jid() const;
    std::size_t stanzas_in() const { return stanzas_in_; }

  private:
    enum class Step : std::uint8_t {
        connecting,
        plain,
        proceed,
        handshake,
        secure,
        challenge,
        success,
        bound,
        managed,
        rostered,
        ready,
        dead
    };

    void read();
    void take(std::string_view more);
    bool advance();  // one step of the log-in, if what it waits for is there
    bool consume_through(std::string_view tag, std::string* taken = nullptr);
    void stanzas();
    void next_after_bind(Step done);
    void answer_challenge(std::string_view challenge);
    void handshake();
    void open_stream();
    void fail(std::string_view why);
    void want_write(bool on);

    const Target& target_;
    SSL_CTX* context_;
    Observer& observer_;
    std::size_t number_;
    int epoll_ = -1;
    int fd_ = -1;
    SSL* ssl_ = nullptr;
    Step step_ = Step::connecting;
    bool secure_ = false;
    bool writing_ = false;  // EPOLLOUT is wanted
    std::uint32_t stanzas_in_ = 0;
    std::uint32_t stanzas_out_ = 0;
    std::string in_;
    std::string out_;
    std::unique_ptr<std::string> nonce_;
};

}  // namespace carillon::bench
