/// What a request of the control contract must satisfy before anything is done for it.
/// Spec: docs/relay-control.md; RFC 8445 §5.3 (lengths of ICE credentials).
#pragma once
#include <string>

#include "control.pb.h"

namespace carillon::relay {

/// Empty when the request can be used; else what is wrong with it.
std::string fault_in(const api::proto::OpenStream& request);
std::string fault_in(const api::proto::LegSetup& setup);

api::proto::Reply refuse(api::proto::Refusal refusal, std::string reason);

}  // namespace carillon::relay
