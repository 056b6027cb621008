#include "signaling/files/uploads.h"

#include <algorithm>
#include <cerrno>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "config/base/log.h"
#include "signaling/files/address.h"
#include "signaling/files/answers.h"
#include "signaling/files/byte_range.h"
#include "signaling/files/file_source.h"
#include "signaling/files/media_type.h"
#include "signaling/files/thumbnailer.h"
#include "signaling/runtime/on_pool.h"

namespace carillon::files {
namespace {

using runtime::on_pool;

constexpr std::chrono::minutes kSlotLife{10};            // to begin in
constexpr std::uint64_t kSlowest = 2048;                 // octets a second, as the HTTP server wants them
constexpr std::size_t kSweepStep = 200;                  // files forgotten in one transaction
constexpr std::size_t kMaxThumbnails = 16;               // under way; files beyond have none
constexpr std::chrono::seconds kPatience{8};             // with one
constexpr std::size_t kRecent = 4096;                    // files whose facts are at hand
constexpr std::uint64_t kReserve = 64ULL * 1024 * 1024;  // octets of the disk that are left to others

}  // namespace

Uploads::Uploads(storage::UploadStore& store, std::filesystem::path folder, Secret secret,
                 std::filesystem::path thumbnailer, const Clock& clock)
    : store_{store},
      content_{std::move(folder)},
      secret_{std::move(secret)},
      thumbnailer_{std::move(thumbnailer)},
      clock_{clock} {}

Uploads::~Uploads() {
    disk_.join();
    thumbnails_.join();
}

awaitable<std::expected<Slot, storage::UploadReservation>> Uploads::open_slot(storage::Upload wanted,
                                                                              storage::UploadLimits limits) {
    wanted.id = make_file_id();
    wanted.name = safe_name(wanted.name);
    wanted.created = clock_.wall();
    wanted.expires = wanted.created + kSlotLife + std::chrono::seconds{wanted.size / kSlowest};
    Slot slot{file_path(wanted.id, wanted.name), file_path(wanted.id, wanted.name)};
    slot.put += '?' + sign_slot(secret_, wanted.id, wanted.created + kSlotLife);
    const bool no_room = free_space() < wanted.size + kReserve;
    if (no_room) {
        storage::UploadReservation full{storage::UploadRefusal::disk_full, {}};
        co_return std::unexpected{std::move(full)};
    }
    auto reserved = co_await store_.reserve(std::move(wanted), limits);
    if (reserved.refusal != storage::UploadRefusal::none) co_return std::unexpected{std::move(reserved)};
    co_return slot;
}

// ---- what came in lately

void Uploads::remember(storage::Upload upload) {
    const std::lock_guard lock{mutex_};
    recent_.push_front(std::move(upload));
    recent_by_id_[recent_.front().id] = recent_.begin();
    if (recent_.size() <= kRecent) return;
    recent_by_id_.erase(recent_.back().id);
    recent_.pop_back();
}

std::optional<storage::Upload> Uploads::recent(std::string_view path) const {
    const auto address = parse_file_path(path);
    if (!address) return std::nullopt;
    const std::lock_guard lock{mutex_};
    const auto at = recent_by_id_.find(address->id);
    if (at == recent_by_id_.end() || at->second->name != address->name) return std::nullopt;
    return *at->second;
}

// ---- what has had its day

void Uploads::start(boost::asio::io_context& io, std::chrono::milliseconds interval) {
    timer_ = std::make_shared<boost::asio::steady_timer>(io);
    boost::asio::co_spawn(io, sweep(interval), boost::asio::detached);
}

void Uploads::stop() {
    if (timer_) timer_->cancel();
    timer_.reset();
}

awaitable<void> Uploads::sweep(std::chrono::milliseconds interval) {
    const auto timer = timer_;
    bool first = true;
    while (timer_ == timer) {
        try {
            if (std::exchange(first, false)) co_await remove_strangers();
            co_await remove_expired();
        } catch (const std::exception& problem) {
            log::error("uploads are not swept", {{"error", problem.what()}});
        }
        timer->expires_after(interval);
        boost::system::error_code cancelled;
        co_await timer->async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, cancelled));
        if (cancelled) co_return;
    }
}

