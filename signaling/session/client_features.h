/// What a client can do, as its caps say: kept with its session for modules that ask.
/// Spec: XEP-0115.
#pragma once
#include <memory>
#include <set>
#include <string>

namespace carillon::session {

/// A slot of the session (Session::slots()); null until the client's caps are known and verified.
struct ClientFeatures {
    std::string ver;
    std::shared_ptr<const std::set<std::string, std::less<>>> features;
    bool has(std::string_view feature) const { return features && features->contains(feature); }
};

}  // namespace carillon::session
