/// Captures of Ethernet frames as pcapng: one section, an interface for each place that packets are seen at.
/// Spec: draft-ietf-opsawg-pcapng §3 (blocks, options), §4.1 (Section Header), §4.2 (Interface Description), §4.3
/// (Enhanced Packet), §4.5 (Interface Statistics); LINKTYPE_ETHERNET.
/// Not here: reading (media/capture), a ring of files (relay/tap).
#pragma once
#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "media/record/append_file.h"

namespace carillon::record {

/// epb_flags, bits 0 and 1.
enum class PacketDirection : std::uint8_t { unknown = 0, inbound = 1, outbound = 2 };

struct PcapngOptions {
    std::vector<std::string> comments{};  ///< of the section: what this is of
    std::uint32_t snap = 0;               ///< octets kept of a frame, headers included; 0: all
    std::uint64_t most_octets = std::uint64_t{100} << 20;
};

/// Owns: the file. Each block is written at once. Threading: one thread at a time.
class PcapngWriter {
  public:
    /// The error is a sentence for people.
    static std::expected<PcapngWriter, std::string> create(const std::string& path, const PcapngOptions& options);

    /// Its number; they count from 0.
    std::uint32_t add_interface(std::string_view name, std::string_view description);
    /// `time` is since 1970. False: the file takes nothing more.
    bool write(std::uint32_t interface, std::chrono::nanoseconds time, PacketDirection direction, Bytes frame,
               std::size_t original_size);
    /// For the end: what came and what was lost before it was written. `time` as above.
    bool write_statistics(std::uint32_t interface, std::chrono::nanoseconds time, std::uint64_t received,
                          std::uint64_t dropped);

    std::uint64_t size() const { return file_.size(); }
    const std::string& path() const { return file_.path(); }
    const std::string& error() const { return file_.error(); }  ///< why it takes nothing more; empty: it does

  private:
    explicit PcapngWriter(AppendFile file, std::uint32_t snap) : file_{std::move(file)}, snap_{snap} {}
    bool write_section(const PcapngOptions& options);
    void begin(std::uint32_t type);
    bool finish();
    void option(std::uint16_t code, Bytes value);
    void padded(Bytes value);
    void put_time(std::chrono::nanoseconds time);

    AppendFile file_;
    std::uint32_t snap_;
    std::uint32_t interfaces_ = 0;
    std::vector<std::byte> block_;
};

}  // namespace carillon::record
