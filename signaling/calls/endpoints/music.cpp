#include "signaling/calls/endpoints/music.h"

#include <chrono>
#include <filesystem>
#include <string_view>

namespace carillon::calls {
namespace {

constexpr std::string_view kPipeline = "gst:";

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

std::string sound_fault(std::string_view setting) {
    if (setting.empty()) return {};
    if (setting.starts_with(kPipeline))
        return setting.find_first_not_of(' ', kPipeline.size()) == std::string_view::npos ? "names no pipeline" : "";
    std::error_code error;
    const std::filesystem::path file{setting};
    if (file.is_absolute() && std::filesystem::is_regular_file(file, error)) return {};
    return "is no file that is there, with its whole path";
}

relay::api::Clip configured_clip(const std::string& setting) {
    if (!setting.starts_with(kPipeline)) return {.file = std::filesystem::absolute(setting).string()};
    const auto begin = setting.find_first_not_of(' ', kPipeline.size());
    return {.file = {}, .pipeline = begin == std::string::npos ? std::string{} : setting.substr(begin)};
}

relay::api::Source play(const std::string& setting, bool loop) {
    return {.kind = relay::api::Source::Kind::clips, .clips = {configured_clip(setting)}, .loop = loop};
}

}  // namespace carillon::calls
