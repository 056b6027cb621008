#include "media/record/leg_track.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdlib>

#include "codecs/opus/opus_packet.h"
#include "codecs/opus/storage_codec.h"

namespace carillon::record {
namespace {

using codecs::AudioCodec;

constexpr std::int64_t kRate = 48'000;               // of positions
constexpr std::int64_t kMostAside = kRate;           // a second off its arrival: the time stamps have jumped
constexpr std::uint64_t kLongestGuess = 960;         // 60 ms at 16 kHz: longer gaps are silence
constexpr std::size_t kLongestPayload = 16'000 / 5;  // 200 ms at 16 kHz

std::int64_t position_of(std::chrono::nanoseconds at) { return at.count() * 48 / 1'000'000; }

std::string lower(std::string_view text) {
    std::string out{text};
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::tolower(c); });
    return out;
}

}  // namespace

LegTrack::LegTrack(PayloadNames names, OggOpusWriter* file, PcmLine& line, bool all)
    : names_{std::move(names)}, file_{file}, line_{line}, all_{all} {}

LegTrack::Meaning LegTrack::meaning_of(std::uint8_t payload_type) const {
    const auto named = names_.find(payload_type);
    if (named == names_.end() || named->second.starts_with('/')) {
        switch (payload_type) {  // RFC 3551 table 4
            case 0:
                return {AudioCodec::pcmu, 8000};
            case 8:
                return {AudioCodec::pcma, 8000};
            case 9:
                return {AudioCodec::g722, 8000};
            default:
                return {};
        }
    }
    const auto slash = named->second.find('/');
    const auto name = lower(std::string_view{named->second}.substr(0, slash));
    if (name == "red") return {.codec = {}, .clock = 48'000, .red = true};
    const auto codec = codecs::codec_named(name);
    if (!codec) return {};
    unsigned clock = codecs::format_of(*codec).clock_rate;
    unsigned told = clock;
    if (slash != std::string::npos)
        std::from_chars(named->second.data() + slash + 1, named->second.data() + named->second.size(), told);
    return told == clock ? Meaning{codec, clock} : Meaning{};  // L16 at another rate
}

bool LegTrack::packet(Bytes rtp, std::chrono::nanoseconds at) {
    const auto header = rtp::Header::parse(rtp);
    if (!header) return false;
    const auto meaning = meaning_of(header->payload_type);
    if (!meaning.codec && !meaning.red) return false;
    if (ssrc_ != header->ssrc) {
        advance(at, true);
        order_.clear();
        ssrc_ = header->ssrc;
        clock_ = 0;
    }
    const auto payload = payload_of(*header, rtp);
    if (payload.empty()) return false;
    order_.put({at, *header, {payload.begin(), payload.end()}});
    advance(at, false);
    return true;
}

void LegTrack::advance(std::chrono::nanoseconds now, bool all) {
    order_.release(now, all, [this](const RtpOrder::Packet& packet) { take(packet); });
}

void LegTrack::take(const RtpOrder::Packet& packet) {
    auto meaning = meaning_of(packet.header.payload_type);
    Bytes payload{packet.payload};
    if (meaning.red) {
        const auto primary = primary_of(payload);
        if (!primary) return;
        meaning = meaning_of(primary->first);
        payload = primary->second;
    }
    if (!meaning.codec || payload.empty()) return;
    const auto position = place(packet.header, meaning.clock, packet.at);
    const bool is_opus = *meaning.codec == AudioCodec::opus;
    if (is_opus) write_opus(payload, position);
    if (all_ || !is_opus) decode(*meaning.codec, payload, position);
}

/// The time stamps say where it belongs, unless they have jumped away from the clock on the wall.
std::uint64_t LegTrack::place(const rtp::Header& header, unsigned clock, std::chrono::nanoseconds at) {
    const auto arrival = position_of(at);
    std::int64_t position = arrival;
    if (clock_ == clock) {
        const auto passed = static_cast<std::int32_t>(header.timestamp - anchor_timestamp_);
        position = anchor_ + passed * kRate / static_cast<std::int64_t>(clock);
        if (std::abs(position - arrival) > kMostAside) position = arrival;
    }
    clock_ = clock;
    anchor_timestamp_ = header.timestamp;
    anchor_ = position;
    return static_cast<std::uint64_t>(std::max<std::int64_t>(position, 0));
}

void LegTrack::write_opus(Bytes payload, std::uint64_t position) {
    if (!file_) return;
    const auto info = codecs::opus::PacketInfo::parse(payload);
    if (!info || position + info->samples / 2 < file_->samples()) return;  // that time is written
    if (position > file_->samples() + info->samples / 2) file_->skip(position - file_->samples());
    file_->write(payload);
}

void LegTrack::silent_until(std::uint64_t position) {
    if (file_ && position > file_->samples()) file_->skip(position - file_->samples());
}

bool LegTrack::use(AudioCodec codec) {
    if (codec_ == codec) return true;
    codec_ = codec;
    resampler_.reset();
    try {
        if (codec == AudioCodec::opus) {
            decoder_ = std::make_unique<codecs::opus::StorageDecoder>(PcmLine::kRate);
            decoder_rate_ = PcmLine::kRate;
        } else {
            decoder_ = codecs::make_decoder(codec);
            decoder_rate_ = codecs::format_of(codec).sample_rate;
        }
        if (decoder_rate_ != PcmLine::kRate)
            resampler_ = std::make_unique<codecs::Resampler>(decoder_rate_, PcmLine::kRate);
    } catch (const std::exception&) {  // no memory: this side is silent
        decoder_.reset();
    }
    return decoder_ != nullptr;
}

void LegTrack::decode(AudioCodec codec, Bytes payload, std::uint64_t position) {
    if (!use(codec) || !decoder_) return;
    const auto at = position * PcmLine::kRate / static_cast<std::uint64_t>(kRate);
    const bool encoded = codec != AudioCodec::opus;
    bridge_gap(at, encoded);
    std::array<std::int16_t, kLongestPayload> pcm;
    const auto count = decoder_->decode(payload, pcm);
    if (count > 0) put(at, codecs::Samples{pcm}.first(count), encoded);
}

void LegTrack::put(std::uint64_t position, codecs::Samples samples, bool encoded) {
    if (resampler_) {
        const auto resampled = resampler_->process(samples);
        line_.put(position, resampled, encoded);
        heard_until_ = position + resampled.size();
    } else {
        line_.put(position, samples, encoded);
        heard_until_ = position + samples.size();
    }
}

/// A packet or three are missing: the decoder's guess is better than a hole.
void LegTrack::bridge_gap(std::uint64_t position, bool encoded) {
    if (position <= heard_until_ || position - heard_until_ > kLongestGuess || heard_until_ == 0) return;
    const auto missing = (position - heard_until_) * decoder_rate_ / PcmLine::kRate;
    std::array<std::int16_t, kLongestGuess> guess{};
    const auto room = std::span{guess}.first(static_cast<std::size_t>(missing));
    if (room.size() < decoder_rate_ / 400) return;
    decoder_->conceal(room);
    put(heard_until_, room, encoded);
}

}  // namespace carillon::record
