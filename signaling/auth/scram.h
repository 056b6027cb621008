/// SCRAM keys and the server's half of a SCRAM exchange.
/// Spec: RFC 5802, RFC 7677 (SHA-256), RFC 9266 (tls-exporter), RFC 5929 §3 (tls-unique), §4 (tls-server-end-point).
/// GNU SASL derives the keys and prepares strings.  Its server side is not used: version 2.2 knows no
/// tls-server-end-point and asks for keys synchronously, where ours come from storage.
#pragma once
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "signaling/storage/scram_keys.h"

namespace carillon::auth {

/// What binds the exchange to the TLS channel below it; empty where the channel has none.
struct ChannelBindings {
    std::optional<std::string> tls_exporter;          ///< TLS 1.3
    std::optional<std::string> tls_server_end_point;  ///< hash of the server's certificate
    std::optional<std::string> tls_unique;            ///< TLS 1.2
    bool any() const { return tls_exporter || tls_server_end_point || tls_unique; }
};

/// Keys for a new password; `mechanism` is SCRAM-SHA-1 or SCRAM-SHA-256. Fails when SASLprep forbids the password.
std::expected<storage::ScramKeys, std::string> make_scram_keys(std::string_view password, std::string_view mechanism,
                                                               std::uint32_t iterations);
/// Keys with a given salt (binary): for published vectors.
std::expected<storage::ScramKeys, std::string> make_scram_keys(std::string_view password, std::string_view mechanism,
                                                               std::uint32_t iterations, std::string_view salt);
/// What is kept of a new password: keys for each mechanism, 10,000 hashes each, so run it on a pool.
std::expected<std::vector<storage::ScramKeys>, std::string> make_all_scram_keys(std::string_view password);
/// Whether the password gives these keys. Costs `iterations` hashes: run it on the blocking pool.
bool password_matches(std::string_view password, const storage::ScramKeys& keys);

/// What a user who does not exist gets: a salt that is the same each time, and keys that no password has.
storage::ScramKeys decoy_keys(std::string_view server_secret, std::string_view user, std::string_view mechanism,
                              std::uint32_t iterations);

/// One exchange. Threading: one thread at a time.
class ScramServer {
  public:
    enum class Fault { malformed, channel_binding, not_authorized };

    /// `plus`: the mechanism's name ends in -PLUS. `plus_offered`: the server had offered one.
    ScramServer(std::string_view mechanism, bool plus, bool plus_offered, ChannelBindings bindings);

    struct First {
        std::string username;  ///< unescaped, not prepared
        std::string authzid;
    };
    /// Takes the client-first-message.
    std::expected<First, Fault> client_first(std::string_view message);
    /// The server-first-message. `nonce` is ours, printable without commas. `extensions`: further attributes.
    std::string server_first(storage::ScramKeys keys, std::string_view nonce, std::string_view extensions = {});
    /// Takes the client-final-message; answers the server-final-message.
    std::expected<std::string, Fault> client_final(std::string_view message);

  private:
    std::string hash_name_;
    bool plus_;
    bool plus_offered_;
    ChannelBindings bindings_;
    storage::ScramKeys keys_;
    std::string gs2_header_;
    std::string cbind_data_;
    std::string first_bare_;
    std::string client_nonce_;
    std::string nonce_;
    std::string server_first_;
};

}  // namespace carillon::auth
