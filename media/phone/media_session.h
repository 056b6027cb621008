/// The sound of one call: a recording goes out in real time, what arrives is put in order, decoded and recorded.
/// Spec: RFC 3550, RFC 3551, RFC 7587; RFC 5764 §5.1.2 and RFC 7983 (telling DTLS, RTP and RTCP apart).
/// Not here: agreement on codecs (session.h), the path (transport.h).
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "codecs/audio_codec.h"
#include "media/dtls/dtls_srtp.h"
#include "media/jitter/jitter_buffer.h"
#include "media/phone/packet_source.h"
#include "media/rtp/rtp_stream.h"
#include "media/wav/wav.h"

namespace carillon::phone {

using std::chrono::steady_clock;

struct MediaOptions {
    codecs::AudioCodec codec = codecs::AudioCodec::opus;
    std::uint8_t payload_type = 111;
    unsigned bitrate = 0;            ///< of Opus, as the peer wants it; 0: the codec's own
    std::vector<std::int16_t> play;  ///< at the codec's rate; silence after its end unless `loop`
    bool loop = false;
    std::string record;    ///< file name; empty records nothing
    bool rtcp = true;      ///< send reports at all: not when the peer multiplexes none and there is one port
    bool rtcp_mux = true;  ///< on the RTP component
    std::string cname;
    jitter::Limits jitter;
    std::shared_ptr<const PacketSource> packets;  ///< sent instead of `play`
    std::shared_ptr<PacketRecorder> sent, heard;  ///< told of every RTP packet
};

/// The security of the call; absent means plain RTP.
struct MediaSecurity {
    const dtls::Identity* identity = nullptr;
    dtls::Role role = dtls::Role::client;
    dtls::Fingerprint remote{};
    std::optional<dtls::SrtpKeys> keys{};  ///< agreed by SDES: no handshake
};

/// Everything measured. Times are milliseconds; loss is 0 to 1.
struct MediaReport {
    std::uint64_t packets_sent = 0, octets_sent = 0, packets_received = 0, octets_received = 0, expected = 0, lost = 0;
    double loss = 0;
    double jitter_ms = 0;
    std::optional<double> round_trip_ms;
    std::optional<double> remote_loss;  ///< what the peer's last report says about our stream
    double playout_delay_ms = 0;
    jitter::Counters playout;
    std::uint64_t rejected = 0;  ///< datagrams that were no valid media: bad integrity, replay, garbage
    std::string protection;      ///< "none", "AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"
    double mos = 0;
    std::optional<double> first_packet_after_ms;  ///< since connect()
    std::int64_t play_started_us = 0;             ///< wall clock: first sample of the recording left
    std::int64_t record_started_us = 0;           ///< wall clock: first sample of the file
};

/// Threading: connect(), stop() and report() on the main thread, receive() on the transport's; inside, one lock.
/// Owns: its real-time thread, codec, files, DTLS and SRTP state.
class MediaSession {
  public:
    using Send = std::function<bool(std::uint8_t component, Bytes datagram)>;

    MediaSession(MediaOptions options, std::optional<MediaSecurity> security, Send send);
    ~MediaSession();

    void connect();  ///< there is a path: hand-shake, then sound
    void receive(std::uint8_t component, Bytes datagram);
    void pause(bool on);  ///< says nothing meanwhile
    void stop();          ///< says BYE, closes the files

    bool flowing() const { return flowing_; }  ///< keys are there and frames go out
    std::string failure() const;
    std::chrono::milliseconds since_last_packet() const;
    MediaReport report() const;

  private:
    void run(const std::stop_token& stop);
    void run_packets(const std::stop_token& stop);
    struct Ready {
        std::vector<std::byte> plain, sealed;
    };
    bool keep_house(const std::stop_token& stop, steady_clock::time_point tick);
    std::optional<Ready> make_ready(const TimedPacket& timed);
    void send_ready(Ready ready, steady_clock::time_point due);
    bool tend();  ///< timers of DTLS; false: it has failed
    void handshake();
    void use_keys(const dtls::SrtpKeys& keys);
    void on_media(Bytes packet, bool rtcp);
    void on_rtp(Bytes packet);
    void on_rtcp(Bytes packet);
    void send_frame();
    void play_frame();
    std::uint32_t ticks(std::size_t samples) const;  ///< of the RTP clock
    void send_rtcp(bool bye);
    bool seal(std::vector<std::byte>& packet, bool rtcp);  ///< false: it cannot be sent
    void transmit(std::uint8_t component, std::vector<std::byte> packet, bool rtcp);

    MediaOptions options_;
    std::optional<MediaSecurity> security_;
    Send send_;
    unsigned frame_;  // samples in 20 ms

    mutable std::mutex mutex_;  // all below
    std::unique_ptr<codecs::Encoder> encoder_;
    std::unique_ptr<codecs::Decoder> decoder_;
    std::unique_ptr<dtls::DtlsSrtp> dtls_;
    std::optional<srtp::Session> outbound_, inbound_;
    std::string protection_ = "none";
    std::vector<std::vector<std::byte>> early_;  // media that overtook the keys
    rtp::RtpSender sender_;
    rtp::RtpReceiver receiver_;
    jitter::JitterBuffer buffer_;
    std::vector<std::int16_t> decoded_;  // played by the next frames
    std::optional<wav::Writer> recorder_;
    std::size_t position_ = 0;  // in options_.play
    unsigned frames_sent_ = 0;
    bool paused_ = false;
    bool was_paused_ = false;  // the next packet begins a talkspurt
    std::string failure_;
    std::uint64_t rejected_ = 0;
    std::optional<double> round_trip_ms_, remote_loss_;
    double delay_sum_ms_ = 0;
    std::uint64_t delay_count_ = 0;
    steady_clock::time_point connected_at_{}, last_packet_{}, next_rtcp_{};
    std::optional<double> first_packet_ms_;
    std::int64_t play_started_us_ = 0, record_started_us_ = 0;
    bool stopped_ = false;

    std::atomic<bool> flowing_ = false;
    std::jthread thread_;
};

}  // namespace carillon::phone
