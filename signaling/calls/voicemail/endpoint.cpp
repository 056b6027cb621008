#include "signaling/calls/voicemail/endpoint.h"

#include "signaling/calls/voicemail/box_call.h"
#include "signaling/calls/voicemail/leave_call.h"

namespace carillon::calls {

bool VoicemailEndpoint::take_message(const xmpp::Stanza& message) {
    office_->take_message(message);
    return true;
}

std::expected<std::unique_ptr<EndpointCall>, xmpp::StanzaError> VoicemailEndpoint::answer(
    std::shared_ptr<EndpointLine> line) {
    const auto callee = line->address().bare();
    if (callee != office_->address()) return make_leave_call(std::move(line), office_, callee);
    if (!office_->serves(line->caller())) return std::unexpected{xmpp::StanzaError::forbidden()};
    return make_box_call(std::move(line), office_);
}

}  // namespace carillon::calls
