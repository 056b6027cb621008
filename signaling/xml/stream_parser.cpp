#include "signaling/xml/stream_parser.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <numeric>
#include <utility>
#include <vector>

#include "signaling/xml/expat_work.h"

namespace carillon::xml {
namespace {

constexpr std::size_t kRenewal = 256 * 1024;  // octets after which a parser forgets the names it has seen
constexpr std::size_t kMaxSpare = 64;         // parsers that wait for work, of each thread
constexpr std::size_t kMaxKept = 256;         // parsers that wait for the stream they come from, of each thread

thread_local bool no_more_spare = false;  // the thread ends

}  // namespace

/// Parsers out of work, so that a stream needs one only while it has something to say.
/// Threading: one of each thread.
struct StreamParser::Spare {
    ~Spare() { no_more_spare = true; }

    static Spare& of_thread() {
        thread_local Spare spare;
        return spare;
    }

    static std::unique_ptr<Impl> take(const ParserLimits& limits) {
        if (no_more_spare || of_thread().list.empty()) return std::make_unique<Impl>(limits);
        auto impl = std::move(of_thread().list.back());
        of_thread().list.pop_back();
        impl->limits = limits;
        return impl;
    }

    static void give(std::unique_ptr<Impl> impl) {
        if (no_more_spare || of_thread().list.size() >= kMaxSpare || impl->bulky || impl->fed > kRenewal) return;
        if (impl->chunk.capacity() > 4096) std::string{}.swap(impl->chunk);
        impl->chunk.clear();
        impl->fault.reset();
        impl->closed = false;
        impl->waiting = false;
        of_thread().list.push_back(std::move(impl));
    }

    /// Keeps a parser that rests as it is; what is told is the ticket for it, 0 for none. Another one may have to go.
    static std::uint64_t keep(std::unique_ptr<Impl> impl) {
        if (no_more_spare || impl->bulky || impl->fed > kRenewal) return give(std::move(impl)), 0;
        auto& self = of_thread();
        if (self.empty.empty()) {
            self.empty.push_back(self.hand);
            give(std::move(self.kept[self.hand].impl));
            self.hand = (self.hand + 1) % kMaxKept;
        }
        const auto place = self.empty.back();
        self.empty.pop_back();
        // Never twice the same, on any thread: whoever comes back on another one finds nothing of theirs.
        static std::atomic<std::uint64_t> block{0};
        if (self.next_ticket % kBlock == 0) self.next_ticket = block.fetch_add(kBlock, std::memory_order_relaxed);
        const auto ticket = (++self.next_ticket) * kMaxKept + place;
        self.kept[place] = {ticket, std::move(impl)};
        return ticket;
    }

    /// Nothing if somebody else needed it.
    static std::unique_ptr<Impl> take_back(std::uint64_t ticket) {
        if (ticket == 0 || no_more_spare) return nullptr;
        auto& self = of_thread();
        auto& kept = self.kept[ticket % kMaxKept];
        if (kept.ticket != ticket) return nullptr;
        kept.ticket = 0;
        self.empty.push_back(ticket % kMaxKept);
        return std::move(kept.impl);
    }

    static constexpr std::uint64_t kBlock = 1 << 20;
    struct Kept {
        std::uint64_t ticket = 0;
        std::unique_ptr<Impl> impl;
    };

