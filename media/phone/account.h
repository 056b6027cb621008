/// The phone's XMPP stream: log-in, stanzas in and out, requests with deadlines. On libstrophe.
/// Spec: RFC 6120; XEP-0077 for register_account().
/// Not here: what the stanzas mean (endpoint.h).
#pragma once
#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "config/base/secret.h"
#include "media/phone/element.h"

namespace carillon::phone {

struct AccountOptions {
    std::string jid;  ///< bare, or with the resource to ask for
    Secret password;
    std::string host;  ///< empty: DNS SRV of the domain
    std::uint16_t port = 0;
    bool direct_tls = false;
    std::string trust;      ///< a PEM file to trust besides the system's
    bool insecure = false;  ///< any certificate will do
    std::chrono::milliseconds timeout{15000};
};

/// The bare part of a JID.
std::string bare(const std::string& jid);
std::string domain_of(const std::string& jid);

/// The defined condition of a stanza of type error, "undefined-condition" when it names none.
std::string condition_of(const Element& stanza);

/// Threading: the thread that made it; callbacks come from within poll(), connect() and close().
/// Owns: the libstrophe context and connection.
class Account {
  public:
    using Reply = std::function<void(const std::expected<Element, std::string>& result)>;  ///< or the error condition
    using Status = std::expected<void, std::string>;

    explicit Account(AccountOptions options);
    ~Account();
    Account(const Account&) = delete;
    Account& operator=(const Account&) = delete;

    Status connect();           ///< blocks until bound, or the time-out
    Status register_account();  ///< XEP-0077 on a stream of its own; blocks. Then connect() with another Account
    void close();

    void on_stanza(std::function<void(const Element&)> handler);  ///< everything that is no answer to request()
    void send(const Element& stanza);
    void send_now(const Element& stanza);  ///< passes by what hold() keeps back
    void hold();                           ///< from here on send() and request() wait ...
    void release();                        ///< ... until here
    /// Sends an IQ under an id of its own. The answer, or "timeout", or "disconnected", comes exactly once.
    void request(Element iq, Reply reply, std::chrono::milliseconds timeout = std::chrono::seconds{10});
    void poll(std::chrono::milliseconds wait);

    bool connected() const;
    const std::string& jid() const;   ///< the full JID the server bound
    std::string server_host() const;  ///< where the stream goes, as given or the domain
    const AccountOptions& options() const;

  private:
    struct Native;
    std::unique_ptr<Native> native_;
};

}  // namespace carillon::phone
