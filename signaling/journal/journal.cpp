#include "signaling/journal/journal.h"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <mutex>

#include "signaling/journal/segment.h"

namespace carillon::journal {

namespace {

constexpr std::string_view kSuffix = ".journal";
constexpr std::size_t kNowhere = ~std::size_t{0};

std::int64_t to_milliseconds(WallTime when) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(when.time_since_epoch()).count();
}

}  // namespace

/// A record in memory; its place changes when its segment is cleared out.
struct Entry {
    std::size_t segment = kNowhere;
    std::size_t offset = 0;
    std::size_t index = 0;  // in the segment's list
};

struct Journal::Impl {
    struct Shelf {
        std::unique_ptr<Segment> segment;
        std::vector<Entry*> entries;  // nullptr: settled
        std::size_t live = 0;
        std::size_t live_octets = 0;
    };

    std::expected<void, std::string> add_segment() {
        auto made = Segment::create(folder / (name + '-' + std::to_string(shelves.size()) + std::string{kSuffix}),
                                    limits.segment);
        if (!made) return std::unexpected{made.error()};
        shelves.push_back({std::move(*made), {}, 0, 0});
        return {};
    }

    bool put(Entry& entry, Header header, std::string_view text) {
        if (record_size(text.size()) + sizeof(Header) > limits.segment || !make_room(text.size())) {
            ++refused;
            return false;
        }
        place(entry, current, header, text);
        return true;
    }

    void place(Entry& entry, std::size_t at, Header header, std::string_view text) {
        auto& shelf = shelves[at];
        entry.segment = at;
        entry.offset = shelf.segment->append(header, text);
        entry.index = shelf.entries.size();
        shelf.entries.push_back(&entry);
        ++shelf.live;
        shelf.live_octets += record_size(text.size());
    }

    /// Room in the current segment: else an empty one, a new one, or the emptiest with what lives in it moved together.
    bool make_room(std::size_t text) {
        if (shelves[current].segment->has_room(text)) return true;
        for (std::size_t i = 0; i < shelves.size(); ++i) {
            if (shelves[i].live == 0 && i != reserve) return take(i);
        }
        if (shelves.size() < limits.segments && add_segment()) return take(shelves.size() - 1);
        std::size_t victim = kNowhere;
        for (std::size_t i = 0; i < shelves.size(); ++i) {
            if (i == reserve) continue;
            if (victim == kNowhere || shelves[i].live_octets < shelves[victim].live_octets) victim = i;
        }
        if (victim == kNowhere || shelves[victim].live_octets > limits.segment / 2) return false;
        take(reserve);
        for (auto* entry : shelves[victim].entries) {
            if (!entry) continue;
            auto& from = *shelves[victim].segment;
            const auto offset = entry->offset;
            place(*entry, current, from.at(offset), from.text(offset));
        }
        shelves[victim].live = shelves[victim].live_octets = 0;
        shelves[victim].entries.clear();
        shelves[victim].segment->clear();
        reserve = victim;
        return shelves[current].segment->has_room(text);
    }

    bool take(std::size_t index) {
        current = index;
        shelves[index].entries.clear();
        shelves[index].segment->clear();
        return true;
    }

    Header& header(const Entry& entry) { return shelves[entry.segment].segment->at(entry.offset); }

    /// With `leave` the record stays live in its file although nobody holds it any more.
    void drop(Entry& entry, bool leave) {
        auto& shelf = shelves[entry.segment];
        if (leave) {
            shelf.segment->keep_file();
            shelf.entries[entry.index] = nullptr;
            shelf.live_octets = limits.segment;
            return;  // still counted: the segment is neither used again nor cleared out
        }
        auto& settled = header(entry);
        settled.state &= ~Header::kLive;
        shelf.live_octets -= record_size(settled.length);
        shelf.entries[entry.index] = nullptr;
        --shelf.live;
    }

    std::filesystem::path folder;
    std::string name;
    Limits limits;
    std::mutex mutex;
    std::vector<Shelf> shelves;
    std::size_t current = 0;
    std::size_t reserve = 1;  // always empty, for moving together
    std::uint64_t number = 0;
    std::size_t refused = 0;
};

namespace {

class Held final : public xmpp::Custody {
  public:
    explicit Held(std::shared_ptr<Journal::Impl> journal) : journal_{std::move(journal)} {}
    ~Held() override {
        const std::lock_guard lock{journal_->mutex};
        if (entry.segment != kNowhere) journal_->drop(entry, left_ && !reached_);
    }
    void reached() override { reached_ = true; }
    bool has_reached() const override { return reached_; }
    void waits_for(std::uint64_t stream, std::uint32_t sequence) override {
        ++waiting_;
        if (stream == 0) return;
        const std::lock_guard lock{journal_->mutex};
        auto& header = journal_->header(entry);
        header.stream = stream;
        header.sequence = sequence;
    }
    void waits_no_more() override { --waiting_; }
    bool awaited() const override { return waiting_ > 0; }
    void leave() override { left_ = true; }

