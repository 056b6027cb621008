/// The controller's captures and recordings.
#include "signaling/calls/tapping.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <filesystem>

#include "config/base/log.h"
#include "signaling/calls/audio_formats.h"
#include "signaling/calls/controller.h"
#include "signaling/calls/endpoints/music.h"

namespace carillon::calls {
namespace {

constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string base64(const std::vector<std::byte>& octets) {
    std::string out;
    for (std::size_t i = 0; i < octets.size(); i += 3) {
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k)
            group = group << 8 | (i + k < octets.size() ? std::to_integer<std::uint32_t>(octets[i + k]) : 0);
        for (std::size_t k = 0; k < 4; ++k) out += i + k <= octets.size() ? kBase64[group >> (18 - 6 * k) & 63] : '=';
    }
    return out;
}

std::string stamp(WallTime time) {
    const auto seconds = std::chrono::system_clock::to_time_t(time);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[32];
    return {text, std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts)};
}

std::string side_name(Side side) { return side == Side::caller ? "caller" : "callee"; }

/// As in a=crypto (RFC 4568 §9.2), so that carillon-replay --key takes it.
void note_keys(const Stream& stream, std::vector<std::string>& notes) {
    for (const auto side : {Side::caller, Side::callee}) {
        const auto& bridge = stream.leg(side).said.bridge;
        if (!bridge || bridge->security.protection != Protection::sdes) continue;
        const auto note = [&](const char* who, const std::vector<relay::api::SrtpKey>& keys) {
            for (const auto& key : keys)
                notes.push_back("stream " + stream.name + ", " + side_name(side) + "'s leg, " + who + " seals with " +
                                bridge->security.suite + " inline:" + base64(key.key_and_salt));
        };
        note("the endpoint", bridge->security.remote);
        note("the relay", bridge->security.local);
    }
}

bool is_audio(const jingle::PayloadType& type) {
    constexpr std::array<std::string_view, 5> kNames{"opus", "pcmu", "pcma", "g722", "l16"};
    std::string name{type.name};
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    return type.id == 0 || type.id == 8 || type.id == 9 || std::ranges::find(kNames, name) != kNames.end();
}

bool is_video(const jingle::PayloadType& type) {
    constexpr std::array<std::string_view, 3> kNames{"vp8", "vp9", "h264"};
    std::string name{type.name};
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    return std::ranges::find(kNames, name) != kNames.end();
}

using Names = std::map<std::uint8_t, std::string>;

/// What each side sends, by the numbers that the other side knows: so packets are between the legs.
void describe_payload(const Stream& stream, Names& from_a, Names& from_b) {
    const auto& bridge = stream.leg(Side::caller).said.bridge;
    const auto numbers = bridge ? bridge->payload_types : std::map<std::uint8_t, std::uint8_t>{};
    for (const auto& each : stream.offered_types) {
        const auto type = named(each);
        const auto offered = static_cast<std::uint8_t>(type.id);
        const auto mapped = numbers.find(offered);
        auto name = type.name + "/" + std::to_string(type.clockrate);
        from_b[offered] = name;
        from_a[mapped == numbers.end() ? offered : mapped->second] = std::move(name);
    }
}

std::string name_of(const relay::api::AudioFormat& format) {
    const unsigned clock = format.codec == "opus" ? 48'000 : format.clock_rate != 0 ? format.clock_rate : 8000;
    return format.codec + "/" + std::to_string(clock);
}

/// Each side speaks in its own codec, by its own numbers.
void describe_transcoded(const relay::api::Program& program, relay::api::RecordingSetup& setup) {
    setup.from_a[program.a.payload_type] = name_of(program.a);
    setup.from_b[program.b.payload_type] = name_of(program.b);
}

constexpr unsigned kToneHertz = 1400;  // as telephones tell of recordings
constexpr std::chrono::milliseconds kToneLength{500};

void describe_announcement(const std::string& announcement, bool transcoded, relay::api::RecordingSetup& setup) {
    if (announcement.empty()) return;
    setup.announcement = announcement == "tone"
                             ? relay::api::Clip{.file = {}, .tone_hz = kToneHertz, .duration = kToneLength}
                             : configured_clip(announcement);
    // What one side is sent is what the other sends, unless the relay speaks to it.
    setup.to_a = transcoded ? setup.from_a : setup.from_b;
    setup.to_b = transcoded ? setup.from_b : setup.from_a;
}

