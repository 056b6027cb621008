#include "media/phone/summary.h"

#include <spdlog/fmt/fmt.h>

namespace carillon::phone {
namespace {

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
            out += c;
        }
    }
    return out + '"';
}

/// Members of a JSON object, in the order they are added.
class Object {
  public:
    Object& text(std::string_view key, std::string_view value) { return raw(key, quoted(value)); }
    Object& number(std::string_view key, std::uint64_t value) { return raw(key, std::to_string(value)); }
    Object& signed_number(std::string_view key, std::int64_t value) { return raw(key, std::to_string(value)); }
    Object& real(std::string_view key, double value) { return raw(key, fmt::format("{:.4f}", value)); }
    Object& maybe(std::string_view key, const std::optional<double>& value) {
        return value ? real(key, *value) : raw(key, "null");
    }
    Object& flag(std::string_view key, bool value) { return raw(key, value ? "true" : "false"); }
    Object& raw(std::string_view key, std::string_view value) {
        out_ += out_.empty() ? "" : ",";
        out_ += quoted(key);
        out_ += ':';
        out_ += value;
        return *this;
    }
    std::string done() const { return "{" + out_ + "}"; }

  private:
    std::string out_;
};

std::string endpoint(const PathEnd& end) {
    return Object{}.text("type", end.type).text("address", end.address).number("port", end.port).done();
}

}  // namespace

std::string to_json(const CallSummary& s) {
    const auto& r = s.report;
    Object out;
    out.text("direction", s.direction)
        .text("peer", s.peer)
        .text("sid", s.sid)
        .flag("ok", s.ok)
        .text("reason", s.reason);
    out.flag("by_peer", s.by_peer)
        .text("transport", s.transport)
        .text("codec", s.codec)
        .text("protection", r.protection);
    out.maybe("ring_ms", s.ring_ms).maybe("setup_ms", s.setup_ms).maybe("first_packet_ms", r.first_packet_after_ms);
    out.real("talk_seconds", s.talk_seconds).number("ice_restarts", s.restarts);
    out.raw("local", endpoint(s.path.local)).raw("remote", endpoint(s.path.remote));
    out.number("packets_sent", r.packets_sent).number("bytes_sent", r.octets_sent);
    out.number("packets_received", r.packets_received).number("bytes_received", r.octets_received);
    out.number("packets_expected", r.expected).number("packets_lost", r.lost).real("loss", r.loss);
    out.maybe("remote_loss", r.remote_loss).real("jitter_ms", r.jitter_ms).maybe("round_trip_ms", r.round_trip_ms);
    out.real("playout_delay_ms", r.playout_delay_ms).number("packets_late", r.playout.late);
    out.number("packets_concealed", r.playout.missing).number("packets_rejected", r.rejected).real("mos", r.mos);
    out.signed_number("play_started_us", r.play_started_us).signed_number("record_started_us", r.record_started_us);
    return out.done();
}

std::string to_text(const CallSummary& s) {
    const auto& r = s.report;
    if (!s.media) return fmt::format("{} call with {}: no media, {}", s.direction, s.peer, s.reason);
    return fmt::format(
        "{} call with {}: {} over {} ({} {}:{} to {} {}:{}), protection {}, set up in {:.0f} ms, {:.1f} s, "
        "{} packets sent, {} received, loss {:.1f} %, jitter {:.1f} ms, round trip {:.1f} ms, MOS {:.2f}, ended: {}",
        s.direction, s.peer, s.codec, s.transport, s.path.local.type, s.path.local.address, s.path.local.port,
        s.path.remote.type, s.path.remote.address, s.path.remote.port, r.protection, s.setup_ms.value_or(0),
        s.talk_seconds, r.packets_sent, r.packets_received, r.loss * 100, r.jitter_ms, r.round_trip_ms.value_or(0),
        r.mos, s.reason);
}

}  // namespace carillon::phone