    Entry entry;

  private:
    std::shared_ptr<Journal::Impl> journal_;
    std::atomic<int> waiting_{0};
    std::atomic<bool> reached_{false};
    std::atomic<bool> left_{false};
};

class Mark final : public StreamMark {
  public:
    explicit Mark(std::shared_ptr<Journal::Impl> journal) : journal_{std::move(journal)} {}
    ~Mark() override {
        const std::lock_guard lock{journal_->mutex};
        if (entry.segment != kNowhere) journal_->drop(entry, left_);
    }
    void handled(std::uint32_t count) override {
        const std::lock_guard lock{journal_->mutex};
        journal_->header(entry).sequence = count;
    }
    void leave() override { left_ = true; }

    Entry entry;

  private:
    std::shared_ptr<Journal::Impl> journal_;
    bool left_ = false;
};

/// The records of one file's octets that are live.
void read_records(std::string_view octets, std::vector<std::pair<std::uint64_t, Record>>& into) {
    for (std::size_t offset = 0; offset + sizeof(Header) <= octets.size();) {
        Header header;
        std::memcpy(&header, octets.data() + offset, sizeof header);
        if (header.magic != Header::kMagic || header.length > octets.size() - offset - sizeof header) return;
        const auto kind = static_cast<Kind>(header.state & ~Header::kLive);
        if ((header.state & Header::kLive) && (kind == Kind::message || kind == Kind::stream)) {
            into.push_back({header.number,
                            {kind, std::string{octets.substr(offset + sizeof header, header.length)}, header.stream,
                             header.sequence, WallTime{std::chrono::milliseconds{header.when}}}});
        }
        offset += record_size(header.length);
    }
}

}  // namespace

Journal::Journal(std::shared_ptr<Impl> impl) : impl_{std::move(impl)} {}
Journal::~Journal() = default;

std::expected<std::unique_ptr<Journal>, std::string> Journal::open(const std::filesystem::path& folder,
                                                                   const std::string& name, Limits limits) {
    auto impl = std::make_shared<Impl>();
    impl->folder = folder;
    impl->name = name;
    impl->limits = limits;
    for (int i = 0; i < 2; ++i) {
        if (auto made = impl->add_segment(); !made) return std::unexpected{made.error()};
    }
    return std::unique_ptr<Journal>{new Journal{std::move(impl)}};
}

xmpp::CustodyPtr Journal::accept(std::string_view text, WallTime when) {
    auto held = std::make_shared<Held>(impl_);
    Header header{};
    header.state = static_cast<std::uint32_t>(Kind::message) | Header::kLive;
    header.when = to_milliseconds(when);
    const std::lock_guard lock{impl_->mutex};
    header.number = ++impl_->number;
    if (!impl_->put(held->entry, header, text)) return nullptr;
    return held;
}

std::unique_ptr<StreamMark> Journal::mark_stream(std::uint64_t stream, std::string_view user, WallTime when) {
    auto mark = std::make_unique<Mark>(impl_);
    Header header{};
    header.state = static_cast<std::uint32_t>(Kind::stream) | Header::kLive;
    header.stream = stream;
    header.when = to_milliseconds(when);
    const std::lock_guard lock{impl_->mutex};
    header.number = ++impl_->number;
    if (!impl_->put(mark->entry, header, user)) return nullptr;
    return mark;
}

std::size_t Journal::live() const {
    const std::lock_guard lock{impl_->mutex};
    std::size_t sum = 0;
    for (const auto& shelf : impl_->shelves) sum += shelf.live;
    return sum;
}

std::size_t Journal::refused() const {
    const std::lock_guard lock{impl_->mutex};
    return impl_->refused;
}

Legacy read_legacy(const std::filesystem::path& folder) {
    Legacy legacy;
    std::vector<std::pair<std::uint64_t, Record>> found;
    std::error_code error;
    for (const auto& file : std::filesystem::directory_iterator{folder, error}) {
        if (file.path().extension() != kSuffix) continue;
        std::ifstream in{file.path(), std::ios::binary};
        const std::string octets{std::istreambuf_iterator<char>{in}, {}};
        read_records(octets, found);
        legacy.files.push_back(file.path());
    }
    // Numbers are of one shard; between shards the time of acceptance decides.
    std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
        return a.second.when != b.second.when ? a.second.when < b.second.when : a.first < b.first;
    });
    for (auto& [number, record] : found) legacy.records.push_back(std::move(record));
    return legacy;
}

}  // namespace carillon::journal