/// Content that a former process took in and never answered for.
awaitable<void> Uploads::remove_strangers() {
    std::size_t removed = 0;
    for (unsigned first = 0; first < 256; ++first) {
        auto list = [this, first] { return content_.list(static_cast<std::uint8_t>(first)); };
        auto hashes = co_await on_pool(disk_, list);
        if (hashes.empty()) continue;
        std::function<void(const std::string&)> remove = [this](const std::string& hash) { content_.remove(hash); };
        removed += co_await store_.remove_unknown(std::move(hashes), std::move(remove));
    }
    if (removed > 0) log::info("removed content that no upload refers to", {{"files", removed}});
}

awaitable<void> Uploads::remove_expired() {
    std::size_t gone = 0;
    do {
        std::function<void(const std::string&)> remove = [this](const std::string& hash) { content_.remove(hash); };
        gone = co_await store_.collect(clock_.wall(), kSweepStep, std::move(remove));
    } while (gone == kSweepStep);
}

// ---- HTTP

void Uploads::add_to(http::Routes& routes) {
    routes.add_tree(std::string{kTree},
                    [this](const http::Request& request, http::Body& body) { return handle(request, body); });
}

awaitable<http::Response> Uploads::handle(const http::Request& request, http::Body& body) {
    if (request.method == "OPTIONS") co_return preflight();
    auto address = parse_file_path(request.path);
    if (!address) co_return refuse(404, "There is no such file.\n");
    if (request.method == "PUT") co_return co_await put(request, body, std::move(address->id));
    if (request.method == "GET" || request.method == "HEAD")
        co_return co_await get(request, std::move(address->id), std::move(address->name));
    co_return not_allowed();
}

/// While a file arrives nobody else may send it.
struct Uploads::Arrival {
    Arrival(std::shared_ptr<std::set<std::string>> all, std::string mine) : ids{std::move(all)}, id{std::move(mine)} {
        first = ids->insert(id).second;
    }
    ~Arrival() {
        if (first) ids->erase(id);
    }
    Arrival(const Arrival&) = delete;
    Arrival& operator=(const Arrival&) = delete;
    std::shared_ptr<std::set<std::string>> ids;
    std::string id;
    bool first = false;
};

namespace {

/// XEP-0363 §5: what was said before and what is said now should be the same; whoever says nothing says no other.
bool is_announced_type(std::string_view said, std::string_view announced) {
    return said.empty() || announced == "application/octet-stream" || clean_media_type(said) == announced;
}

}  // namespace

awaitable<http::Response> Uploads::put(const http::Request& request, http::Body& body, std::string id) {
    switch (check_slot(secret_, id, request.query, clock_.wall())) {
        case SlotVerdict::forged:
            co_return refuse(403, "This address lets nobody upload.\n");
        case SlotVerdict::expired:
            co_return refuse(410, "The time to upload is over; ask for a new slot.\n");
        case SlotVerdict::good:
            break;
    }
    const auto upload = co_await store_.find(id);
    if (!upload || upload->expires <= clock_.wall()) co_return refuse(410, "The slot is gone; ask for a new one.\n");
    const Arrival arrival{arriving_, id};
    if (!upload->hash.empty() || !arrival.first) co_return refuse(409, "The file is there already.\n");
    // XEP-0363 §5: exactly what was announced.
    if (body.length() > upload->size) co_return refuse(413, "The file is larger than announced.\n");
    if (body.length() < upload->size) co_return refuse(400, "The file is smaller than announced.\n");
    if (!request.field("content-encoding").empty() || !request.field("content-range").empty())
        co_return refuse(400, "The file has to come whole and as it is.\n");
    if (!is_announced_type(request.field("content-type"), upload->type))
        co_return refuse(415, "The file is of another type than announced.\n");
    co_return co_await take_in(body, *upload);
}

namespace {

http::Response disk_trouble(const Error& error) {
    const bool full =
        error == std::errc::no_space_on_device || error == std::errc::file_too_large || error.value() == EDQUOT;
    log::error("an upload cannot be written", {{"error", error.message()}});
    return full ? refuse(507, "There is no room for this file.\n") : refuse(500, "The file cannot be kept.\n");
}

}  // namespace

