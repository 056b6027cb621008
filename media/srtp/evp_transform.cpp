#include "media/srtp/evp_transform.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <variant>

#include "media/srtp/packet_cipher.h"
#include "media/srtp/ssrc_table.h"

namespace carillon::srtp {
namespace {

constexpr std::size_t kRtpHeader = 12;
constexpr std::size_t kRtcpHeader = 8;
constexpr std::size_t kRtcpTrailer = 4;  // E flag and index
constexpr std::uint32_t kEncrypted = 0x80000000;
constexpr std::uint32_t kMaxRtcpIndex = 0x7FFFFFFF;

/// Header with CSRCs and extension: what stays readable (RFC 3711 §3.1). 0: does not fit the packet.
std::size_t header_length(Bytes packet) {
    if (packet.size() < kRtpHeader || (std::to_integer<unsigned>(packet[0]) >> 6) != 2) return 0;
    std::size_t length = kRtpHeader + 4 * (std::to_integer<std::size_t>(packet[0]) & 0x0F);
    if ((packet[0] & std::byte{0x10}) != std::byte{0}) {
        if (packet.size() < length + 4) return 0;
        length += 4 + 4 * std::size_t{load_u16(packet.data() + length + 2)};
    }
    return length <= packet.size() ? length : 0;
}

/// Keys of one mode and master key.
template <class Mode>
struct KeySet {
    Mode rtp;
    Mode rtcp;
    std::vector<std::byte> mki;
};

/// What is common: SSRCs, indices, and the choice of the key.
template <class Mode>
class Base : public Transform {
  public:
    Base(Profile profile, std::vector<KeySet<Mode>> keys)
        : keys_{std::move(keys)},
          mki_{keys_.front().mki.size()},
          rtp_tag_{rtp_tag_length(profile)},
          rtcp_tag_{rtcp_tag_length(profile)} {}
    std::vector<SsrcState> states() const override { return table_.states(); }
    void restore(const SsrcState& state) override { table_.restore(state); }
    std::optional<RtpWindow> window(std::uint32_t ssrc) override { return table_.window(ssrc); }
    void resume(std::uint32_t ssrc, const RtpWindow& window) override { table_.resume(ssrc, window); }
    bool keep(IndexKeeper keeper) override {
        table_.keep(std::move(keeper));
        return true;
    }

  protected:
    KeySet<Mode>* key_of(Bytes mki) {
        for (auto& key : keys_)
            if (std::ranges::equal(key.mki, mki)) return &key;
        return nullptr;
    }
    void append_mki(std::byte* at) const { std::ranges::copy(keys_.front().mki, at); }

    /// The index of an RTP packet that has not been seen. bad_value: it has.
    Parsed<std::uint64_t> rtp_index(const SsrcContext* context, std::uint16_t sequence) const {
        if (!context || !context->rtp.started()) return sequence;
        const auto index = guess_index(context->rtp.highest(), sequence);
        if (!context->rtp.fresh(index)) return std::unexpected{Errc::bad_value};
        return index;
    }
    /// Only what has proved itself gets a place, and moves counters.
    SsrcContext* settle(SsrcContext* context, std::uint32_t ssrc) { return context ? context : table_.add(ssrc); }

