#include "media/record/ogg_opus_reader.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string_view>

#include "codecs/opus/opus_packet.h"
#include "media/record/ogg_page.h"

namespace carillon::record {
namespace {

constexpr std::size_t kPageHead = 27;
constexpr std::size_t kHeadSize = 19;           // OpusHead of mapping family 0
constexpr std::size_t kMostPacket = 64 * 1024;  // far above any that Opus makes
constexpr std::size_t kMostPackets = 1u << 20;  // hours
constexpr std::uintmax_t kMostOctets = 64u << 20;
constexpr std::uint8_t kContinued = 0x01;

unsigned octet(Bytes bytes, std::size_t at) { return std::to_integer<unsigned>(bytes[at]); }

std::uint32_t load_le32(Bytes bytes, std::size_t at) {
    return octet(bytes, at) | octet(bytes, at + 1) << 8 | octet(bytes, at + 2) << 16 | octet(bytes, at + 3) << 24;
}

bool begins_with(Bytes bytes, std::string_view word) {
    const auto wanted = as_bytes(word);
    return bytes.size() >= wanted.size() && std::ranges::equal(bytes.first(wanted.size()), wanted);
}

struct Page {
    std::uint8_t flags = 0;
    std::uint32_t serial = 0;
    Bytes lacing;
    Bytes body;
    std::size_t size = 0;
};

/// RFC 3533 §6. The checksum is over the page with its own field at 0.
std::optional<Page> parse_page(Bytes bytes) {
    if (bytes.size() < kPageHead || !begins_with(bytes, "OggS") || octet(bytes, 4) != 0) return std::nullopt;
    const std::size_t segments = octet(bytes, 26);
    if (bytes.size() < kPageHead + segments) return std::nullopt;
    Page page{.flags = static_cast<std::uint8_t>(octet(bytes, 5)), .serial = load_le32(bytes, 14)};
    page.lacing = bytes.subspan(kPageHead, segments);
    std::size_t body = 0;
    for (std::size_t i = 0; i < segments; ++i) body += octet(page.lacing, i);
    page.size = kPageHead + segments + body;
    if (bytes.size() < page.size) return std::nullopt;
    page.body = bytes.subspan(kPageHead + segments, body);
    std::vector<std::byte> copy(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(page.size));
    std::fill_n(copy.begin() + 22, 4, std::byte{0});
    if (ogg_checksum(copy) != load_le32(bytes, 22)) return std::nullopt;
    return page;
}

/// Puts packets together, also across pages, and knows what the first two are.
class Reader {
  public:
    explicit Reader(OggOpusFile& file) : file_{file} {}

    Parsed<void> take(const Page& page) {
        if ((page.flags & kContinued) == 0) pending_.clear();
        std::size_t at = 0;
        for (std::size_t i = 0; i < page.lacing.size(); ++i) {
            const auto size = octet(page.lacing, i);
            const auto piece = page.body.subspan(at, size);
            at += size;
            if (pending_.size() + size <= kMostPacket) pending_.insert(pending_.end(), piece.begin(), piece.end());
            if (size == 255) continue;
            if (auto taken = packet(); !taken) return taken;
            pending_.clear();
        }
        return {};
    }
    bool begun() const { return count_ > 0; }

  private:
    Parsed<void> packet() {
        const auto number = count_++;
        if (number == 0) return head();
        if (number == 1) return begins_with(pending_, "OpusTags") ? Parsed<void>{} : std::unexpected{Errc::bad_magic};
        const auto info = codecs::opus::PacketInfo::parse(pending_);
        if (!info || file_.packets.size() >= kMostPackets) return {};
        file_.packets.push_back(pending_);
        file_.samples += info->samples;
        return {};
    }
    /// RFC 7845 §5.1: the upper half of the version is what must be known.
    Parsed<void> head() {
        if (!begins_with(pending_, "OpusHead")) return std::unexpected{Errc::bad_magic};
        if (pending_.size() < kHeadSize) return std::unexpected{Errc::truncated};
        if ((octet(pending_, 8) & 0xF0) != 0) return std::unexpected{Errc::bad_version};
        file_.channels = octet(pending_, 9);
        if (octet(pending_, 18) != 0) return std::unexpected{Errc::unsupported};
        if (file_.channels < 1 || file_.channels > 2) return std::unexpected{Errc::bad_value};
        file_.pre_skip = octet(pending_, 10) | octet(pending_, 11) << 8;
        return {};
    }

    OggOpusFile& file_;
    std::vector<std::byte> pending_;
    std::uint64_t count_ = 0;
};

}  // namespace

Parsed<OggOpusFile> parse_ogg_opus(Bytes bytes) {
    OggOpusFile file;
    Reader reader{file};
    std::optional<std::uint32_t> serial;
    while (const auto page = parse_page(bytes)) {
        bytes = bytes.subspan(page->size);
        if (!serial) serial = page->serial;
        if (page->serial != *serial) continue;
        if (auto taken = reader.take(*page); !taken) return std::unexpected{taken.error()};
        if ((page->flags & OggPage::kLast) == 0) continue;
        file.complete = true;
        break;
    }
    if (!reader.begun()) return std::unexpected{Errc::bad_magic};
    return file;
}

std::expected<OggOpusFile, std::string> load_ogg_opus(const std::string& path) {
    std::error_code error;
    const auto size = std::filesystem::file_size(path, error);
    if (error) return std::unexpected{path + ": " + error.message()};
    if (size > kMostOctets) return std::unexpected{path + ": is larger than 64 MiB"};
    std::vector<std::byte> octets(size);
    std::ifstream in{path, std::ios::binary};
    in.read(reinterpret_cast<char*>(octets.data()), static_cast<std::streamsize>(size));
    octets.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
    auto file = parse_ogg_opus(octets);
    if (!file) return std::unexpected{path + ": is no Ogg/Opus file (" + std::string{to_string(file.error())} + ")"};
    return std::move(*file);
}

}  // namespace carillon::record