/// The first stream of such types that the relay carries; null: there is none.
template <class Is>
const Stream* carried(const Call& call, Is is) {
    for (const auto& stream : call.streams) {
        if (std::ranges::none_of(stream.offered_types, is)) continue;
        if (stream.open && stream.bridged()) return &stream;
        if (!stream.bundled) continue;
        const auto carrier = std::ranges::find(call.streams, stream.carrier, &Stream::id);
        if (carrier != call.streams.end() && carrier->open && carrier->bridged()) return &stream;
    }
    return nullptr;
}

/// "" when it is there or could be made.
std::string make_folder(const std::string& folder) {
    std::error_code error;
    if (folder.empty() || std::filesystem::is_directory(folder, error)) return {};
    std::filesystem::create_directories(folder, error);
    if (error) return folder + ": " + error.message();
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
    return {};
}

}  // namespace

TapBooks& Controller::books() {
    static TapBooks nowhere;  // a controller of a test
    return books_ ? *books_ : nowhere;
}

Controller::CallPtr Controller::find_id(std::string_view id) const {
    const auto at = std::ranges::find_if(calls_, [&](const auto& entry) { return entry.second->record.id == id; });
    return at == calls_.end() ? nullptr : at->second;
}

std::vector<std::string> Controller::notes_of(const Call& call) {
    return {"call " + call.record.id, "caller " + call.caller.str(), "callee " + call.callee.str(),
            "codecs " + call.record.codecs};
}

bool Controller::capture(std::string_view id, const CaptureWish& wish, const TapDone& done) {
    const auto call = find_id(id);
    if (!call) return false;
    auto* env = environment(*call);
    // Every access is logged, also one that comes to nothing.
    log::warning("call capture asked for", {{"call", call->record.id},
                                            {"by", wish.who},
                                            {"caller", call->caller.str()},
                                            {"callee", call->callee.str()},
                                            {"opened", wish.opened},
                                            {"keys", wish.keys},
                                            {"path", wish.path}});
    const auto refuse = [&](std::string why) {
        ++books().refused;
        done(std::unexpected{std::move(why)});
        return true;
    };
    if (!relay_ || !env || !call->relays())
        return refuse("No relay carries this call: its media goes from end to end.");
    if (wish.keys && !call->bridge) return refuse("The keys of this call are its ends' alone: it is not bridged.");
    relay::api::CaptureSetup setup{.path = wish.path,
                                   .opened = wish.opened,
                                   .snap = wish.snap,
                                   .file_octets = wish.file_octets,
                                   .files = wish.files,
                                   .longest = wish.longest,
                                   .notes = notes_of(*call)};
    for (const auto& stream : call->streams) {
        setup.notes.push_back("stream " + stream.id + " is content " + stream.name);
        if (wish.keys) note_keys(stream, setup.notes);
    }
    if (setup.path.empty()) {
        if (auto why = make_folder(books().captures); !why.empty()) return refuse(std::move(why));
        setup.path = books().captures + "/" + call->record.id + "-" + stamp(env->clock().wall()) + ".pcapng";
    }
    ++books().captures_begun;
    relay_->capture(call->record.id, "capture-" + std::to_string(++call->taps), setup,
                    [self = std::weak_ptr{self_}, call, done](TapAnswer answer) {
                        if (const auto alive = self.lock(); alive && answer) (*alive)->keep(*call);
                        done(std::move(answer));
                    });
    return true;
}

bool Controller::record(std::string_view id, std::string_view who, const TapDone& done) {
    const auto call = find_id(id);
    if (!call) return false;
    const auto tell = [this, done](TapAnswer answer) {
        if (!answer) ++books().refused;
        done(std::move(answer));
    };
    record_call(call, who, tell);
    return true;
}

