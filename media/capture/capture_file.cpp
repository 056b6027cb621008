#include "media/capture/capture_file.h"

#include <pcap/pcap.h>

namespace carillon::capture {
namespace {

std::optional<Link> link_of(int type) {
    switch (type) {
        case DLT_EN10MB:
            return Link::ethernet;
        case DLT_LINUX_SLL:
            return Link::linux_sll;
        case DLT_LINUX_SLL2:
            return Link::linux_sll2;
        case DLT_NULL:
        case DLT_LOOP:
            return Link::null_loopback;
        case DLT_RAW:
            return Link::raw_ip;
        case DLT_IPV4:
            return Link::raw_ipv4;
        case DLT_IPV6:
            return Link::raw_ipv6;
        default:
            return std::nullopt;
    }
}

}  // namespace

void CaptureFile::Close::operator()(pcap* file) const { pcap_close(file); }

std::expected<CaptureFile, std::string> CaptureFile::open(const std::string& path) {
    char why[PCAP_ERRBUF_SIZE] = {};
    pcap* file = pcap_open_offline_with_tstamp_precision(path.c_str(), PCAP_TSTAMP_PRECISION_NANO, why);
    if (!file) return std::unexpected{path + ": " + why};
    const auto link = link_of(pcap_datalink(file));
    if (!link) {
        const char* name = pcap_datalink_val_to_name(pcap_datalink(file));
        std::string what = path + ": link type " + (name ? name : std::to_string(pcap_datalink(file))) +
                           " is not read; Ethernet, Linux cooked, loopback and raw IP are";
        pcap_close(file);
        return std::unexpected{std::move(what)};
    }
    return CaptureFile{file, *link};
}

std::optional<Frame> CaptureFile::next() {
    if (!error_.empty()) return std::nullopt;
    pcap_pkthdr* header = nullptr;
    const unsigned char* data = nullptr;
    const int got = pcap_next_ex(file_.get(), &header, &data);
    if (got == PCAP_ERROR_BREAK) return std::nullopt;
    if (got != 1) {
        error_ = pcap_geterr(file_.get());
        return std::nullopt;
    }
    // With nanosecond precision tv_usec holds nanoseconds.
    const Time time = std::chrono::seconds{header->ts.tv_sec} + std::chrono::nanoseconds{header->ts.tv_usec};
    return Frame{.time = time,
                 .data = std::as_bytes(std::span{data, header->caplen}),
                 .cut_short = header->caplen < header->len};
}

}  // namespace carillon::capture
