#include "relay/journal/reader.h"

#include <algorithm>
#include <fstream>

#include "journal.pb.h"
#include "relay/api/convert.h"

namespace carillon::relay::journal {
namespace {

constexpr std::size_t kMaxBlocks = 4 * 1024 * 1024;  // 1 GiB
constexpr std::size_t kMaxStreams = 1'000'000;

SteadyTime time_of(std::int64_t nanoseconds) { return SteadyTime{std::chrono::nanoseconds{nanoseconds}}; }

/// The file as blocks; what is asked for by number is copied out, or not there.
class Blocks {
  public:
    explicit Blocks(Bytes file) : file_{file} {}
    std::size_t size() const { return file_.size() / kBlock; }
    template <class T>
    std::optional<T> get(std::size_t number, Kind kind) const {
        if (number == 0 || number >= size()) return std::nullopt;
        T out;
        std::memcpy(static_cast<void*>(&out), file_.data() + number * kBlock, sizeof out);
        if (out.kind != kind) return std::nullopt;
        return out;
    }

    /// The newer of two texts whose check matches.
    std::optional<std::vector<std::byte>> text(std::array<TextRef, 2> places) const {
        if (places[1].sequence > places[0].sequence) std::swap(places[0], places[1]);
        for (const auto& ref : places)
            if (auto found = text(ref)) return found;
        return std::nullopt;
    }

    PathSet paths(std::uint32_t number) const {
        const auto block = get<Paths>(number, Kind::paths);
        if (!block) return {};
        auto copies = block->copy;
        if (copies[1].sequence > copies[0].sequence) std::swap(copies[0], copies[1]);
        for (const auto& copy : copies) {
            if (copy.sequence == 0 || copy.check != check_of(copy)) continue;
            if (copy.set.count <= kMaxPaths && copy.set.in_use < std::max<std::size_t>(copy.set.count, 1))
                return copy.set;
        }
        return {};
    }

    /// nullopt: damaged. An SSRC without a whole index has sealed nothing yet.
    std::optional<std::vector<srtp::SsrcState>> ssrcs(std::uint32_t number) const {
        std::vector<srtp::SsrcState> out;
        for (std::size_t steps = 0; number != 0; ++steps) {
            const auto block = get<Ssrcs>(number, Kind::ssrcs);
            if (!block || steps > srtp::kMaxSsrcs / kSsrcsInBlock + 1) return std::nullopt;
            for (const auto& entry : block->entries) {
                if (entry.ssrc == 0) continue;
                const auto state = ssrc(entry);
                if (!state || out.size() >= srtp::kMaxSsrcs) return std::nullopt;
                out.push_back(*state);
            }
            number = block->next;
        }
        return out;
    }

  private:
    std::optional<std::vector<std::byte>> text(const TextRef& ref) const {
        if (ref.sequence == 0 || ref.length > kMaxText) return std::nullopt;
        std::vector<std::byte> out;
        out.reserve(ref.length);
        for (auto number = ref.first; out.size() < ref.length;) {
            const auto piece = get<Piece>(number, Kind::piece);
            if (!piece) return std::nullopt;
            const auto size = std::min<std::size_t>(kPieceSize, ref.length - out.size());
            out.insert(out.end(), piece->text.begin(), piece->text.begin() + static_cast<std::ptrdiff_t>(size));
            number = piece->next;
        }
        if (check_of(ref, out) != ref.check) return std::nullopt;
        return out;
    }

