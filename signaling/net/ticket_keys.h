/// The keys that TLS session tickets are sealed with: the same for all hosts, listeners and threads of a process, and
/// for the certificates that a reload brings; new ones every few hours. Spec: RFC 5077 §4 (tickets), RFC 8446 §4.6.1,
/// RFC 7525 §3.4 (keys are to change). Not here: which session may be resumed (tls_context.h).
#pragma once
#include <array>
#include <chrono>
#include <mutex>

struct evp_cipher_ctx_st;
struct evp_mac_ctx_st;
struct ssl_ctx_st;

namespace carillon::net {

/// Threading: any thread.
class TicketKeys {
  public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::chrono::hours kPeriod{8};  ///< after which a new key seals; the one before still opens

    static TicketKeys& of_process();
    /// Has OpenSSL use these keys for a server's context.
    void serve(ssl_ctx_st* context);

    struct Key {
        std::array<unsigned char, 16> name{};
        std::array<unsigned char, 32> cipher{};
        std::array<unsigned char, 32> mac{};
        Clock::time_point made{};
    };
    /// What seals now.
    Key current(Clock::time_point now = Clock::now());
    enum class Found { no, yes, old };  ///< old: the client is to get a new ticket
    Found find(const unsigned char* name, Key& into, Clock::time_point now = Clock::now());

  private:
    void rotate(Clock::time_point now);

    std::mutex mutex_;  // taken once per handshake
    Key now_;
    Key before_;
};

}  // namespace carillon::net
