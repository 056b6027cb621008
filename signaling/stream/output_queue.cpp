#include "signaling/stream/output_queue.h"

#include <utility>

#include "signaling/stream/stream_text.h"
#include "signaling/xml/stream_parser.h"
#include "signaling/xml/writer.h"

namespace carillon::stream {

void OutputQueue::push(const xml::Element& stanza, bool keep) {
    if (sealed_) {
        if (keep) late_.push_back(stanza);
        return;
    }
    const auto begin = waiting_.text.size();
    xml::write(waiting_.text, stanza);
    if (keep) waiting_.kept.push_back({begin, waiting_.text.size()});
}

std::string_view OutputQueue::batch() {
    if (batch_.text.empty()) batch_ = std::exchange(waiting_, {});
    return std::string_view{batch_.text}.substr(written_);
}

void OutputQueue::written(std::size_t octets) {
    written_ += octets;
    if (written_ < batch_.text.size()) return;
    batch_ = {};
    written_ = 0;
}

std::vector<xml::Element> OutputQueue::undelivered() {
    std::vector<xml::Element> rest;
    xml::StreamParser parser;  // the stanzas were written for a stream: they are read back in one
    parser.feed(open_tag({}));
    const auto read_back = [&](const Text& from, std::size_t written) {
        for (const auto& piece : from.kept) {
            if (piece.end <= written) continue;
            parser.feed(std::string_view{from.text}.substr(piece.begin, piece.end - piece.begin));
            for (auto event = parser.next(); !std::holds_alternative<xml::NeedMore>(event); event = parser.next()) {
                if (auto* element = std::get_if<xml::Element>(&event)) rest.push_back(std::move(*element));
                if (std::holds_alternative<xml::StreamFault>(event)) return;
            }
        }
    };
    while (!std::holds_alternative<xml::NeedMore>(parser.next())) {
    }
    read_back(batch_, written_);
    read_back(waiting_, 0);
    batch_.kept.clear();
    for (auto piece = waiting_.kept.rbegin(); piece != waiting_.kept.rend(); ++piece) {
        waiting_.text.erase(piece->begin, piece->end - piece->begin);
    }
    waiting_.kept.clear();
    for (auto& stanza : std::exchange(late_, {})) rest.push_back(std::move(stanza));
    return rest;
}

}  // namespace carillon::stream