    std::vector<KeySet<Mode>> keys_;
    std::size_t mki_;
    std::size_t rtp_tag_;
    std::size_t rtcp_tag_;
    SsrcTable table_;
};

class CounterTransform final : public Base<CounterMode> {
  public:
    using Base::Base;
    // | header | ciphertext | MKI | tag |, the tag over header, ciphertext and roll-over counter.
    Parsed<std::size_t> protect_rtp(std::span<std::byte> buffer, std::size_t length) override {
        if (length > buffer.size() || buffer.size() - length < mki_ + rtp_tag_) return std::unexpected{Errc::too_large};
        const auto header = header_length(buffer.first(length));
        if (header == 0) return std::unexpected{Errc::truncated};
        const auto ssrc = load_u32(&buffer[8]);
        auto* context = table_.find(ssrc);
        if (!context && table_.full()) return std::unexpected{Errc::too_large};
        const auto index = rtp_index(context, load_u16(&buffer[2]));
        if (!index) return std::unexpected{index.error()};
        auto& key = keys_.front();
        if (!key.rtp.crypt({ssrc, *index}, buffer.subspan(header, length - header)))
            return std::unexpected{Errc::unsupported};
        const auto tag = rtp_tag(key, buffer.first(length), *index);
        append_mki(buffer.data() + length);
        std::copy_n(tag.begin(), rtp_tag_, buffer.begin() + static_cast<std::ptrdiff_t>(length + mki_));
        settle(context, ssrc)->mark_rtp(*index);
        return length + mki_ + rtp_tag_;
    }

    Parsed<std::size_t> unprotect_rtp(std::span<std::byte> packet) override {
        if (packet.size() < kRtpHeader + mki_ + rtp_tag_) return std::unexpected{Errc::truncated};
        const auto length = packet.size() - mki_ - rtp_tag_;
        const auto header = header_length(packet.first(length));
        if (header == 0) return std::unexpected{Errc::truncated};
        auto* key = key_of(packet.subspan(length, mki_));
        if (!key) return std::unexpected{Errc::unsupported};
        const auto ssrc = load_u32(&packet[8]);
        auto* context = table_.find(ssrc);
        const auto index = rtp_index(context, load_u16(&packet[2]));
        if (!index) return std::unexpected{index.error()};
        const auto tag = rtp_tag(*key, packet.first(length), *index);
        if (CRYPTO_memcmp(tag.data(), packet.data() + length + mki_, rtp_tag_) != 0)
            return std::unexpected{Errc::bad_integrity};
        context = settle(context, ssrc);
        if (!context) return std::unexpected{Errc::too_large};
        if (!key->rtp.crypt({ssrc, *index}, packet.subspan(header, length - header)))
            return std::unexpected{Errc::unsupported};
        context->mark_rtp(*index);
        return length;
    }

    // | header | ciphertext | E, index | MKI | tag |, the tag over all before the MKI.
    Parsed<std::size_t> protect_rtcp(std::span<std::byte> buffer, std::size_t length) override {
        if (length > buffer.size() || buffer.size() - length < kRtcpTrailer + mki_ + rtcp_tag_)
            return std::unexpected{Errc::too_large};
        if (length < kRtcpHeader) return std::unexpected{Errc::truncated};
        const auto ssrc = load_u32(&buffer[4]);
        auto* context = settle(table_.find(ssrc), ssrc);
        if (!context) return std::unexpected{Errc::too_large};
        const auto index = static_cast<std::uint32_t>(context->rtcp.highest()) + 1;
        if (index > kMaxRtcpIndex) return std::unexpected{Errc::bad_value};  // §9.2: the key is used up
        auto& key = keys_.front();
        if (!key.rtcp.crypt({ssrc, index}, buffer.subspan(kRtcpHeader, length - kRtcpHeader)))
            return std::unexpected{Errc::unsupported};
        store_u32(&buffer[length], kEncrypted | index);
        const auto tag = key.rtcp.tag(buffer.first(length + kRtcpTrailer), {});
        append_mki(buffer.data() + length + kRtcpTrailer);
        std::copy_n(tag.begin(), rtcp_tag_, buffer.data() + length + kRtcpTrailer + mki_);
        context->mark_rtcp(index);
        return length + kRtcpTrailer + mki_ + rtcp_tag_;
    }