    std::vector<std::unique_ptr<Impl>> list;
    std::array<Kept, kMaxKept> kept;
    std::vector<std::size_t> empty = [] {
        std::vector<std::size_t> all(kMaxKept);
        std::iota(all.begin(), all.end(), 0);
        return all;
    }();
    std::size_t hand = 0;
    std::uint64_t next_ticket = 0;
};

StreamParser::StreamParser(ParserLimits limits) : limits_{limits} {}
StreamParser::~StreamParser() { rest_no_more(); }
StreamParser::StreamParser(StreamParser&& other) noexcept { *this = std::move(other); }
StreamParser& StreamParser::operator=(StreamParser&& other) noexcept {
    rest_no_more();
    limits_ = other.limits_;
    root_ = std::move(other.root_);
    impl_ = std::move(other.impl_);
    ticket_ = std::exchange(other.ticket_, 0);
    return *this;
}

/// The parser goes back to where everybody takes theirs from.
void StreamParser::rest_no_more() {
    if (!impl_) impl_ = Spare::take_back(std::exchange(ticket_, 0));
    if (impl_) Spare::give(std::move(impl_));
    impl_.reset();
}

void StreamParser::wake_up() {
    impl_ = Spare::take_back(std::exchange(ticket_, 0));
    if (impl_) {
        impl_->limits = limits_;
        return;
    }
    impl_ = Spare::take(limits_);
    if (root_.empty())
        impl_->begin();
    else
        impl_->begin_inside(root_);
}

void StreamParser::feed(std::string_view bytes) {
    if (bytes.empty()) return;
    if (!impl_) {
        // White space between stanzas keeps connections alive and says nothing.
        if (!root_.empty() && bytes.find_first_not_of(" \t\r\n") == std::string_view::npos) return;
        wake_up();
    }
    impl_->chunk.assign(bytes);
    impl_->fed += bytes.size();
    impl_->waiting = true;
}

StreamEvent StreamParser::next() {
    if (!impl_) return NeedMore{};
    auto& impl = *impl_;
    if (impl.closed) return StreamClose{};
    if (impl.next_event == impl.events.size() && impl.waiting) {
        if (impl.mark > kRenewal && impl.suspended && impl.depth == 1 && !impl.root.empty()) impl.renew();
        impl.parse();
    }
    if (impl.next_event < impl.events.size()) {
        auto event = std::move(impl.events[impl.next_event++]);
        if (impl.next_event == impl.events.size()) {
            impl.events.clear();
            impl.next_event = 0;
        }
        impl.closed = std::holds_alternative<StreamClose>(event);
        return event;
    }
    if (impl.fault) return *impl.fault;
    if (impl.fed - impl.mark > impl.limits.stanza_bytes || impl.fed - impl.consumed > expat::kMaxToken) {
        impl.fault = StreamFault{"policy-violation", "the stanza is too large"};
        return *impl.fault;
    }
    if (impl.idle()) {
        if (root_ != impl.root) root_ = impl.root;
        if (impl.chunk.capacity() > 4096) std::string{}.swap(impl.chunk);
        ticket_ = Spare::keep(std::move(impl_));
        return NeedMore{};
    }
    // Nothing waits: give the memory of a rare large chunk back.
    if (impl.chunk.capacity() > 4096) std::string{}.swap(impl.chunk);
    return NeedMore{};
}

void StreamParser::restart() {
    std::string rest;
    if (impl_ && impl_->waiting) {
        const auto chunk_begins = impl_->fed - impl_->chunk.size();
        rest = impl_->chunk.substr(std::min(impl_->mark - std::min(impl_->mark, chunk_begins), impl_->chunk.size()));
    }
    restart_discarding();
    feed(rest);
}

void StreamParser::restart_discarding() {
    root_.clear();
    rest_no_more();
}

void StreamParser::set_limits(ParserLimits limits) {
    limits_ = limits;
    if (impl_) impl_->limits = limits;
}

bool StreamParser::has_pending() const { return impl_ && impl_->waiting; }

std::expected<Element, std::string_view> parse_document(std::string_view text, ParserLimits limits,
                                                        std::string_view context_ns) {
    // A stream of one stanza; the document may begin with an XML declaration, which is passed over.
    if (text.starts_with("<?xml")) {
        const auto end = text.find("?>");
        if (end == std::string_view::npos) return std::unexpected{std::string_view{"not-well-formed"}};
        text.remove_prefix(end + 2);
    }
    StreamParser parser{limits};
    parser.feed(context_ns.empty() ? "<document>" : "<document xmlns='" + std::string{context_ns} + "'>");
    if (!std::holds_alternative<StreamOpen>(parser.next())) return std::unexpected{std::string_view{"not-well-formed"}};
    if (!std::holds_alternative<NeedMore>(parser.next())) return std::unexpected{std::string_view{"not-well-formed"}};
    parser.feed(text);
    auto event = parser.next();
    if (const auto* fault = std::get_if<StreamFault>(&event)) return std::unexpected{fault->condition};
    auto* element = std::get_if<Element>(&event);
    if (!element) return std::unexpected{std::string_view{"not-well-formed"}};
    Element whole = std::move(*element);
    if (!std::holds_alternative<NeedMore>(parser.next())) return std::unexpected{std::string_view{"not-well-formed"}};
    return whole;
}

}  // namespace carillon::xml
