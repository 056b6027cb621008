#include "signaling/stream/output_queue.h"

#include <utility>

#include "signaling/stream/stream_text.h"
#include "signaling/xml/writer.h"

namespace carillon::stream {

std::string_view OutputQueue::push(const xml::Element& stanza, bool keep, const xmpp::CustodyPtr& custody,
                                   WallTime now) {
    if (sealed_) {
        if (keep) late_.push_back({stanza, custody, now});
        return {};
    }
    const auto begin = waiting_.text.size();
    auto text = begin;
    if (wire_.framed()) {
        const auto alone = xml::to_string(stanza, wire_.content_ns());
        wire_.append(waiting_.text, alone);
        text = waiting_.text.size() - alone.size();
    } else {
        xml::write(waiting_.text, stanza);
    }
    if (keep) {
        if (custody) custody->waits_for(0, 0);
        waiting_.kept.push_back({begin, text, waiting_.text.size(), custody, now});
    }
    return std::string_view{waiting_.text}.substr(text);
}

std::string_view OutputQueue::batch() {
    if (batch_.text.empty()) batch_ = std::exchange(waiting_, {});
    return std::string_view{batch_.text}.substr(written_);
}

void OutputQueue::written(std::size_t octets) {
    written_ += octets;
    if (written_ < batch_.text.size()) return;
    for (const auto& piece : batch_.kept) {
        if (!piece.custody) continue;
        piece.custody->reached();
        piece.custody->waits_no_more();
    }
    batch_ = {};
    written_ = 0;
}

std::vector<session::Undelivered> OutputQueue::undelivered() {
    std::vector<session::Undelivered> rest;
    const auto take = [&](const Text& from, std::size_t written) {
        for (const auto& piece : from.kept) {
            if (piece.custody) piece.custody->waits_no_more();
            if (piece.end <= written) continue;
            const std::string_view text{from.text};
            auto element = read_back(text.substr(piece.text, piece.end - piece.text));
            if (element) rest.push_back({std::move(*element), piece.custody, piece.when});
        }
    };
    take(batch_, written_);
    take(waiting_, 0);
    batch_.kept.clear();
    for (auto piece = waiting_.kept.rbegin(); piece != waiting_.kept.rend(); ++piece) {
        waiting_.text.erase(piece->begin, piece->end - piece->begin);
    }
    waiting_.kept.clear();
    for (auto& stanza : std::exchange(late_, {})) rest.push_back(std::move(stanza));
    return rest;
}

}  // namespace carillon::stream