    Parsed<std::size_t> unprotect_rtcp(std::span<std::byte> packet) override {
        if (packet.size() < kRtcpHeader + kRtcpTrailer + mki_ + rtcp_tag_) return std::unexpected{Errc::truncated};
        const auto length = packet.size() - kRtcpTrailer - mki_ - rtcp_tag_;
        auto* key = key_of(packet.subspan(length + kRtcpTrailer, mki_));
        if (!key) return std::unexpected{Errc::unsupported};
        const auto word = load_u32(&packet[length]);
        const auto index = word & kMaxRtcpIndex;
        const auto ssrc = load_u32(&packet[4]);
        auto* context = table_.find(ssrc);
        if (context && !context->rtcp.fresh(index)) return std::unexpected{Errc::bad_value};
        const auto tag = key->rtcp.tag(packet.first(length + kRtcpTrailer), {});
        if (CRYPTO_memcmp(tag.data(), packet.data() + length + kRtcpTrailer + mki_, rtcp_tag_) != 0)
            return std::unexpected{Errc::bad_integrity};
        context = settle(context, ssrc);
        if (!context) return std::unexpected{Errc::too_large};
        if ((word & kEncrypted) != 0 &&
            !key->rtcp.crypt({ssrc, index}, packet.subspan(kRtcpHeader, length - kRtcpHeader)))
            return std::unexpected{Errc::unsupported};
        context->mark_rtcp(index);
        return length;
    }

  private:
    static std::array<std::byte, 20> rtp_tag(KeySet<CounterMode>& key, Bytes packet, std::uint64_t index) {
        std::array<std::byte, 4> roc;
        store_u32(roc.data(), static_cast<std::uint32_t>(index >> 16));
        return key.rtp.tag(packet, roc);
    }
};

class GaloisTransform final : public Base<GaloisMode> {
  public:
    using Base::Base;
    // | header | ciphertext | tag | MKI |, the header is associated data.
    Parsed<std::size_t> protect_rtp(std::span<std::byte> buffer, std::size_t length) override {
        if (length > buffer.size() || buffer.size() - length < mki_ + rtp_tag_) return std::unexpected{Errc::too_large};
        const auto header = header_length(buffer.first(length));
        if (header == 0) return std::unexpected{Errc::truncated};
        const auto ssrc = load_u32(&buffer[8]);
        auto* context = table_.find(ssrc);
        if (!context && table_.full()) return std::unexpected{Errc::too_large};
        const auto index = rtp_index(context, load_u16(&buffer[2]));
        if (!index) return std::unexpected{index.error()};
        const auto body = buffer.subspan(header, length - header);
        if (!keys_.front().rtp.seal({ssrc, *index}, false, buffer.first(header), {}, body, buffer.data() + length))
            return std::unexpected{Errc::unsupported};
        append_mki(buffer.data() + length + rtp_tag_);
        settle(context, ssrc)->mark_rtp(*index);
        return length + rtp_tag_ + mki_;
    }

    Parsed<std::size_t> unprotect_rtp(std::span<std::byte> packet) override {
        if (packet.size() < kRtpHeader + mki_ + rtp_tag_) return std::unexpected{Errc::truncated};
        const auto length = packet.size() - mki_ - rtp_tag_;
        const auto header = header_length(packet.first(length));
        if (header == 0) return std::unexpected{Errc::truncated};
        auto* key = key_of(packet.subspan(length + rtp_tag_, mki_));
        if (!key) return std::unexpected{Errc::unsupported};
        const auto ssrc = load_u32(&packet[8]);
        auto* context = table_.find(ssrc);
        const auto index = rtp_index(context, load_u16(&packet[2]));
        if (!index) return std::unexpected{index.error()};
        const auto body = packet.subspan(header, length - header);
        if (!key->rtp.open({ssrc, *index}, false, packet.first(header), {}, body, packet.data() + length))
            return std::unexpected{Errc::bad_integrity};
        context = settle(context, ssrc);
        if (!context) return std::unexpected{Errc::too_large};
        context->mark_rtp(*index);
        return length;
    }

