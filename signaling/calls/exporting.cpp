/// What goes to who watches from outside (call_exporter.h).
#include <algorithm>

#include "signaling/calls/controller.h"

namespace carillon::calls {

void Controller::export_stanza(const Call& call, const xmpp::Stanza& stanza) {
    if (exporter_) exporter_->signalled({.id = call.record.id, .sid = call.sid}, stanza);
}

void Controller::export_counters(const Call& call) {
    if (!exporter_) return;
    for (const auto& stream : call.streams) {
        if (!stream.open) continue;
        for (const auto side : {Side::caller, Side::callee}) {
            const auto& told = stream.ports.told[index(side)];
            exporter_->measured({.id = call.record.id, .sid = call.sid}, stream.id, side, stream.last.from[index(side)],
                                told.empty() ? jingle::RelayAddress{} : told.front());
        }
    }
}

void Controller::export_rtcp(const std::string& id, const MediaRelay::Rtcp& report) const {
    const auto call = exporter_ ? find_id(id) : nullptr;
    if (!call) return;
    const auto stream = std::ranges::find(call->streams, report.stream, &Stream::id);
    if (stream == call->streams.end()) return;
    const auto& told = stream->ports.told[index(report.from)];
    exporter_->reported({.id = call->record.id, .sid = call->sid}, report,
                        told.empty() ? jingle::RelayAddress{} : told.front());
}

}  // namespace carillon::calls
