/// music@: a sound file or pipeline again and again, to whoever is put there to wait.
/// Not here: sound (relay/media), Jingle (answering.cpp).
#pragma once
#include <string>
#include <string_view>
#include <utility>

#include "signaling/calls/endpoints/endpoint.h"

namespace carillon::calls {

class MusicEndpoint final : public Endpoint {
  public:
    /// `file`: on the workers' host.
    MusicEndpoint(std::string file, std::size_t calls_per_user)
        : file_{std::move(file)}, calls_per_user_{calls_per_user} {}
    std::string_view name() const override { return "music"; }
    std::string_view title() const override { return "Music"; }
    std::string_view help() const override { return "Call me to hear music for as long as you like."; }
    std::size_t calls_per_user() const override { return calls_per_user_; }
    std::expected<std::unique_ptr<EndpointCall>, xmpp::StanzaError> answer(std::shared_ptr<EndpointLine> line) override;

  private:
    std::string file_;
    std::size_t calls_per_user_;
};

/// What the configuration names: a sound file, or behind "gst:" a URI or pipeline for GStreamer. Never a user's word: a
/// pipeline may do whatever the worker may.
relay::api::Clip configured_clip(const std::string& setting);
/// Empty when it can be that: no sound, a file that is there, or a pipeline; else what is wrong with it.
std::string sound_fault(std::string_view setting);
/// The same as what an end hears.
relay::api::Source play(const std::string& setting, bool loop);

}  // namespace carillon::calls
