/// echo@: the caller hears a greeting where there is one, then itself, and is told afterwards how good the call was.
/// Not here: sound (relay/media), Jingle (answering.cpp).
#pragma once
#include <string>
#include <utility>

#include "signaling/calls/endpoints/endpoint.h"

namespace carillon::calls {

class EchoEndpoint final : public Endpoint {
  public:
    /// `greeting`: a sound file on the workers' host; empty: none.
    explicit EchoEndpoint(std::size_t calls_per_user, std::string greeting = {})
        : calls_per_user_{calls_per_user}, greeting_{std::move(greeting)} {}
    std::string_view name() const override { return "echo"; }
    std::string_view title() const override { return "Echo test"; }
    std::string_view help() const override {
        return "Call me to hear yourself. When you hang up I tell you how good the call was.";
    }
    bool returns_video() const override { return true; }
    std::size_t calls_per_user() const override { return calls_per_user_; }
    std::expected<std::unique_ptr<EndpointCall>, xmpp::StanzaError> answer(std::shared_ptr<EndpointLine> line) override;

  private:
    std::size_t calls_per_user_;
    std::string greeting_;
};

/// The figures for people, one line each.
std::string describe(const EndpointFigures& figures);
/// The same as a form (XEP-0004) of the type urn:carillon:call-figures.
xml::Element figures_form(const EndpointFigures& figures);

}  // namespace carillon::calls
