/// The side of a BOSH session where the stream is: WebSocket messages in a pipe (RFC 7395).
#include <array>

#include <boost/asio/post.hpp>

#include "signaling/bosh/session.h"
#include "signaling/http/websocket.h"
#include "signaling/xml/stream_parser.h"
#include "signaling/xml/writer.h"

namespace carillon::bosh {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kEnough = 64 * 1024;  // for one answer; the stream waits

/// RFC 6455 §5.3: a client's frames are masked; with zeros there is nothing to do.
void append_masked_frame(std::string& out, std::string_view text) {
    const auto header = out.size();
    http::append_frame_header(out, http::Opcode::text, text.size());
    out[header + 1] = static_cast<char>(static_cast<unsigned char>(out[header + 1]) | 0x80);
    out.append(4, '\0');
    out += text;
}

bool is_stanza(std::string_view text) {
    return text.starts_with("<message") || text.starts_with("<presence") || text.starts_with("<iq");
}

/// A resource is bound (RFC 6120 §7, XEP-0386).
bool tells_of_binding(std::string_view text) {
    return (text.starts_with("<iq") && text.contains("urn:ietf:params:xml:ns:xmpp-bind")) ||
           (text.starts_with("<success") && text.contains("urn:xmpp:bind:0"));
}

void drop_management(xml::Element& element) {
    element.remove_children_if([](const xml::Element& child) { return child.ns() == "urn:xmpp:sm:3"; });
    for (auto* child : element.children()) {
        if (child->name() == "inline" || child->name() == "authentication" || child->name() == "bind")
            drop_management(*child);
    }
}

/// The condition of a stream error as a terminal binding condition (XEP-0124 §17.2, XEP-0206 §6).
std::string condition_of(const std::string& error) {
    for (const std::string_view same : {"host-unknown", "host-gone", "system-shutdown", "see-other-uri"}) {
        if (error.contains('<' + std::string{same})) return std::string{same};
    }
    return "remote-stream-error";
}

}  // namespace

void Session::send_frame(std::string_view text) {
    append_masked_frame(outbox_, text);
    push();
}

void Session::push() {
    while (!outbox_.empty()) {
        const auto written = stream_.out->write(outbox_);
        if (!written) return outbox_.clear();  // it is over, as reading will tell
        outbox_.erase(0, *written);
        if (outbox_.empty()) return std::string{}.swap(outbox_);
        auto wake = [&io = io_, weak = weak_from_this()] {
            asio::post(io, [weak] {
                const auto self = weak.lock();
                if (!self || self->over_) return;
                self->push();
                self->work();
                self->watch_inactivity();
            });
        };
        if (*written == 0 && stream_.out->wait_to_write(std::move(wake))) return;
    }
}

/// Everything that the stream has said, up to what one answer may hold.
void Session::pull() {
    std::array<char, 16 * 1024> piece;
    while (!stream_over_ && queue_.size() < kEnough) {
        if (take_frame()) continue;
        const auto count = stream_.in->read(piece);
        if (!count) {
            stream_over_ = true;
            if (condition_.empty() && !closing_) condition_ = "remote-connection-failed";
            return;
        }
        if (*count == 0) return arm_reading();
        inbox_.append(piece.data(), *count);
    }
}

void Session::arm_reading() {
    if (armed_) return;
    auto wake = [&io = io_, weak = weak_from_this()] {
        asio::post(io, [weak] {
            const auto self = weak.lock();
            if (!self) return;
            self->armed_ = false;
            self->respond();
        });
    };
    armed_ = true;
    if (stream_.in->wait_to_read(wake)) return;
    wake();
}

/// One whole message off the front of what has been read.
bool Session::take_frame() {
    const auto octet = [&](std::size_t at) { return static_cast<unsigned char>(inbox_[at]); };
    if (inbox_.size() < 2) return false;
    std::size_t length = octet(1);
    std::size_t header = 2;
    if (length >= 126) {
        header += length == 126 ? 2 : 8;
        if (inbox_.size() < header) return false;
        length = 0;
        for (std::size_t at = 2; at < header; ++at) length = length << 8 | octet(at);
    }
    if (inbox_.size() - header < length) return false;
    const auto text = inbox_.substr(header, length);
    const bool is_text = (octet(0) & 0x0f) == static_cast<unsigned>(http::Opcode::text);
    inbox_.erase(0, header + length);
    if (inbox_.empty()) std::string{}.swap(inbox_);
    if (is_text) take(text);
    return true;
}

void Session::take(std::string_view text) {
    if (text.starts_with("<open ")) {
        const auto open = xml::parse_document(text);
        if (open) stream_id_ = open->attribute("id");
    } else if (text.starts_with("<close ")) {
        stream_over_ = true;
        if (condition_.empty() && !error_.empty()) condition_ = condition_of(error_);
    } else if (text.starts_with("<stream:error")) {
        error_ = text;
    } else if (text.starts_with("<stream:features")) {
        take_features(text);
    } else if (text.starts_with("<r xmlns='urn:xmpp:sm:3'")) {
        acknowledge();
    } else if (enabling_ && text.starts_with("<enabled ")) {  // the answer to ours: from here on it counts
        enabling_ = false;
        managed_ = true;
    } else {
        if (managed_ && is_stanza(text)) ++stanzas_;
        queue_ += text;
        if (!managed_ && !enabling_ && tells_of_binding(text)) {
            enabling_ = true;
            send_frame("<enable xmlns='urn:xmpp:sm:3'/>");
        }
    }
}

void Session::take_features(std::string_view text) {
    auto features = xml::parse_document(text);
    if (!features) return;
    drop_management(*features);
    queue_ += xml::to_string(*features, {});
}

}  // namespace carillon::bosh
