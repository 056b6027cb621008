#include "media/record/call_recorder.h"

#include <algorithm>
#include <utility>

namespace carillon::record {
namespace {

constexpr std::int64_t kFrameNs = 20'000'000;
constexpr std::uint64_t kFrame48 = 960;
constexpr std::uint64_t kQuiet = 48'000;  // a second without Opus: the file gets its silence

}  // namespace

std::expected<std::unique_ptr<CallRecorder>, std::string> CallRecorder::create(const RecorderOptions& options) {
    std::unique_ptr<CallRecorder> made{new CallRecorder};
    if (options.legs) {
        if (auto done = made->open(options, "caller", made->sides_[0].file); !done)
            return std::unexpected{done.error()};
        if (auto done = made->open(options, "callee", made->sides_[1].file); !done)
            return std::unexpected{done.error()};
    }
    if (options.mixed)
        if (auto done = made->open(options, "mixed", made->mixed_); !done) return std::unexpected{done.error()};
    for (std::size_t i = 0; i < 2; ++i) {
        auto& side = made->sides_[i];
        side.track.emplace(options.names[i], side.file ? &*side.file : nullptr, side.line, options.mixed);
        if (!options.video[i].empty()) made->add_video(options, i);
    }
    if (options.resumed.count() > 0) made->go_on_from(options.resumed);
    made->share_sound(options);
    return made;
}

std::expected<void, std::string> CallRecorder::open(const RecorderOptions& options, const char* which,
                                                    std::optional<OggOpusWriter>& out) {
    OggOpusOptions ogg{.input_rate = PcmLine::kRate, .comments = options.comments, .most_octets = options.file_octets};
    ogg.comments.emplace_back("PART", which);
    const auto path = options.path + "-" + which + ".opus";
    std::expected<OggOpusWriter, std::string> writer{std::unexpect};
    if (options.resumed.count() > 0) writer = OggOpusWriter::resume(path, options.file_octets);
    if (!writer) writer = OggOpusWriter::create(path, ogg);
    if (!writer) return std::unexpected{writer.error()};
    out.emplace(std::move(*writer));
    return {};
}

/// What was said meanwhile is silence in every file, so that they stay as long as the recording ran.
void CallRecorder::go_on_from(std::chrono::nanoseconds at) {
    auto frame = static_cast<std::uint64_t>(at.count() / kFrameNs);
    for (const auto* file : {&sides_[0].file, &sides_[1].file, &mixed_})
        if (*file) frame = std::max(frame, ((*file)->samples() + kFrame48 - 1) / kFrame48);
    for (auto& side : sides_) {
        side.line.begin(frame);
        side.track->silent_until(frame * kFrame48);
    }
    if (mixed_) mixed_->skip(frame * kFrame48 - mixed_->samples());
}

void CallRecorder::add_video(const RecorderOptions& options, std::size_t side) {
    const std::string name = side == 0 ? "caller" : "callee";
    VideoRecorderOptions video{.path = options.path + "-" + name,
                               .side = name,
                               .names = options.video[side],
                               .sounds = {},
                               .comments = options.comments,
                               .most_octets = options.file_octets,
                               .resumed = options.resumed.count() > 0};
    if (options.legs) video.sounds.push_back(name);
    if (options.mixed) video.sounds.emplace_back("both");
    if (options.want_key_frame)
        video.want_key_frame = [want = options.want_key_frame, side](std::uint32_t ssrc) { want(side, ssrc); };
    sides_[side].video = std::make_unique<VideoRecorder>(std::move(video));
}

/// The sound of the pictures is that of the other files, packet by packet.
void CallRecorder::share_sound(const RecorderOptions& options) {
    const std::size_t mixed_track = options.legs ? 1 : 0;
    for (auto& side : sides_) {
        if (!side.video || !side.file) continue;
        side.file->also([video = side.video.get()](Bytes packet, std::uint64_t position, unsigned samples) {
            video->sound(0, packet, position, samples);
        });
    }
    if (!mixed_ || (!sides_[0].video && !sides_[1].video)) return;
    mixed_->also([this, mixed_track](Bytes packet, std::uint64_t position, unsigned samples) {
        for (auto& side : sides_)
            if (side.video) side.video->sound(mixed_track, packet, position, samples);
    });
}

bool CallRecorder::packet(std::size_t side, Bytes rtp, std::chrono::nanoseconds at) {
    if (!sides_[side].track->packet(rtp, at)) return video_packet(side, rtp, at);
    ++packets_;
    return true;
}

bool CallRecorder::video_packet(std::size_t side, Bytes rtp, std::chrono::nanoseconds at) {
    if (!sides_[side].video || !sides_[side].video->packet(rtp, at)) return false;
    ++packets_;
    return true;
}

void CallRecorder::tick(std::chrono::nanoseconds now) {
    for (auto& side : sides_) side.track->advance(now, false);
    const auto ready = now - kBehind;
    if (ready.count() > 0) encode_until(static_cast<std::uint64_t>(ready.count() / kFrameNs));
    for (auto& side : sides_)
        if (side.video) side.video->tick(now);
    look_for_errors();
}

void CallRecorder::close(std::chrono::nanoseconds now) {
    for (auto& side : sides_) side.track->advance(now, true);
    encode_until(static_cast<std::uint64_t>(now.count() / kFrameNs));
    for (auto& side : sides_) {
        side.track->silent_until(static_cast<std::uint64_t>(now.count() / kFrameNs) * kFrame48);
        if (side.file) side.file->close();
    }
    if (mixed_) mixed_->close();
    for (auto& side : sides_)
        if (side.video) side.video->close(now);
    look_for_errors();
}

void CallRecorder::encode_until(std::uint64_t frame) {
    while (sides_[0].line.cursor() < frame && error_.empty()) {
        const auto caller = sides_[0].line.take();
        const auto callee = sides_[1].line.take();
        encode_leg(0, caller);
        encode_leg(1, callee);
        if (mixed_) mix(caller, callee);
        if (sides_[0].line.cursor() % 64 == 0) look_for_errors();
    }
}

/// What came as Opus is in the file already, or will be when it is in order.
void CallRecorder::encode_leg(std::size_t side, const PcmLine::Frame& frame) {
    auto& leg = sides_[side];
    if (!leg.file) return;
    const auto position = (leg.line.cursor() - 1) * kFrame48;
    if (frame.encoded && position + kFrame48 / 2 >= leg.file->samples()) {
        leg.track->silent_until(position);
        encode(leg.encoder, frame.samples, *leg.file);
    } else if (position > leg.file->samples() + kQuiet) {
        leg.track->silent_until(position - kQuiet / 2);
    }
}

void CallRecorder::mix(const PcmLine::Frame& caller, const PcmLine::Frame& callee) {
    if (!caller.filled && !callee.filled) {
        mixed_->skip(kFrame48);
        return;
    }
    std::array<std::int16_t, PcmLine::kFrame> sum;
    for (std::size_t i = 0; i < sum.size(); ++i)
        sum[i] = static_cast<std::int16_t>(std::clamp(caller.samples[i] + callee.samples[i], -32'768, 32'767));
    encode(mixer_, sum, *mixed_);
}

void CallRecorder::encode(std::unique_ptr<codecs::opus::StorageEncoder>& encoder, codecs::Samples frame,
                          OggOpusWriter& file) {
    if (!encoder) encoder = std::make_unique<codecs::opus::StorageEncoder>();
    std::array<std::byte, 1275> payload;
    const auto size = encoder->encode(frame, payload);
    if (size == 0 || !file.write(Bytes{payload}.first(size))) file.skip(kFrame48);
}

void CallRecorder::look_for_errors() {
    for (const auto* file : {&sides_[0].file, &sides_[1].file, &mixed_})
        if (*file && !(*file)->error().empty() && error_.empty()) error_ = (*file)->error();
    for (const auto& side : sides_)
        if (side.video && error_.empty()) error_ = side.video->error();
}

std::vector<std::string> CallRecorder::files() const {
    std::vector<std::string> out;
    for (const auto* file : {&sides_[0].file, &sides_[1].file, &mixed_})
        if (*file) out.push_back((*file)->path());
    for (const auto& side : sides_)
        if (side.video) out.insert(out.end(), side.video->files().begin(), side.video->files().end());
    return out;
}

std::uint64_t CallRecorder::octets() const {
    std::uint64_t sum = 0;
    for (const auto* file : {&sides_[0].file, &sides_[1].file, &mixed_})
        if (*file) sum += (*file)->size();
    for (const auto& side : sides_)
        if (side.video) sum += side.video->octets();
    return sum;
}

}  // namespace carillon::record
