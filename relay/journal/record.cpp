#include "relay/journal/record.h"

#include <atomic>
#include <utility>

#include "journal.pb.h"
#include "relay/api/convert.h"

namespace carillon::relay::journal {
namespace {

std::int64_t nanoseconds(SteadyTime time) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

std::uint64_t pack_ssrc(std::uint32_t ssrc) { return srtp::pack_index(~ssrc, ssrc); }

/// The cells of an SSRC: its own from before, else the first that are free, in a new block when none are.
srtp::IndexCells cells_of(BlockFile& file, std::uint32_t table, std::uint32_t ssrc) {
    const auto mine = pack_ssrc(ssrc);
    for (auto number = table; number != 0;) {
        auto& block = file.at<Ssrcs>(number);
        for (auto& entry : block.entries) {
            if (entry.ssrc != mine && entry.ssrc != 0) continue;
            std::atomic_ref{entry.ssrc}.store(mine, std::memory_order_release);
            return {&entry.rtp, &entry.rtcp};
        }
        if (block.next == 0) {
            const auto more = file.take(Kind::ssrcs);
            std::atomic_ref{block.next}.store(more, std::memory_order_release);
        }
        number = block.next;
    }
    return {};
}

void put_keys(const std::optional<AgreedKeys>& agreed, proto::SavedLeg& leg) {
    if (!agreed) {
        leg.clear_profile();
        leg.clear_local();
        leg.clear_remote();
        return;
    }
    leg.set_profile(std::string{srtp::to_string(agreed->profile)});
    leg.set_local(std::string{as_text(agreed->local)});
    leg.set_remote(std::string{as_text(agreed->remote)});
}

}  // namespace

std::unique_ptr<Record> Record::make(BlockFile& file, const std::string& session, const api::StreamSetup& setup,
                                     const std::array<LegPorts, 2>& ports, SteadyTime opened, SteadyTime expires) {
    const auto head = file.take(Kind::head);
    if (head == 0) return nullptr;
    std::unique_ptr<Record> record{new Record{file, head}};
    proto::Saved saved;
    saved.set_session(session);
    api::to_proto(setup, *saved.mutable_setup());
    for (const auto port : ports[0]) saved.mutable_a()->add_ports(port);
    for (const auto port : ports[1]) saved.mutable_b()->add_ports(port);
    auto& written = record->head();
    written.opened = nanoseconds(opened);
    written.expires = expires == SteadyTime{} ? 0 : nanoseconds(expires);
    for (std::size_t leg = 0; leg < 2; ++leg)
        for (std::size_t component = 0; component < ports[leg].size() && component < 2; ++component)
            written.paths[leg][component] = file.take(Kind::paths);
    if (!file.put(written.text, as_bytes(saved.SerializeAsString()))) return nullptr;
    std::atomic_ref{written.kind}.store(Kind::head, std::memory_order_release);
    return record;
}

Record::~Record() { give_up(); }

void Record::give_up() {
    const auto number = std::exchange(head_, 0);
    if (number == 0) return;
    const Head was = file_.at<Head>(number);
    file_.free(number);
    for (const auto& text : was.text) file_.free_chain(text.first);
    for (const auto& leg : was.paths)
        for (const auto paths : leg) file_.free(paths);
    for (auto& each : tables_) file_.free_chain(std::exchange(each, 0));
}

std::uint32_t Record::table(std::size_t place, const srtp::Session* session, bool fresh,
                            std::vector<std::uint32_t>& old) {
    auto& mine = tables_[place];
    if (session && mine != 0 && !fresh) return mine;
    if (mine != 0) old.push_back(std::exchange(mine, 0));
    if (session) mine = file_.take(Kind::ssrcs);
    return mine;
}

srtp::IndexKeeper Record::keeper(std::uint32_t table) const {
    return [&file = file_, table](std::uint32_t ssrc) { return cells_of(file, table, ssrc); };
}

void Record::save_leg(std::size_t leg, const api::LegSetup* setup, const LegState& state) {
    if (!holds()) return;
    proto::Saved saved;
    const auto before = file_.get(head().text);
    if (!saved.ParseFromArray(before.data(), static_cast<int>(before.size()))) return give_up();
    if (setup) {
        auto& said = leg == 0 ? *saved.mutable_setup()->mutable_a() : *saved.mutable_setup()->mutable_b();
        said.Clear();
        api::to_proto(*setup, said);
    }
    auto& own = leg == 0 ? *saved.mutable_a() : *saved.mutable_b();
    own.clear_own_before();
    for (const auto& each : state.own_before) {
        auto* added = own.add_own_before();
        added->set_ufrag(each.ufrag);
        added->set_pwd(each.pwd);
    }
    put_keys(state.agreed, own);
    std::vector<std::uint32_t> old;
    own.set_inbound(table(2 * leg, state.inbound, state.fresh_inbound, old));
    own.set_outbound(table(2 * leg + 1, state.outbound, state.fresh_outbound, old));
    // Under the old text the old keys go with the old indices, under the new one the new with the new.
    const bool room = (!state.inbound || own.inbound() != 0) && (!state.outbound || own.outbound() != 0);
    const auto keep = [&](srtp::Session* session, std::uint32_t table) {
        return !session || session->keep(keeper(table));
    };
    if (!room || !keep(state.inbound, own.inbound()) || !keep(state.outbound, own.outbound()) ||
        !file_.put(head().text, as_bytes(saved.SerializeAsString()))) {
        for (auto* session : {state.inbound, state.outbound})
            if (session) session->keep({});
        give_up();
    }
    for (const auto number : old) file_.free_chain(number);
}

void Record::save_paths(std::size_t leg, std::size_t component, const PathSet& set) {
    if (!holds() || component > 1) return;
    const auto number = head().paths[leg][component];
    if (number == 0) return;
    auto& paths = file_.at<Paths>(number);
    const bool second = paths.copy[1].sequence > paths.copy[0].sequence;
    auto& other = paths.copy[second ? 0 : 1];
    PathCopy made{.sequence = paths.copy[second ? 1 : 0].sequence + 1, .check = 0, .set = set};
    made.check = check_of(made);
    other.sequence = 0;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    other.set = made.set;
    other.check = made.check;
    std::atomic_ref{other.sequence}.store(made.sequence, std::memory_order_release);
}

void Record::save_counters(std::size_t leg, const SavedCounters& counters) {
    if (holds()) head().counters[leg] = counters;
}

void Record::save_program(const api::Program& program) {
    if (!holds()) return;
    proto::Saved saved;
    const auto before = file_.get(head().text);
    if (!saved.ParseFromArray(before.data(), static_cast<int>(before.size()))) return give_up();
    saved.mutable_setup()->clear_program();
    if (program.kind != api::Program::Kind::none) api::to_proto(program, *saved.mutable_setup()->mutable_program());
    if (!file_.put(head().text, as_bytes(saved.SerializeAsString()))) give_up();
}

void Record::save_point(std::size_t leg, bool pictures, const StreamPoint& point) {
    if (!holds()) return;
    const auto at = std::chrono::duration_cast<std::chrono::milliseconds>(point.at.time_since_epoch()).count();
    SavedPoint made{.ssrc = point.ssrc,
                    .timestamp = point.timestamp,
                    .at = static_cast<std::uint32_t>(at),
                    .sequence = point.sequence,
                    .check = 0};
    made.check = check_of(made);
    head().points[leg][pictures ? 1 : 0] = made;
}

}  // namespace carillon::relay::journal
