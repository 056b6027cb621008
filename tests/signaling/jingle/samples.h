/// Jingle as clients write it: a browser's offer over stanza.js, Conversations (trickling), Dino (both components),
/// a plain RTP end; and what answers them. Addresses are of the documentation ranges.
#pragma once
#include <string>
#include <string_view>

namespace carillon::test {

inline constexpr std::string_view kBrowserUfrag = "n0Fb";
inline constexpr std::string_view kBrowserPwd = "2TTLxYPhQ9bBvVvpH8mJhSrv";

/// One audio or video description with the many lines that a browser offers.
inline std::string browser_description(bool video) {
    std::string out = std::string{"<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='"} +
                      (video ? "video" : "audio") + "' ssrc='" + (video ? "2847264591" : "1656081975") + "'>";
    const auto payload = [&](int id, std::string_view name, int rate, std::string_view inside) {
        out += "<payload-type id='" + std::to_string(id) + "' name='" + std::string{name} + "' clockrate='" +
               std::to_string(rate) + "' channels='" + (name == "opus" ? "2" : "1") + "'>" + std::string{inside} +
               "</payload-type>";
    };
    const std::string feedback =
        "<rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='goog-remb'/>"
        "<rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='transport-cc'/>"
        "<rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='ccm' subtype='fir'/>"
        "<rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='nack'/>"
        "<rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='nack' subtype='pli'/>";
    if (video) {
        payload(96, "VP8", 90000, feedback);
        payload(97, "rtx", 90000, "<parameter name='apt' value='96'/>");
        for (int id = 98; id < 108; id += 2) {
            payload(id, id < 102 ? "VP9" : "H264", 90000,
                    feedback +
                        "<parameter name='level-asymmetry-allowed' value='1'/>"
                        "<parameter name='packetization-mode' value='1'/>"
                        "<parameter name='profile-level-id' value='42e01f'/>");
            payload(id + 1, "rtx", 90000, "<parameter name='apt' value='" + std::to_string(id) + "'/>");
        }
        payload(108, "red", 90000, "");
        payload(109, "ulpfec", 90000, "");
    } else {
        payload(111, "opus", 48000,
                "<parameter name='minptime' value='10'/><parameter name='useinbandfec' value='1'/>"
                "<rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='transport-cc'/>");
        payload(63, "red", 48000, "<parameter name='111/111' value=''/>");
        payload(9, "G722", 8000, "");
        payload(0, "PCMU", 8000, "");
        payload(8, "PCMA", 8000, "");
        payload(13, "CN", 8000, "");
        payload(110, "telephone-event", 48000, "");
        payload(126, "telephone-event", 8000, "");
    }
    for (int id = 1; id <= (video ? 13 : 4); ++id) {
        out += "<rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='" + std::to_string(id) +
               "' uri='urn:ietf:params:rtp-hdrext:extension-number-" + std::to_string(id) + "'/>";
    }
    out +=
        "<rtcp-mux/><source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='1656081975'>"
        "<parameter name='cname' value='YZcxBwerFFm6GH69'/><parameter name='msid' value='stream track'/></source>";
    return out + "</description>";
}

inline std::string browser_candidate(int number, std::string_view ip, int port, std::string_view type) {
    std::string out = "<candidate component='1' foundation='" + std::to_string(1078362758 + number) +
                      "' generation='0' id='c" + std::to_string(number) + "' ip='" + std::string{ip} +
                      "' network='1' port='" + std::to_string(port) + "' priority='" +
                      std::to_string(2122260223 - number * 1000) + "' protocol='udp' type='" + std::string{type} + "'";
    if (type != "host") out += " rel-addr='198.51.100.77' rel-port='51000'";
    return out + "/>";
}

inline std::string ice_transport(std::string_view ufrag, std::string_view pwd, std::string_view candidates = {}) {
    return "<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='" + std::string{ufrag} + "' pwd='" +
           std::string{pwd} +
           "'><fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='actpass'>"
           "02:1A:CC:54:27:AB:EB:9C:53:3F:3E:4B:65:2E:7D:46:3F:54:42:CD:54:F1:7A:03:A2:7D:F9:B0:7F:46:19:B2"
           "</fingerprint>" +
           std::string{candidates} + "</transport>";
}

inline std::string bundle(std::string_view first = "0", std::string_view second = "1") {
    return "<group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'><content name='" + std::string{first} +
           "'/><content name='" + std::string{second} + "'/></group>";
}

inline std::string content(std::string_view name, std::string_view inside, std::string_view creator = "initiator") {
    return "<content creator='" + std::string{creator} + "' name='" + std::string{name} + "' senders='both'>" +
           std::string{inside} + "</content>";
}

inline std::string jingle(std::string_view action, std::string_view sid, std::string_view inside,
                          std::string_view initiator = {}) {
    return "<jingle xmlns='urn:xmpp:jingle:1' action='" + std::string{action} + "' sid='" + std::string{sid} + "'" +
           (initiator.empty() ? std::string{} : " initiator='" + std::string{initiator} + "'") + ">" +
           std::string{inside} + "</jingle>";
}

/// Audio and video, bundled, all candidates inside; mDNS host candidates among them.
inline std::string browser_initiate(std::string_view sid) {
    std::string candidates = browser_candidate(1, "8f7c6d1e-1f0a-4c3e-9d2b-2c1d5e6f7a8b.local", 51000, "host");
    candidates += browser_candidate(2, "198.51.100.77", 51001, "srflx");
    candidates += browser_candidate(3, "2001:db8:77::1", 51002, "host");
    candidates += browser_candidate(4, "203.0.113.9", 60001, "relay");
    return jingle("session-initiate", sid,
                  bundle() +
                      content("0", browser_description(false) + ice_transport(kBrowserUfrag, kBrowserPwd, candidates)) +
                      content("1", browser_description(true) + ice_transport(kBrowserUfrag, kBrowserPwd, candidates)),
                  "romeo@montague.example/orchard");
}

inline std::string browser_accept(std::string_view sid) {
    const auto candidates = browser_candidate(1, "192.0.2.44", 42000, "host");
    return jingle(
        "session-accept", sid,
        bundle() +
            content("0", browser_description(false) + ice_transport("cAll", "calleePasswordOf24Chars0", candidates)) +
            content("1", browser_description(true) + ice_transport("cAll", "calleePasswordOf24Chars0")));
}

/// Conversations: no candidates yet, they trickle.
inline std::string trickled_initiate(std::string_view sid) {
    const std::string description =
        "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>"
        "<payload-type id='111' name='opus' clockrate='48000' channels='2'/>"
        "<payload-type id='110' name='telephone-event' clockrate='48000'/><rtcp-mux/></description>";
    return jingle("session-initiate", sid,
                  content("audio", description + ice_transport("trk1", "trickledPasswordOf24Char")));
}

inline std::string transport_info(std::string_view sid, std::string_view name, std::string_view ufrag,
                                  std::string_view pwd, std::string_view candidates,
                                  std::string_view creator = "initiator") {
    return jingle("transport-info", sid, content(name, ice_transport(ufrag, pwd, candidates), creator));
}

/// A plain RTP end: G.711, separate RTP and RTCP ports.
inline std::string raw_session(std::string_view action, std::string_view sid, std::string_view ip, int port) {
    const std::string description =
        "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'><payload-type id='8' name='PCMA' "
        "clockrate='8000'/><payload-type id='101' name='telephone-event' clockrate='8000'/></description>";
    std::string transport = "<transport xmlns='urn:xmpp:jingle:transports:raw-udp:1'>";
    for (int component = 1; component <= 2; ++component) {
        transport += "<candidate component='" + std::to_string(component) + "' generation='0' id='raw" +
                     std::to_string(component) + "' ip='" + std::string{ip} + "' port='" +
                     std::to_string(port + component - 1) + "'/>";
    }
    return jingle(action, sid, content("voice", description + transport + "</transport>"));
}

}  // namespace carillon::test
