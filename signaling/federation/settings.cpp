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

bool permitted(const Options& options, std::string_view domain) {
    return !listed(options.deny, domain) && (options.allow.empty() || listed(options.allow, domain));
}

}  // namespace carillon::federation
