#include "signaling/federation/settings.h"

#include <algorithm>

namespace carillon::federation {

namespace {

bool covers(std::string_view entry, std::string_view domain) {
    return domain == entry ||
           (domain.size() > entry.size() && domain.ends_with(entry) && domain[domain.size() - entry.size() - 1] == '.');
}

bool listed(const std::vector<std::string>& list, std::string_view domain) {
    return std::ranges::any_of(list, [&](const auto& entry) { return covers(entry, domain); });
}

}  // namespace

const DomainPolicy& Options::policy(std::string_view domain) const {
    for (auto rest = domain; !domains.empty() && !rest.empty();) {
        if (const auto at = domains.find(rest); at != domains.end()) return at->second;
        const auto dot = rest.find('.');
        rest = dot == rest.npos ? std::string_view{} : rest.substr(dot + 1);
    }
    return general;
}

bool permitted(const Options& options, std::string_view domain) {
    return !listed(options.deny, domain) && (options.allow.empty() || listed(options.allow, domain));
}

}  // namespace carillon::federation