/// From now on, until it is stopped or the call ends.
void Controller::record_call(const CallPtr& call, std::string_view who, const TapDone& done) {
    auto* env = environment(*call);
    log::warning(
        "call recording asked for",
        {{"call", call->record.id}, {"by", who}, {"caller", call->caller.str()}, {"callee", call->callee.str()}});
    if (!call->bridge)
        return done(std::unexpected{std::string{
            "The media of this call is encrypted from end to end and cannot be recorded; only bridged calls can "
            "(bridge = \"always\" in [module.calls])."}});
    const auto* audio = carried(*call, is_audio);
    if (!relay_ || !env || !audio) return done(std::unexpected{std::string{"The call has no audio at a relay yet."}});
    if (!call->recording.empty()) return done(std::unexpected{std::string{"The call is being recorded already."}});
    if (auto why = make_folder(books().recordings); !why.empty()) return done(std::unexpected{std::move(why)});
    const auto& files = env->settings().recording_files;
    relay::api::RecordingSetup setup{
        .path = books().recordings + "/" + call->record.id + "-" + stamp(env->clock().wall()),
        .legs = files.legs,
        .mixed = files.mixed,
        .notes = {"TITLE=call " + call->record.id, "CALLER=" + call->caller.bare().str(),
                  "CALLEE=" + call->callee.bare().str(), "DATE=" + stamp(env->clock().wall())}};
    const auto carrier_of = [](const Stream& stream) { return stream.bundled ? stream.carrier : stream.id; };
    if (audio->transcoded()) {
        describe_transcoded(audio->program, setup);
    } else {
        describe_payload(*audio, setup.from_a, setup.from_b);
    }
    setup.stream = carrier_of(*audio);
    if (const auto* video = files.video ? carried(*call, is_video) : nullptr) {
        if (video->transcoded()) {
            setup.video_from_a[video->program.video_a.payload_type] = video->program.video_a.codec + "/90000";
            setup.video_from_b[video->program.video_b.payload_type] = video->program.video_b.codec + "/90000";
        } else {
            describe_payload(*video, setup.video_from_a, setup.video_from_b);
        }
        setup.video_stream = carrier_of(*video);
    }
    describe_announcement(files.announcement, audio->transcoded(), setup);
    call->recording = "recording-" + std::to_string(++call->taps);
    ++books().recordings_begun;
    relay_->record(call->record.id, call->recording, setup,
                   [self = std::weak_ptr{self_}, call, done](TapAnswer answer) {
                       if (const auto alive = self.lock()) {
                           if (!answer) call->recording.clear();
                           (*alive)->keep(*call);
                       }
                       done(std::move(answer));
                   });
}

void Controller::record_by_policy(const CallPtr& call) {
    record_call(call, "policy", [self = std::weak_ptr{self_}, call](const TapAnswer& answer) {
        const auto alive = self.lock();
        if (!alive || answer) return;
        ++(*alive)->books().failed;
        log::error("a call that should be recorded is not", {{"call", call->record.id}, {"why", answer.error()}});
    });
}

bool Controller::stop_tap(std::string_view id, std::string_view tap, std::string_view who, const TapDone& done) {
    const auto call = find_id(id);
    if (!call) return false;
    log::info("tap stopped", {{"call", call->record.id}, {"tap", tap}, {"by", who}});
    if (!relay_) {
        done(std::unexpected{std::string{"There is no relay."}});
        return true;
    }
    if (tap == call->recording) call->recording.clear();
    relay_->stop_tap(call->record.id, std::string{tap}, done);
    keep(*call);
    return true;
}

bool Controller::stop_recording(std::string_view id, std::string_view who, const TapDone& done) {
    const auto call = find_id(id);
    if (!call) return false;
    if (call->recording.empty()) {
        done(std::unexpected{std::string{"The call is not being recorded."}});
        return true;
    }
    return stop_tap(id, std::string{call->recording}, who, done);
}

bool Controller::list_taps(std::string_view id, const std::function<void(std::vector<TapStatus>)>& done) const {
    const auto call = find_id(id);
    if (!call) return false;
    if (relay_ && call->relays()) {
        relay_->list_taps(call->record.id, done);
    } else {
        done({});
    }
    return true;
}

void Controller::tap_ended(const std::string& id, const TapStatus& status) {
    books().packets_dropped += status.dropped;
    const auto call = find_id(id);
    if (call && call->recording == status.tap) call->recording.clear();
    if (call) keep(*call);
    std::string files;
    for (const auto& file : status.files) files += (files.empty() ? "" : ", ") + file;
    if (status.failed) {
        ++books().failed;
        log::error("a recording or capture has failed; the call goes on",
                   {{"call", id}, {"kind", status.kind}, {"why", status.reason}, {"files", files}});
        return;
    }
    log::info("a recording or capture has ended", {{"call", id},
                                                   {"kind", status.kind},
                                                   {"why", status.reason},
                                                   {"files", files},
                                                   {"packets", status.packets},
                                                   {"dropped", status.dropped}});
}

}  // namespace carillon::calls
