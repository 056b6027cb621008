/// Frames out of a pcap or pcapng file, with their times, through libpcap.
/// Spec: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng (as libpcap reads them: one link type a file).
/// Not here: what is in the frames (datagram.h).
#pragma once
#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>

#include "config/base/bytes.h"

struct pcap;

namespace carillon::capture {

using Time = std::chrono::nanoseconds;  ///< since 1970, as captured

enum class Link { ethernet, linux_sll, linux_sll2, null_loopback, raw_ip, raw_ipv4, raw_ipv6 };

struct Frame {
    Time time{};
    Bytes data;              ///< until the next call of next()
    bool cut_short = false;  ///< the capture kept less than there was (snap length)
};

/// Owns: the open file. Threading: one thread at a time.
class CaptureFile {
  public:
    /// The error is a sentence for people.
    static std::expected<CaptureFile, std::string> open(const std::string& path);

    /// Nothing at the end of the file. After an error (a truncated file) there is nothing more.
    std::optional<Frame> next();
    const std::string& error() const { return error_; }  ///< why the file ended early; empty: it did not
    Link link() const { return link_; }

  private:
    struct Close {
        void operator()(pcap* file) const;
    };
    CaptureFile(pcap* file, Link link) : file_{file}, link_{link} {}

    std::unique_ptr<pcap, Close> file_;
    Link link_;
    std::string error_;
};

}  // namespace carillon::capture
