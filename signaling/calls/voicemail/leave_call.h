/// A caller who reaches somebody's voicemail: greeting, tone, recording, goodbye.
/// Spec: docs/voicemail.md.
/// Not here: what becomes of the recording (office.h).
#pragma once
#include <memory>

#include "signaling/calls/endpoints/endpoint.h"
#include "signaling/calls/voicemail/office.h"

namespace carillon::calls {

/// `owner`: whose voicemail, bare.
std::unique_ptr<EndpointCall> make_leave_call(std::shared_ptr<EndpointLine> line, std::weak_ptr<VoicemailOffice> office,
                                              xmpp::Jid owner);

}  // namespace carillon::calls