    static std::optional<srtp::SsrcState> ssrc(const SsrcEntry& entry) {
        const auto ssrc = static_cast<std::uint32_t>(entry.ssrc & 0xFFFF'FFFF);
        if (entry.ssrc != srtp::pack_index(~ssrc, ssrc)) return std::nullopt;
        const auto rtp = srtp::unpack_index(ssrc, entry.rtp);
        const auto rtcp = srtp::unpack_index(ssrc, entry.rtcp);
        // Written to, and not as it was written: a counter guessed too low would use a keystream twice.
        if ((entry.rtp != 0 && !rtp) || (entry.rtcp != 0 && (!rtcp || *rtcp > 0x7FFF'FFFF))) return std::nullopt;
        return srtp::SsrcState{.ssrc = ssrc,
                               .rtp_index = rtp.value_or(0),
                               .rtcp_index = static_cast<std::uint32_t>(rtcp.value_or(0)),
                               .rtp = rtp.has_value(),
                               .rtcp = rtcp.has_value()};
    }

    Bytes file_;
};

std::vector<std::byte> octets(const std::string& text) {
    const auto bytes = as_bytes(text);
    return {bytes.begin(), bytes.end()};
}

bool read_leg(const Blocks& blocks, const proto::SavedLeg& saved, ReadLeg& leg) {
    if (saved.ports_size() < 1 || saved.ports_size() > 2) return false;
    for (const auto port : saved.ports()) {
        if (port == 0 || port > 65535) return false;
        leg.ports.push_back(static_cast<std::uint16_t>(port));
    }
    for (const auto& own : saved.own_before()) leg.own_before.push_back({own.ufrag(), own.pwd()});
    if (!saved.profile().empty()) {
        const auto profile = srtp::profile_named(saved.profile());
        if (!profile) return false;
        const auto lengths = srtp::lengths_of(*profile);
        const auto size = lengths.key + lengths.salt;
        if (saved.local().size() != size || saved.remote().size() != size) return false;
        leg.agreed = AgreedKeys{*profile, octets(saved.local()), octets(saved.remote())};
    }
    auto inbound = blocks.ssrcs(saved.inbound());
    auto outbound = blocks.ssrcs(saved.outbound());
    if (!inbound || !outbound) return false;
    leg.inbound = std::move(*inbound);
    leg.outbound = std::move(*outbound);
    return true;
}

std::optional<ReadStream> read_stream(const Blocks& blocks, const Head& head) {
    const auto text = blocks.text(head.text);
    proto::Saved saved;
    if (!text || !saved.ParseFromArray(text->data(), static_cast<int>(text->size()))) return std::nullopt;
    const auto mode = saved.setup().mode();
    if (mode < api::proto::MODE_ICE || mode > api::proto::MODE_BRIDGE) return std::nullopt;
    ReadStream stream{.session = saved.session(),
                      .setup = api::from_proto(saved.setup()),
                      .legs = {},
                      .opened = time_of(head.opened),
                      .expires = time_of(head.expires)};
    if (!read_leg(blocks, saved.a(), stream.legs[0]) || !read_leg(blocks, saved.b(), stream.legs[1]))
        return std::nullopt;
    for (std::size_t leg = 0; leg < 2; ++leg) {
        if (stream.legs[leg].ports.size() != (stream.setup.rtcp ? 2u : 1u)) return std::nullopt;
        stream.legs[leg].counters = head.counters[leg];
        for (std::size_t i = 0; i < 2; ++i)
            if (const auto& point = head.points[leg][i]; point.check == check_of(point))
                stream.legs[leg].points[i] = point;
        for (std::size_t component = 0; component < 2; ++component)
            stream.legs[leg].paths[component] = blocks.paths(head.paths[leg][component]);
    }
    return stream;
}

}  // namespace

std::string boot_id() {
    std::ifstream in{"/proc/sys/kernel/random/boot_id"};
    std::string id;
    std::getline(in, id);
    return id.substr(0, sizeof(FileHeader::boot));
}

Parsed<Contents> read(Bytes file, std::string_view boot) {
    if (file.size() < kBlock) return std::unexpected{Errc::truncated};
    FileHeader header;
    std::memcpy(static_cast<void*>(&header), file.data(), sizeof header);
    if (header.magic != kMagic) return std::unexpected{Errc::bad_magic};
    if (header.version != kVersion || header.block_size != kBlock) return std::unexpected{Errc::bad_version};
    if (crc32(file.first(offsetof(FileHeader, constants))) != header.constants)
        return std::unexpected{Errc::bad_integrity};
    if (file.size() / kBlock > kMaxBlocks) return std::unexpected{Errc::too_large};
    if (std::string_view{header.boot.data(), strnlen(header.boot.data(), header.boot.size())} != boot)
        return std::unexpected{Errc::unsupported};
    const Blocks blocks{file};
    Contents contents{.beat = time_of(header.beat),
                      .attempts = header.attempts,
                      .draining = header.draining != 0,
                      .identity = blocks.text(header.identity).value_or(std::vector<std::byte>{}),
                      .streams = {},
                      .allocations = {},
                      .reservations = {}};
    for (std::size_t number = 1; number < blocks.size() && contents.streams.size() < kMaxStreams; ++number) {
        if (const auto turn = blocks.get<TurnHead>(number, Kind::allocation)) {
            const auto text = blocks.text(turn->text);
            if (auto left = text ? read_allocation(*text) : std::nullopt) {
                contents.allocations.push_back(std::move(*left));
            } else {
                ++contents.damaged;
            }
        }
        if (const auto reserved = blocks.get<TurnHead>(number, Kind::reservation)) {
            const auto text = blocks.text(reserved->text);
            if (auto left = text ? read_reservation(*text) : std::nullopt) contents.reservations.push_back(*left);
        }
        const auto head = blocks.get<Head>(number, Kind::head);
        if (!head) continue;
        if (auto stream = read_stream(blocks, *head)) {
            contents.streams.push_back(std::move(*stream));
        } else {
            ++contents.damaged;
        }
    }
    return contents;
}

}  // namespace carillon::relay::journal
