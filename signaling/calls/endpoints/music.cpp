#include "signaling/calls/endpoints/music.h"

#include <chrono>

namespace carillon::calls {
namespace {

class MusicCall final : public EndpointCall {
  public:
    explicit MusicCall(std::string file) : file_{std::move(file)} {}
    relay::api::Source source() const override { return play(file_, true); }

  private:
    std::string file_;
};

}  // namespace

std::expected<std::unique_ptr<EndpointCall>, xmpp::StanzaError> MusicEndpoint::answer(std::shared_ptr<EndpointLine>) {
    return std::make_unique<MusicCall>(file_);
}

relay::api::Source play(const std::string& file, bool loop) {
    relay::api::Source source{.kind = relay::api::Source::Kind::clips, .clips = {}, .loop = loop};
    source.clips.push_back({.file = file, .tone_hz = 0, .duration = std::chrono::milliseconds{0}});
    return source;
}

}  // namespace carillon::calls
