/// The counters of each SSRC of one direction, in a table that cannot grow without end.
/// Spec: RFC 3711 §3.2.3 (contexts by SSRC), §3.3.2.
#pragma once
#include <algorithm>
#include <vector>

#include "media/srtp/index.h"
#include "media/srtp/index_cell.h"
#include "media/srtp/transform.h"

namespace carillon::srtp {

struct SsrcContext {
    std::uint32_t ssrc = 0;
    ReplayWindow<1024> rtp;  // packets; video bursts reorder more than the 64 that RFC 3711 asks for at least
    ReplayWindow<128> rtcp;
    IndexCells cells{};

    /// Before the packet leaves or is passed on: whoever finds the cells may be sure that no later index was used.
    void mark_rtp(std::uint64_t index) {
        rtp.mark(index);
        if (cells.rtp) *cells.rtp = pack_index(ssrc, rtp.highest());
    }
    void mark_rtcp(std::uint64_t index) {
        rtcp.mark(index);
        if (cells.rtcp) *cells.rtcp = pack_index(ssrc, rtcp.highest());
    }
    void put_down() {
        if (cells.rtp && rtp.started()) *cells.rtp = pack_index(ssrc, rtp.highest());
        if (cells.rtcp && rtcp.started()) *cells.rtcp = pack_index(ssrc, rtcp.highest());
    }
};

/// Looks an SSRC up by comparing: calls have a handful, and the one used last is asked first.
/// Threading: one thread. Allocates only when an SSRC is new.
class SsrcTable {
  public:
    SsrcContext* find(std::uint32_t ssrc) {
        if (last_ < contexts_.size() && contexts_[last_].ssrc == ssrc) return &contexts_[last_];
        for (std::size_t i = 0; i < contexts_.size(); ++i) {
            if (contexts_[i].ssrc != ssrc) continue;
            last_ = i;
            return &contexts_[i];
        }
        return nullptr;
    }
    /// For an SSRC that has proved itself. nullptr: the table is full. Pointers from before are void.
    SsrcContext* add(std::uint32_t ssrc) {
        if (contexts_.size() >= kMaxSsrcs) return nullptr;
        last_ = contexts_.size();
        return &contexts_.emplace_back(
            SsrcContext{.ssrc = ssrc, .rtp = {}, .rtcp = {}, .cells = keeper_ ? keeper_(ssrc) : IndexCells{}});
    }
    bool full() const { return contexts_.size() >= kMaxSsrcs; }

    std::vector<SsrcState> states() const {
        std::vector<SsrcState> out;
        for (const auto& each : contexts_)
            out.push_back({.ssrc = each.ssrc,
                           .rtp_index = each.rtp.highest(),
                           .rtcp_index = static_cast<std::uint32_t>(each.rtcp.highest()),
                           .rtp = each.rtp.started(),
                           .rtcp = each.rtcp.started()});
        return out;
    }
    void restore(const SsrcState& state) {
        auto* context = find(state.ssrc);
        if (!context) context = add(state.ssrc);
        if (!context) return;
        if (state.rtp) context->rtp.resume(state.rtp_index);
        if (state.rtcp) context->rtcp.resume(state.rtcp_index);
        context->put_down();
    }
    std::optional<RtpWindow> window(std::uint32_t ssrc) {
        const auto* context = find(ssrc);
        if (!context || !context->rtp.started()) return std::nullopt;
        RtpWindow out{context->rtp.highest(), context->rtp.words()};
        out.seen[out.highest / 64 % out.seen.size()] &= ~std::uint64_t{0} >> (63 - out.highest % 64);
        return out;
    }
    void resume(std::uint32_t ssrc, const RtpWindow& window) {
        auto* context = find(ssrc);
        if (!context) return;
        context->rtp.resume(window.highest, window.seen);
        context->put_down();
    }
    /// From now on indices are put down where `keeper` says, those that are known already at once.
    void keep(IndexKeeper keeper) {
        keeper_ = std::move(keeper);
        for (auto& context : contexts_) {
            context.cells = keeper_ ? keeper_(context.ssrc) : IndexCells{};
            context.put_down();
        }
    }

  private:
    std::vector<SsrcContext> contexts_;
    IndexKeeper keeper_;
    std::size_t last_ = 0;
};

}  // namespace carillon::srtp
