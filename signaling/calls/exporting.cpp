/// What goes to who watches from outside (call_exporter.h).
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

}  // namespace carillon::calls
