#include "config/base/worker_address.h"

#include <charconv>
#include <filesystem>

namespace carillon {
namespace {

constexpr std::string_view kTls = "tls://";

std::optional<std::uint16_t> parse_port(std::string_view text) {
    unsigned port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc{} || end != text.data() + text.size() || port < 1 || port > 65535) return std::nullopt;
    return static_cast<std::uint16_t>(port);
}

/// "host:port" or "[IPv6]:port".
std::optional<WorkerAddress> parse_endpoint(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == text.npos) return std::nullopt;
    const auto port = parse_port(text.substr(colon + 1));
    auto host = text.substr(0, colon);
    const bool bracketed = host.starts_with('[') && host.ends_with(']');
    if (bracketed) host = host.substr(1, host.size() - 2);
    if (!port || host.empty() || host.contains('/') || (!bracketed && host.contains(':'))) return std::nullopt;
    return WorkerAddress{.path = {}, .host = std::string{host}, .port = *port};
}

}  // namespace

std::optional<WorkerAddress> parse_worker_address(std::string_view text) {
    if (text.empty()) return std::nullopt;
    if (text.starts_with(kTls)) return parse_endpoint(text.substr(kTls.size()));
    return WorkerAddress{.path = std::string{text}, .host = {}, .port = 0};
}

std::string worker_name(std::string_view address) {
    if (address.starts_with(kTls)) return std::string{address.substr(kTls.size())};
    return std::filesystem::path{address}.stem().string();
}

}  // namespace carillon
