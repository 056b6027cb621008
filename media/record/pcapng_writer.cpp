#include "media/record/pcapng_writer.h"

#include <algorithm>
#include <array>

#include "media/record/little_endian.h"

namespace carillon::record {
namespace {

constexpr std::uint32_t kSectionHeader = 0x0A0D0D0A;
constexpr std::uint32_t kInterfaceDescription = 1;
constexpr std::uint32_t kInterfaceStatistics = 5;
constexpr std::uint32_t kEnhancedPacket = 6;
constexpr std::uint32_t kByteOrder = 0x1A2B3C4D;
constexpr std::uint16_t kLinkTypeEthernet = 1;

constexpr std::uint16_t kEndOfOptions = 0;
constexpr std::uint16_t kComment = 1;
constexpr std::uint16_t kUserApplication = 4;
constexpr std::uint16_t kIfName = 2, kIfDescription = 3, kIfTsresol = 9;
constexpr std::uint16_t kEpbFlags = 2;
constexpr std::uint16_t kIsbIfrecv = 4, kIsbIfdrop = 5;
constexpr std::size_t kLongestText = 4096;

Bytes text(std::string_view value) { return as_bytes(value.substr(0, kLongestText)); }

template <class T>
std::array<std::byte, sizeof(T)> octets(T value) {
    std::array<std::byte, sizeof(T)> out{};
    store_le(out.data(), value);
    return out;
}

}  // namespace

std::expected<PcapngWriter, std::string> PcapngWriter::create(const std::string& path, const PcapngOptions& options) {
    auto file = AppendFile::create(path, options.most_octets);
    if (!file) return std::unexpected{file.error()};
    PcapngWriter writer{std::move(*file), options.snap};
    if (!writer.write_section(options)) return std::unexpected{writer.error()};
    return writer;
}

bool PcapngWriter::write_section(const PcapngOptions& options) {
    begin(kSectionHeader);
    put_le(block_, kByteOrder);
    put_le(block_, std::uint16_t{1});
    put_le(block_, std::uint16_t{0});
    put_le(block_, ~std::uint64_t{0});  // the section's length is not known
    for (const auto& comment : options.comments) option(kComment, text(comment));
    option(kUserApplication, text("Carillon"));
    option(kEndOfOptions, {});
    return finish();
}

std::uint32_t PcapngWriter::add_interface(std::string_view name, std::string_view description) {
    begin(kInterfaceDescription);
    put_le(block_, kLinkTypeEthernet);
    put_le(block_, std::uint16_t{0});
    put_le(block_, snap_);
    option(kIfName, text(name));
    option(kIfDescription, text(description));
    option(kIfTsresol, octets(std::uint8_t{9}));  // nanoseconds
    option(kEndOfOptions, {});
    finish();
    return interfaces_++;
}

bool PcapngWriter::write(std::uint32_t interface, std::chrono::nanoseconds time, PacketDirection direction, Bytes frame,
                         std::size_t original_size) {
    if (snap_ != 0) frame = frame.first(std::min<std::size_t>(frame.size(), snap_));
    begin(kEnhancedPacket);
    put_le(block_, interface);
    put_time(time);
    put_le(block_, static_cast<std::uint32_t>(frame.size()));
    put_le(block_, static_cast<std::uint32_t>(original_size));
    padded(frame);
    option(kEpbFlags, octets(static_cast<std::uint32_t>(direction)));
    option(kEndOfOptions, {});
    return finish();
}

bool PcapngWriter::write_statistics(std::uint32_t interface, std::chrono::nanoseconds time, std::uint64_t received,
                                    std::uint64_t dropped) {
    begin(kInterfaceStatistics);
    put_le(block_, interface);
    put_time(time);
    option(kIsbIfrecv, octets(received));
    option(kIsbIfdrop, octets(dropped));
    option(kEndOfOptions, {});
    return finish();
}

void PcapngWriter::begin(std::uint32_t type) {
    block_.clear();
    put_le(block_, type);
    put_le(block_, std::uint32_t{0});
}

bool PcapngWriter::finish() {
    const auto size = static_cast<std::uint32_t>(block_.size() + 4);
    put_le(block_, size);
    store_le(&block_[4], size);
    return file_.append(block_);
}

void PcapngWriter::option(std::uint16_t code, Bytes value) {
    put_le(block_, code);
    put_le(block_, static_cast<std::uint16_t>(value.size()));
    padded(value);
}

void PcapngWriter::padded(Bytes value) {
    block_.insert(block_.end(), value.begin(), value.end());
    block_.resize((block_.size() + 3) / 4 * 4);
}

void PcapngWriter::put_time(std::chrono::nanoseconds time) {
    const auto count = static_cast<std::uint64_t>(time.count());
    put_le(block_, static_cast<std::uint32_t>(count >> 32));
    put_le(block_, static_cast<std::uint32_t>(count));
}

}  // namespace carillon::record