awaitable<http::Response> Uploads::take_in(http::Body& body, storage::Upload upload) {
    auto begin = [this] { return content_.begin(); };
    auto begun = co_await on_pool(disk_, begin);
    if (!begun) co_return disk_trouble(begun.error());
    const std::shared_ptr<FileStore::Draft> draft{std::move(*begun)};
    std::vector<char> piece(static_cast<std::size_t>(std::min<std::uint64_t>(upload.size, 256 * 1024)));
    for (auto left = upload.size; left > 0;) {
        const auto got = co_await body.read(piece);
        if (!got) co_return refuse(408, "The file did not come in time.\n");
        const std::span<const char> octets{piece.data(), *got};
        auto write = [draft, octets] { return draft->write(octets); };
        const auto written = co_await on_pool(disk_, write);
        if (!written) co_return disk_trouble(written.error());
        left -= *got;
    }
    auto finish = [draft] { return draft->finish(); };
    const auto hash = co_await on_pool(disk_, finish);
    if (!hash) co_return disk_trouble(hash.error());
    std::function<void()> publish = [this, draft, name = *hash] { content_.publish(*draft, name); };
    const bool kept = co_await store_.complete(upload.id, *hash, clock_.wall(), std::move(publish));
    if (!kept) co_return refuse(410, "The slot is gone; ask for a new one.\n");
    upload.hash = *hash;
    co_await add_thumbnail(upload);
    remember(std::move(upload));
    co_return created();
}

/// Before the upload is answered: what links to it next can tell of it.
awaitable<void> Uploads::add_thumbnail(storage::Upload& upload) {
    if (thumbnailer_.empty() || !may_have_thumbnail(upload.type) || thumbnails_under_way_ >= kMaxThumbnails) co_return;
    ++thumbnails_under_way_;
    auto work = [this, hash = upload.hash]() -> std::optional<Thumbnail> {
        const auto file = content_.open(hash);
        if (!file) return std::nullopt;
        auto made = make_thumbnail(thumbnailer_, (*file)->descriptor(), kPatience);
        if (made && !content_.put_thumbnail(hash, made->jpeg)) return std::nullopt;
        return made;
    };
    const auto made = co_await on_pool(thumbnails_, work);
    --thumbnails_under_way_;
    if (!made) co_return;
    upload.image = {made->image_width, made->image_height};
    upload.thumbnail = {made->width, made->height};
    co_await store_.set_thumbnail(upload.hash, upload.thumbnail);
}

awaitable<http::Response> Uploads::get(const http::Request& request, std::string id, std::string name) {
    const auto upload = co_await store_.find(std::move(id));
    const auto now = clock_.wall();
    if (!upload || upload->hash.empty() || upload->name != name || upload->expires <= now)
        co_return refuse(404, "There is no such file.\n");
    if (request.query == kThumbnailQuery && upload->thumbnail.width > 0) {
        auto picture = *upload;
        co_return co_await get_thumbnail(request, std::move(picture));
    }
    auto answer = describe(request, *upload, now);
    if (answer.response.status != 200 && answer.response.status != 206) co_return std::move(answer.response);
    auto open = [this, hash = upload->hash] { return content_.open(hash); };
    auto file = co_await on_pool(disk_, open);
    if (!file) {
        log::error("an upload's content is not there", {{"id", upload->id}, {"error", file.error().message()}});
        co_return refuse(500, "The file cannot be read.\n");
    }
    answer.response.source = std::make_shared<FileSource>(std::move(*file), answer.range, disk_);
    co_return std::move(answer.response);
}

/// XEP-0264: a small JPEG, at the file's own address.
awaitable<http::Response> Uploads::get_thumbnail(const http::Request& request, storage::Upload upload) {
    auto open = [this, hash = upload.hash] { return content_.open_thumbnail(hash); };
    auto file = co_await on_pool(disk_, open);
    if (!file) co_return refuse(404, "There is no such file.\n");
    upload.hash += "-thumbnail";  // another entity, with a tag of its own
    upload.type = "image/jpeg";
    upload.name = "thumbnail.jpg";
    upload.size = (*file)->size();
    auto answer = describe(request, upload, clock_.wall());
    if (answer.response.status == 200 || answer.response.status == 206)
        answer.response.source = std::make_shared<FileSource>(std::move(*file), answer.range, disk_);
    co_return std::move(answer.response);
}

}  // namespace carillon::files
