#include "relay/tap/capture_sink.h"

#include <spdlog/fmt/fmt.h>
#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "media/record/udp_frame.h"

namespace carillon::relay {
namespace {

namespace fs = std::filesystem;

record::UdpEnd end_of(const Address& address) { return {.ip = address.ip, .port = address.port, .v6 = address.v6}; }

constexpr unsigned place_of(const TapHeader& header) { return header.stream * 2u + header.leg; }

std::string numbered(const std::string& path, std::size_t number) {
    fs::path out{path};
    const auto ending = out.extension().string();
    out.replace_extension();
    return fmt::format("{}-{:05}{}", out.string(), number, ending);
}

}  // namespace

CaptureSink::CaptureSink(CaptureOptions options)
    : options_{std::move(options)},
      started_{std::chrono::steady_clock::now() - options_.resumed},
      started_wall_{std::chrono::system_clock::now().time_since_epoch() - options_.resumed} {
    if (options_.resumed.count() > 0) adopt_files();
}

/// Those of the one before count among the ring's; of a capture in one file they take of what it may have.
void CaptureSink::adopt_files() {
    std::error_code ignored;
    std::vector<std::string> found;
    const fs::path path{options_.path};
    const auto stem = path.stem().string() + "-", ending = path.extension().string();
    if (!ring() && fs::exists(path, ignored)) found.push_back(options_.path);
    for (const auto& entry : fs::directory_iterator{path.parent_path(), ignored}) {
        const auto name = entry.path().filename().string();
        if (!name.starts_with(stem) || !name.ends_with(ending) || name.size() != stem.size() + 5 + ending.size())
            continue;
        const auto number = std::strtoul(name.c_str() + stem.size(), nullptr, 10);
        if (numbered(options_.path, number) != entry.path()) continue;
        made_ = std::max<std::size_t>(made_, number);
        found.push_back(entry.path().string());
    }
    std::ranges::sort(found);
    for (auto& each : found) {
        const auto size = fs::file_size(each, ignored);
        sizes_.push_back(ignored ? 0 : size);
        past_octets_ += sizes_.back();
        paths_.push_back(std::move(each));
    }
    if (!ring()) {
        made_ = std::max<std::size_t>(made_, found.empty() ? 0 : 1);
        options_.file_octets -= std::min(options_.file_octets, past_octets_);
    }
}

std::expected<std::unique_ptr<CaptureSink>, std::string> CaptureSink::create(CaptureOptions options) {
    std::unique_ptr<CaptureSink> sink{new CaptureSink{std::move(options)}};
    if (const auto made = sink->next_file(); !made) return std::unexpected{made.error()};
    return sink;
}

std::expected<void, std::string> CaptureSink::next_file() {
    if (file_) {
        sizes_.push_back(file_->size());
        past_octets_ += file_->size();
        file_.reset();
    }
    // Room first: a ring never takes more of the disk than it may.
    while (ring() && !sizes_.empty() && sizes_.size() >= options_.files) {
        std::error_code ignored;
        fs::remove(paths_.front(), ignored);
        paths_.pop_front();
        past_octets_ -= sizes_.front();
        sizes_.pop_front();
    }
    const auto path = ring() || made_ > 0 ? numbered(options_.path, ++made_) : options_.path;
    auto file = record::PcapngWriter::create(
        path, {.comments = options_.notes, .snap = options_.snap, .most_octets = options_.file_octets});
    if (!file) return std::unexpected{file.error()};
    file_.emplace(std::move(*file));
    paths_.push_back(path);
    interfaces_.clear();
    return {};
}

std::uint32_t CaptureSink::interface_of(const TapHeader& header) {
    const auto [at, is_new] = interfaces_.try_emplace(place_of(header), 0u);
    if (is_new) {
        const auto stream = header.stream < options_.streams.size() ? options_.streams[header.stream]
                                                                    : std::to_string(header.stream + 1);
        const std::string side = header.leg == 0 ? "caller" : "callee";
        at->second = file_->add_interface(stream + "/" + side, "the relay's leg to the " + side + ", stream " + stream);
    }
    return at->second;
}

void CaptureSink::take(const TapHeader& header, Bytes data) {
    if (!ended_.empty() || !file_) return;
    ++received_[place_of(header)];
    const auto& from = header.incoming ? header.remote : header.local;
    const auto& to = header.incoming ? header.local : header.remote;
    record::make_udp_frame(end_of(from), end_of(to), data, header.size, frame_);
    const auto whole = frame_.size() - data.size() + header.size;
    const auto direction = header.incoming ? record::PacketDirection::inbound : record::PacketDirection::outbound;
    for (int attempt = 0;; ++attempt) {
        if (file_->write(interface_of(header), wall(header.time), direction, frame_, whole)) {
            ++packets_;
            return;
        }
        const bool full = file_->size() + frame_.size() + 512 > options_.file_octets;
        if (!full) return stop(file_->error(), true);
        if (options_.files == 1 || attempt > 0) return stop("size", false);
        if (const auto made = next_file(); !made) return stop(made.error(), true);
    }
}

void CaptureSink::tick(SteadyTime now) {
    if (now - started_ >= options_.longest && ended_.empty()) stop("time", false);
}

void CaptureSink::stop(std::string why, bool failed) {
    ended_ = std::move(why);
    failed_ = failed;
}

void CaptureSink::finish(std::uint64_t dropped) {
    if (!file_) return;
    for (const auto& [place, interface] : interfaces_) {
        file_->write_statistics(interface, wall(std::chrono::steady_clock::now()), received_[place], dropped);
        dropped = 0;  // they are the whole tap's: told once
    }
    sizes_.push_back(file_->size());
    past_octets_ += file_->size();
    file_.reset();
}

void CaptureSink::describe(TapStatus& status) const {
    status.kind = "capture";
    status.files.assign(paths_.begin(), paths_.end());
    status.packets = packets_;
    status.octets = past_octets_ + (file_ ? file_->size() : 0);
}

}  // namespace carillon::relay
