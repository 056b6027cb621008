/// A user who calls their own voicemail: 1 next, 2 again, 3 delete, * back, 9 greeting, 0 the usual greeting, #
/// goodbye. Spec: docs/voicemail.md.
#pragma once
#include <memory>

#include "signaling/calls/endpoints/endpoint.h"
#include "signaling/calls/voicemail/office.h"

namespace carillon::calls {

std::unique_ptr<EndpointCall> make_box_call(std::shared_ptr<EndpointLine> line, std::weak_ptr<VoicemailOffice> office);

}  // namespace carillon::calls
