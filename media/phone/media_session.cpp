#include "media/phone/media_session.h"

#include <algorithm>
#include <array>
#include <random>
#include <utility>

#include "media/phone/pacer.h"
#include "media/quality/e_model.h"

namespace carillon::phone {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr milliseconds kFrameTime{20};
constexpr milliseconds kFallBehind{1000};  // after a longer stall of this machine, time is skipped instead of caught up
constexpr milliseconds kRtcpInterval{1000};
constexpr milliseconds kClear{2};       // to the next packet: nothing else is begun within it
constexpr unsigned kLeadInFrames = 15;  // silence first: the far end's path and keys may be a moment later
constexpr std::size_t kMaxEarly = 100;
constexpr std::size_t kMaxPacket = 2048;
constexpr std::size_t kMaxDecoded = 5760;  // 120 ms at 48 kHz, the longest Opus packet
constexpr std::uint8_t kRtpComponent = 1;
constexpr std::uint8_t kRtcpComponent = 2;

std::uint32_t random32() {
    static thread_local std::random_device device;
    return device();
}

std::int64_t wall_us() {
    return duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

double ms(steady_clock::duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

quality::CodecImpairment impairment_of(codecs::AudioCodec codec) {
    return codec == codecs::AudioCodec::opus ? quality::kOpus : quality::kG711WithConcealment;
}

/// Packets that come ready-made keep their SSRC; else all is random, and the sequence number from the first half
/// (RFC 3711 §3.3.1).
rtp::RtpSender first_sender(const MediaOptions& options) {
    std::uint32_t ssrc = random32();
    if (options.packets && !options.packets->packets.empty()) {
        const auto header = rtp::Header::parse(options.packets->packets.front().packet);
        if (header) ssrc = header->ssrc;
    }
    return {ssrc, static_cast<std::uint16_t>(random32() & 0x7FFF), random32()};
}

}  // namespace

MediaSession::MediaSession(MediaOptions options, std::optional<MediaSecurity> security, Send send)
    : options_{std::move(options)},
      security_{std::move(security)},
      send_{std::move(send)},
      frame_{codecs::format_of(options_.codec).sample_rate / 50},
      encoder_{codecs::make_encoder(options_.codec, {.bitrate = options_.bitrate})},
      decoder_{codecs::make_decoder(options_.codec)},
      sender_{first_sender(options_)},
      receiver_{codecs::format_of(options_.codec).clock_rate},
      buffer_{codecs::format_of(options_.codec).clock_rate, options_.jitter} {
    if (security_) protection_ = "handshaking";
    if (security_ && security_->keys) {
        use_keys(*security_->keys);
    } else if (security_) {
        dtls_ = std::make_unique<dtls::DtlsSrtp>(*security_->identity, security_->role, security_->remote,
                                                 [this](Bytes datagram) { send_(kRtpComponent, datagram); });
    }
}

MediaSession::~MediaSession() { stop(); }

void MediaSession::connect() {
    const std::scoped_lock lock{mutex_};
    if (thread_.joinable() || stopped_) return;
    connected_at_ = last_packet_ = steady_clock::now();
    if (!options_.record.empty()) {
        auto writer = wav::Writer::create(options_.record, codecs::format_of(options_.codec).sample_rate);
        if (!writer) {
            failure_ = writer.error();
            return;
        }
        recorder_.emplace(std::move(*writer));
    }
    if (dtls_) dtls_->start();
    thread_ = std::jthread{[this](const std::stop_token& stop) { options_.packets ? run_packets(stop) : run(stop); }};
}

void MediaSession::receive(std::uint8_t component, Bytes datagram) {
    if (datagram.empty() || datagram.size() > kMaxPacket) return;
    const std::scoped_lock lock{mutex_};
    if (stopped_) return;
    const auto first = std::to_integer<unsigned>(datagram[0]);  // RFC 7983 §7
    if (first >= 20 && first <= 63 && dtls_) {
        dtls_->receive(datagram);
        handshake();
    } else if (first >= 128 && first <= 191) {
        const bool rtcp = component == kRtcpComponent || (datagram.size() > 1 && rtp::is_rtcp(datagram));
        if (security_ && !inbound_) {
            if (early_.size() < kMaxEarly) early_.emplace_back(datagram.begin(), datagram.end());
        } else {
            on_media(datagram, rtcp);
        }
    } else {
        ++rejected_;
    }
}

void MediaSession::handshake() {
    if (dtls_->state() == dtls::DtlsSrtp::State::failed && failure_.empty()) failure_ = "DTLS: " + dtls_->failure();
    if (dtls_->keys() && !inbound_) use_keys(*dtls_->keys());
}

void MediaSession::use_keys(const dtls::SrtpKeys& keys) {
    auto outbound = srtp::Session::create(keys.profile, keys.local, srtp::Direction::outbound);
    auto inbound = srtp::Session::create(keys.profile, keys.remote, srtp::Direction::inbound);
    if (!outbound || !inbound) {
        failure_ = "SRTP: " + std::string{outbound ? inbound.error() : outbound.error()};
        return;
    }
    outbound_ = std::move(*outbound);
    inbound_ = std::move(*inbound);
    protection_ = srtp::to_string(keys.profile);
    for (const auto& packet : early_) on_media(packet, packet.size() > 1 && rtp::is_rtcp(packet));
    early_.clear();
}

void MediaSession::on_media(Bytes packet, bool rtcp) {
    if (!security_) {
        rtcp ? on_rtcp(packet) : on_rtp(packet);
        return;
    }
    std::vector<std::byte> plain{packet.begin(), packet.end()};
    const auto size = rtcp ? inbound_->unprotect_rtcp(plain) : inbound_->unprotect_rtp(plain);
    if (!size) {
        ++rejected_;
        return;
    }
    const auto opened = Bytes{plain}.first(*size);
    rtcp ? on_rtcp(opened) : on_rtp(opened);
}

void MediaSession::on_rtp(Bytes packet) {
    const auto parsed = rtp::parse_rtp(packet);
    if (parsed && options_.heard) options_.heard->add(steady_clock::now().time_since_epoch(), {}, packet);
    if (!parsed || parsed->header.payload_type != options_.payload_type) {  // comfort noise and events are not played
        rejected_ += !parsed;
        return;
    }
    const auto now = steady_clock::now();
    last_packet_ = now;
    if (!first_packet_ms_) first_packet_ms_ = ms(now - connected_at_);
    receiver_.on_packet(*parsed, now);
    const auto& header = parsed->header;
    buffer_.push(header.sequence.value, header.timestamp, header.payload_type, parsed->payload);
}

void MediaSession::on_rtcp(Bytes packet) {
    const auto news = rtp::RtcpSummary::parse(packet);
    if (!news) {
        ++rejected_;
        return;
    }
    const auto ntp = rtp::ntp_now();
    last_packet_ = steady_clock::now();
    if (news->sender_report_mid_ntp) receiver_.on_sender_report(*news->sender_report_mid_ntp, last_packet_);
    if (!news->first_report || news->first_report->ssrc != sender_.ssrc()) return;
    remote_loss_ = news->first_report->fraction_lost / 256.0;
    if (const auto trip = rtp::round_trip(*news->first_report, ntp)) {
        round_trip_ms_ = static_cast<double>(trip->count()) / 1000;
    }
}

void MediaSession::run(const std::stop_token& stop) {
    auto due = steady_clock::now();
    while (!stop.stop_requested()) {
        std::this_thread::sleep_until(due);
        const auto now = steady_clock::now();
        if (now - due > kFallBehind) due = now;
        due += kFrameTime;
        const std::scoped_lock lock{mutex_};
        if (!tend()) return;
        if (security_ && !outbound_) continue;
        flowing_ = true;
        play_frame();
        send_frame();
        if (now >= next_rtcp_) {
            next_rtcp_ = now + kRtcpInterval;
            send_rtcp(false);
        }
    }
}

std::uint32_t MediaSession::ticks(std::size_t samples) const {
    const auto& format = codecs::format_of(options_.codec);  // G.722's clock is half its sample rate
    return static_cast<std::uint32_t>(samples * format.clock_rate / format.sample_rate);
}

bool MediaSession::tend() {
    if (dtls_) {
        dtls_->on_timer();
        handshake();
    }
    return failure_.empty();
}

/// Packets leave at their times; all else is done when none is due for a while.
void MediaSession::run_packets(const std::stop_token& stop) {
    constexpr auto kNever = steady_clock::time_point::max();
    Pacer pacer;
    const auto& packets = options_.packets->packets;
    auto started = kNever;
    std::size_t next = 0;
    for (auto tick = steady_clock::now(); !stop.stop_requested();) {
        const bool more = started != kNever && next < packets.size();
        const auto due = more ? started + packets[next].at : kNever;
        if (due < tick + kClear) {
            auto ready = make_ready(packets[next++]);  // what takes time is done before it is time
            pacer.wait(due);
            if (ready) send_ready(std::move(*ready), due);
            continue;
        }
        std::this_thread::sleep_until(tick);
        if (!keep_house(stop, tick)) return;
        if (flowing_ && started == kNever) started = tick + kLeadInFrames * kFrameTime;
        tick += kFrameTime;
    }
}

bool MediaSession::keep_house(const std::stop_token& stop, steady_clock::time_point tick) {
    const std::scoped_lock lock{mutex_};
    if (stop.stop_requested() || !tend()) return false;
    if (security_ && !outbound_) return true;
    flowing_ = true;
    if (tick >= next_rtcp_) {
        next_rtcp_ = tick + kRtcpInterval;
        send_rtcp(false);
    }
    return true;
}

std::optional<MediaSession::Ready> MediaSession::make_ready(const TimedPacket& timed) {
    const auto header = rtp::Header::parse(timed.packet);
    if (!header) return std::nullopt;
    Ready ready{.plain = timed.packet, .sealed = {}};
    if (header->payload_type == options_.packets->payload_type)
        ready.plain[1] = static_cast<std::byte>((header->marker ? 0x80 : 0) | options_.payload_type);
    ready.sealed = ready.plain;
    const std::scoped_lock lock{mutex_};
    return seal(ready.sealed, false) ? std::optional{std::move(ready)} : std::nullopt;
}

/// Off its time by when it has left, not by when it was about to.
void MediaSession::send_ready(Ready ready, steady_clock::time_point due) {
    const auto leaves = steady_clock::now();
    send_(kRtpComponent, ready.sealed);
    const auto left = steady_clock::now();
    if (options_.sent) options_.sent->add(leaves.time_since_epoch(), left - due, ready.plain);
    const auto header = rtp::Header::parse(ready.plain);
    const std::scoped_lock lock{mutex_};
    sender_.count(header->timestamp, ready.plain.size() - header->size);
}

void MediaSession::play_frame() {
    std::array<std::int16_t, kMaxDecoded> room{};
    while (decoded_.size() < frame_) {
        const auto next = buffer_.pop();
        std::size_t samples = frame_;
        switch (next.state) {
            case jitter::JitterBuffer::State::frame:
                samples = decoder_->decode(next.payload, room);
                if (samples == 0) {  // not of this codec: as good as lost
                    samples = frame_;
                    decoder_->conceal(std::span{room}.first(samples));
                }
                break;
            case jitter::JitterBuffer::State::silence:
                std::fill_n(room.begin(), samples, std::int16_t{0});
                break;
            default:
                decoder_->conceal(std::span{room}.first(samples));
                break;
        }
        if (next.state != jitter::JitterBuffer::State::waiting) buffer_.played(ticks(samples));
        decoded_.insert(decoded_.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(samples));
    }
    if (receiver_.started()) {
        delay_sum_ms_ += ms(buffer_.depth());
        ++delay_count_;
    }
    if (recorder_) {
        if (record_started_us_ == 0) record_started_us_ = wall_us();
        recorder_->write(std::span{decoded_}.first(frame_));
    }
    decoded_.erase(decoded_.begin(), decoded_.begin() + frame_);
}

void MediaSession::pause(bool on) {
    const std::scoped_lock lock{mutex_};
    paused_ = on;
}

void MediaSession::send_frame() {
    if (paused_) {
        was_paused_ = true;
        return sender_.pass(ticks(frame_));
    }
    std::vector<std::int16_t> frame(frame_, 0);
    const bool leading_in = frames_sent_ < kLeadInFrames;
    if (!leading_in && !options_.play.empty()) {
        if (play_started_us_ == 0) play_started_us_ = wall_us();
        for (auto& sample : frame) {
            if (position_ >= options_.play.size() && options_.loop) position_ = 0;
            if (position_ >= options_.play.size()) break;
            sample = options_.play[position_++];
        }
    }
    std::array<std::byte, kMaxPacket> payload{};
    const auto size = encoder_->encode(frame, std::span{payload}.first(1400));
    const bool talkspurt =
        frames_sent_++ == 0 || std::exchange(was_paused_, false);  // RFC 3551 §4.1: the marker starts one
    transmit(kRtpComponent, sender_.packet(options_.payload_type, talkspurt, Bytes{payload}.first(size), ticks(frame_)),
             false);
}

void MediaSession::send_rtcp(bool bye) {
    if (!options_.rtcp) return;
    std::optional<rtp::ReportBlock> about;
    if (receiver_.started()) about = receiver_.report(steady_clock::now());
    transmit(options_.rtcp_mux ? kRtpComponent : kRtcpComponent, rtp::compose_rtcp(sender_, about, options_.cname, bye),
             true);
}

bool MediaSession::seal(std::vector<std::byte>& packet, bool rtcp) {
    if (!outbound_) return true;
    const auto length = packet.size();
    packet.resize(length + srtp::kMaxOverhead);
    const auto size = rtcp ? outbound_->protect_rtcp(packet, length) : outbound_->protect_rtp(packet, length);
    if (!size) return false;
    packet.resize(*size);
    return true;
}

void MediaSession::transmit(std::uint8_t component, std::vector<std::byte> packet, bool rtcp) {
    if (seal(packet, rtcp)) send_(component, packet);
}

void MediaSession::stop() {
    if (thread_.joinable()) {
        thread_.request_stop();
        thread_.join();
    }
    const std::scoped_lock lock{mutex_};
    if (stopped_) return;
    stopped_ = true;
    if (flowing_) send_rtcp(true);
    if (dtls_) dtls_->close();
    if (recorder_ && !recorder_->close() && failure_.empty()) failure_ = options_.record + ": could not be written";
}

std::string MediaSession::failure() const {
    const std::scoped_lock lock{mutex_};
    return failure_;
}

std::chrono::milliseconds MediaSession::since_last_packet() const {
    const std::scoped_lock lock{mutex_};
    return duration_cast<milliseconds>(steady_clock::now() - last_packet_);
}

MediaReport MediaSession::report() const {
    const std::scoped_lock lock{mutex_};
    MediaReport out;
    out.packets_sent = sender_.packets();
    out.octets_sent = sender_.octets();
    out.packets_received = receiver_.reception().received();
    out.octets_received = receiver_.octets();
    out.expected = receiver_.reception().expected();
    out.lost = receiver_.reception().lost();
    out.playout = buffer_.counters();
    out.loss = receiver_.reception().loss();
    out.jitter_ms = receiver_.jitter_ms();
    out.round_trip_ms = round_trip_ms_;
    out.remote_loss = remote_loss_;
    if (delay_count_ > 0) out.playout_delay_ms = delay_sum_ms_ / static_cast<double>(delay_count_);
    out.rejected = rejected_;
    out.protection = protection_;
    out.first_packet_after_ms = first_packet_ms_;
    out.play_started_us = play_started_us_;
    out.record_started_us = record_started_us_;
    if (out.expected > 0) {
        const auto unplayed = static_cast<double>(out.playout.late + out.playout.skipped);
        const auto one_way = out.round_trip_ms.value_or(0) / 2 + out.playout_delay_ms + 20;
        out.mos = quality::mean_opinion_score(
            quality::Conditions{.loss = std::min(1.0, out.loss + unplayed / static_cast<double>(out.expected)),
                                .one_way = milliseconds{static_cast<long>(one_way)},
                                .codec = impairment_of(options_.codec)});
    }
    return out;
}

}  // namespace carillon::phone
