/// voicemail@: the box of whoever calls it, and the answer to calls that others did not take.
/// Not here: what is said and heard (leave_call.h, box_call.h).
#pragma once
#include "signaling/calls/endpoints/endpoint.h"
#include "signaling/calls/voicemail/office.h"

namespace carillon::calls {

class VoicemailEndpoint final : public Endpoint {
  public:
    VoicemailEndpoint(std::shared_ptr<VoicemailOffice> office, std::size_t calls_per_user)
        : office_{std::move(office)}, calls_per_user_{calls_per_user} {}
    std::string_view name() const override { return "voicemail"; }
    std::string_view title() const override { return "Voicemail"; }
    std::string_view help() const override { return "Write help."; }
    std::size_t calls_per_user() const override { return calls_per_user_; }
    bool take_message(const xmpp::Stanza& message) override;
    std::expected<std::unique_ptr<EndpointCall>, xmpp::StanzaError> answer(std::shared_ptr<EndpointLine> line) override;

  private:
    std::shared_ptr<VoicemailOffice> office_;
    std::size_t calls_per_user_;
};

}  // namespace carillon::calls
