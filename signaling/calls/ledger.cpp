#include "signaling/calls/ledger.h"

#include <map>

#include "config/base/log.h"

namespace carillon::calls {

std::expected<std::unique_ptr<CallLedger>, std::string> CallLedger::open(const std::filesystem::path& folder,
                                                                         std::size_t shards, WallTime now) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
    if (error) return std::unexpected{folder.string() + ": " + error.message()};
    auto ledger = std::make_unique<CallLedger>();
    auto legacy = journal::read_legacy(folder);
    ledger->left_files_ = std::move(legacy.files);
    std::map<std::string, Left> newest;  // a call that was being written has two: the later one counts
    std::size_t damaged = 0;
    for (const auto& record : legacy.records) {
        auto saved = from_state(record.text);
        if (!saved) {
            ++damaged;
            continue;
        }
        const auto shard = pair_hash(saved->call->caller, saved->call->callee) % shards;
        const auto id = saved->call->record.id;
        newest.insert_or_assign(id, Left{shard, std::move(*saved)});
    }
    if (damaged > 0) log::error("calls of the process before cannot be read", {{"calls", damaged}});
    for (auto& [id, left] : newest) ledger->left_.push_back(std::move(left));
    const auto generation = std::to_string(now.time_since_epoch().count());
    for (std::size_t i = 0; i < shards; ++i) {
        auto opened = journal::Journal::open(folder, std::to_string(i) + '-' + generation);
        if (!opened) return std::unexpected{opened.error()};
        ledger->journals_.push_back(std::move(*opened));
    }
    return ledger;
}

std::shared_ptr<void> CallLedger::keep(std::size_t shard, std::string_view state, WallTime now) {
    return journals_[shard]->accept(state, now);
}

std::vector<SavedCall> CallLedger::take(std::string_view host, std::size_t shard) {
    std::vector<SavedCall> out;
    const std::scoped_lock lock{mutex_};
    std::erase_if(left_, [&](Left& left) {
        if (left.shard != shard || left.saved.call->host != host) return false;
        out.push_back(std::move(left.saved));
        return true;
    });
    return out;
}

std::set<std::string, std::less<>> CallLedger::sessions() const {
    std::set<std::string, std::less<>> out;
    const std::scoped_lock lock{mutex_};
    for (const auto& left : left_)
        if (!left.saved.place.session.empty()) out.insert(left.saved.place.session);
    return out;
}

void CallLedger::close_legacy() {
    const std::scoped_lock lock{mutex_};
    if (!left_.empty())
        log::warning("calls of hosts that are not served any more are forgotten", {{"calls", left_.size()}});
    left_.clear();
    std::error_code ignored;
    for (const auto& file : std::exchange(left_files_, {})) std::filesystem::remove(file, ignored);
}

}  // namespace carillon::calls
