/// Where the program's own pages are found, for links that go out to people.
#pragma once
#include <cstdint>
#include <string>

namespace carillon::runtime {

/// Registered as a service of the process; immutable once modules live.
struct WebAddress {
    std::uint16_t https_port = 0;  ///< 0: no pages over TLS
    std::string base;              ///< what the operator says instead, e.g. https://chat.example.org

    /// Without a slash at the end; empty when there are no pages.
    std::string of(const std::string& domain) const {
        if (!base.empty()) return base.ends_with('/') ? base.substr(0, base.size() - 1) : base;
        if (https_port == 0) return {};
        return "https://" + domain + (https_port == 443 ? std::string{} : ':' + std::to_string(https_port));
    }
};

}  // namespace carillon::runtime
