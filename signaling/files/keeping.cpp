/// Files that the server keeps for a user without anybody's uploading: voicemail.
#include <array>
#include <fstream>

#include "signaling/files/address.h"
#include "signaling/files/uploads.h"
#include "signaling/runtime/on_pool.h"

namespace carillon::files {
namespace {

using runtime::on_pool;

constexpr std::chrono::minutes kPromptly{10};

/// What stands in `file` into a draft, hashed; nothing when either cannot be done.
std::optional<std::string> copy_in(const std::filesystem::path& file, FileStore::Draft& draft, std::uint64_t size) {
    std::ifstream in{file, std::ios::binary};
    std::array<char, 64 * 1024> piece{};
    for (auto left = size; left > 0;) {
        const auto wanted = std::min<std::uint64_t>(left, piece.size());
        if (!in.read(piece.data(), static_cast<std::streamsize>(wanted))) return std::nullopt;
        if (!draft.write(std::span<const char>{piece}.first(wanted))) return std::nullopt;
        left -= wanted;
    }
    const auto hash = draft.finish();
    return hash ? std::optional{*hash} : std::nullopt;
}

}  // namespace

awaitable<std::expected<storage::Upload, storage::UploadReservation>> Uploads::keep(std::filesystem::path file,
                                                                                    storage::Upload wanted,
                                                                                    storage::UploadLimits limits) {
    const storage::UploadReservation trouble{storage::UploadRefusal::disk_full, {}};
    std::error_code error;
    wanted.size = std::filesystem::file_size(file, error);
    if (error || wanted.size == 0) co_return std::unexpected{trouble};
    wanted.id = make_file_id();
    wanted.name = safe_name(wanted.name);
    wanted.created = clock_.wall();
    wanted.expires = wanted.created + kPromptly;
    auto reserved = co_await store_.reserve(wanted, limits);
    if (reserved.refusal != storage::UploadRefusal::none) co_return std::unexpected{std::move(reserved)};
    auto begin = [this] { return content_.begin(); };
    auto begun = co_await on_pool(disk_, begin);
    if (!begun) co_return std::unexpected{trouble};
    const std::shared_ptr<FileStore::Draft> draft{std::move(*begun)};
    auto work = [file, draft, size = wanted.size] { return copy_in(file, *draft, size); };
    const auto hash = co_await on_pool(disk_, work);
    if (!hash) {
        co_await store_.expire(wanted.id);
        co_return std::unexpected{trouble};
    }
    std::function<void()> publish = [this, draft, name = *hash] { content_.publish(*draft, name); };
    const bool kept = co_await store_.complete(wanted.id, *hash, clock_.wall(), std::move(publish));
    if (!kept) co_return std::unexpected{trouble};
    wanted.hash = *hash;
    co_return wanted;
}

awaitable<std::optional<storage::Upload>> Uploads::find(std::string path) {
    const auto address = parse_file_path(path);
    if (!address) co_return std::nullopt;
    auto found = co_await store_.find(address->id);
    if (!found || found->hash.empty() || found->name != address->name || found->expires <= clock_.wall())
        co_return std::nullopt;
    co_return found;
}

awaitable<bool> Uploads::copy(std::string hash, std::filesystem::path to) {
    auto work = [this, hash = std::move(hash), to = std::move(to)] {
        std::error_code error;
        return std::filesystem::copy_file(content_.path_of(hash), to, error) && !error;
    };
    co_return co_await on_pool(disk_, work);
}

}  // namespace carillon::files