    // | header | ciphertext | tag | E, index | MKI |
    Parsed<std::size_t> protect_rtcp(std::span<std::byte> buffer, std::size_t length) override {
        if (length > buffer.size() || buffer.size() - length < kRtcpTrailer + mki_ + rtcp_tag_)
            return std::unexpected{Errc::too_large};
        if (length < kRtcpHeader) return std::unexpected{Errc::truncated};
        const auto ssrc = load_u32(&buffer[4]);
        auto* context = settle(table_.find(ssrc), ssrc);
        if (!context) return std::unexpected{Errc::too_large};
        const auto index = static_cast<std::uint32_t>(context->rtcp.highest()) + 1;
        if (index > kMaxRtcpIndex) return std::unexpected{Errc::bad_value};
        const auto trailer = buffer.subspan(length + rtcp_tag_, kRtcpTrailer);
        store_u32(trailer.data(), kEncrypted | index);
        const auto body = buffer.subspan(kRtcpHeader, length - kRtcpHeader);
        if (!keys_.front().rtcp.seal({ssrc, index}, true, buffer.first(kRtcpHeader), trailer, body,
                                     buffer.data() + length))
            return std::unexpected{Errc::unsupported};
        append_mki(buffer.data() + length + rtcp_tag_ + kRtcpTrailer);
        context->mark_rtcp(index);
        return length + rtcp_tag_ + kRtcpTrailer + mki_;
    }

    Parsed<std::size_t> unprotect_rtcp(std::span<std::byte> packet) override {
        if (packet.size() < kRtcpHeader + kRtcpTrailer + mki_ + rtcp_tag_) return std::unexpected{Errc::truncated};
        const auto length = packet.size() - kRtcpTrailer - mki_ - rtcp_tag_;
        auto* key = key_of(packet.subspan(packet.size() - mki_));
        if (!key) return std::unexpected{Errc::unsupported};
        const auto trailer = packet.subspan(length + rtcp_tag_, kRtcpTrailer);
        const auto word = load_u32(trailer.data());
        const auto index = word & kMaxRtcpIndex;
        const auto ssrc = load_u32(&packet[4]);
        auto* context = table_.find(ssrc);
        if (context && !context->rtcp.fresh(index)) return std::unexpected{Errc::bad_value};
        // §9.2, §9.3: encrypted, the header is associated data; else the whole packet is.
        const bool encrypted = (word & kEncrypted) != 0;
        const auto clear = packet.first(encrypted ? kRtcpHeader : length);
        const auto body = packet.subspan(clear.size(), length - clear.size());
        if (!key->rtcp.open({ssrc, index}, true, clear, trailer, body, packet.data() + length))
            return std::unexpected{Errc::bad_integrity};
        context = settle(context, ssrc);
        if (!context) return std::unexpected{Errc::too_large};
        context->mark_rtcp(index);
        return length;
    }
};

template <class Mode, class... More>
std::expected<std::vector<KeySet<Mode>>, std::string_view> key_sets(Profile profile, std::span<const MasterKey> keys,
                                                                    More... more) {
    std::vector<KeySet<Mode>> out;
    const auto length = lengths_of(profile).key;
    for (const auto& key : keys) {
        const auto derived = derive_keys(profile, key.key_and_salt);
        if (!derived) return std::unexpected{derived.error()};
        KeySet<Mode> set{Mode{derived->rtp, length, more...}, Mode{derived->rtcp, length, more...}, key.mki};
        if (!set.rtp.ready() || !set.rtcp.ready()) return std::unexpected{"OpenSSL refuses the profile"};
        out.push_back(std::move(set));
    }
    return out;
}

}  // namespace

MadeTransform make_evp_transform(Profile profile, std::span<const MasterKey> keys, Direction direction) {
    if (is_aead(profile)) {
        auto sets = key_sets<GaloisMode>(profile, keys, direction);
        if (!sets) return std::unexpected{sets.error()};
        return std::make_unique<GaloisTransform>(profile, std::move(*sets));
    }
    auto sets = key_sets<CounterMode>(profile, keys);
    if (!sets) return std::unexpected{sets.error()};
    return std::make_unique<CounterTransform>(profile, std::move(*sets));
}

}  // namespace carillon::srtp
