/// A client for scenarios: one blocking TLS stream, read stanza by stanza with a deadline.
/// Not here: what the stanzas should be (scenario.h).
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include <openssl/ssl.h>

#include "signaling/xml/stream_parser.h"

namespace carillon::scenarios {

/// Threading: one thread.  Failures of the network or the deadline throw std::runtime_error.
class Client {
  public:
    struct Ended {};  ///< the server closed stream or connection

    ~Client() { disconnect(); }

    void connect(std::uint16_t port);
    void start_tls();
    void send(std::string_view text);
    /// Opens a stream and reads the server's opening tag and features.
    xml::Element open_stream(const std::string& domain);
    /// STARTTLS, SASL PLAIN, binding; answers the full JID.
    std::string log_in(std::uint16_t port, const std::string& user, const std::string& domain,
                       const std::string& resource, const std::string& password);

    /// The next top-level event; waiting ends with an exception.
    xml::StreamEvent next_event(std::chrono::milliseconds deadline = std::chrono::seconds{5});
    /// The next element, or Ended.
    std::variant<xml::Element, Ended> next();
    /// The next element; throws when the stream has ended.
    xml::Element expect_element();
    /// Everything up to the answer of a request that nobody handles: what this returns came before it.
    std::vector<xml::Element> drain(const std::string& domain);
    void disconnect();
    /// Of the streams opened from now on.
    void set_language(std::string language) { language_ = std::move(language); }
    /// What the last stream offered.
    const xml::Element& features() const { return features_; }
    bool connected() const { return descriptor_ >= 0; }
    xml::StreamParser& parser() { return parser_; }

  private:
    bool read_more(std::chrono::steady_clock::time_point until);
    void wait(short events, std::chrono::steady_clock::time_point until);

    int descriptor_ = -1;
    SSL_CTX* context_ = nullptr;
    SSL* ssl_ = nullptr;
    xml::StreamParser parser_;
    unsigned barriers_ = 0;
    std::string language_;
    xml::Element features_;
};

}  // namespace carillon::scenarios
