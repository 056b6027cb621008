/// Taps between plain structs and protobuf.
#include "relay/api/convert.h"

namespace carillon::relay::api {

CaptureSetup from_proto(const proto::CaptureSetup& setup) {
    return {.path = setup.path(),
            .opened = setup.opened(),
            .snap = setup.snap(),
            .file_octets = setup.file_octets(),
            .files = setup.files(),
            .longest = std::chrono::seconds{setup.longest_s()},
            .notes = {setup.notes().begin(), setup.notes().end()},
            .resumed = std::chrono::milliseconds{setup.resumed_ms()}};
}

void to_proto(const CaptureSetup& setup, proto::CaptureSetup& out) {
    out.set_path(setup.path);
    out.set_opened(setup.opened);
    out.set_snap(setup.snap);
    out.set_file_octets(setup.file_octets);
    out.set_files(setup.files);
    out.set_longest_s(static_cast<std::uint32_t>(setup.longest.count()));
    for (const auto& note : setup.notes) out.add_notes(note);
    out.set_resumed_ms(static_cast<std::uint64_t>(setup.resumed.count()));
}

RecordingSetup from_proto(const proto::RecordingSetup& setup) {
    RecordingSetup out{.path = setup.path(),
                       .stream = setup.stream(),
                       .legs = setup.legs(),
                       .mixed = setup.mixed(),
                       .file_octets = setup.file_octets(),
                       .notes = {setup.notes().begin(), setup.notes().end()}};
    for (const auto& [type, name] : setup.from_a()) out.from_a[static_cast<std::uint8_t>(type)] = name;
    for (const auto& [type, name] : setup.from_b()) out.from_b[static_cast<std::uint8_t>(type)] = name;
    out.video_stream = setup.video_stream();
    out.resumed = std::chrono::milliseconds{setup.resumed_ms()};
    if (setup.has_announcement()) out.announcement = from_proto(setup.announcement());
    for (const auto& [type, name] : setup.to_a()) out.to_a[static_cast<std::uint8_t>(type)] = name;
    for (const auto& [type, name] : setup.to_b()) out.to_b[static_cast<std::uint8_t>(type)] = name;
    for (const auto& [type, name] : setup.video_from_a()) out.video_from_a[static_cast<std::uint8_t>(type)] = name;
    for (const auto& [type, name] : setup.video_from_b()) out.video_from_b[static_cast<std::uint8_t>(type)] = name;
    return out;
}

void to_proto(const RecordingSetup& setup, proto::RecordingSetup& out) {
    out.set_path(setup.path);
    out.set_stream(setup.stream);
    out.set_legs(setup.legs);
    out.set_mixed(setup.mixed);
    out.set_file_octets(setup.file_octets);
    for (const auto& note : setup.notes) out.add_notes(note);
    for (const auto& [type, name] : setup.from_a) (*out.mutable_from_a())[type] = name;
    for (const auto& [type, name] : setup.from_b) (*out.mutable_from_b())[type] = name;
    out.set_video_stream(setup.video_stream);
    out.set_resumed_ms(static_cast<std::uint64_t>(setup.resumed.count()));
    if (setup.announcement) to_proto(*setup.announcement, *out.mutable_announcement());
    for (const auto& [type, name] : setup.to_a) (*out.mutable_to_a())[type] = name;
    for (const auto& [type, name] : setup.to_b) (*out.mutable_to_b())[type] = name;
    for (const auto& [type, name] : setup.video_from_a) (*out.mutable_video_from_a())[type] = name;
    for (const auto& [type, name] : setup.video_from_b) (*out.mutable_video_from_b())[type] = name;
}

TapStatus from_proto(const proto::TapStatus& status) {
    return {.session = status.session(),
            .tap = status.tap(),
            .kind = status.kind(),
            .running = status.running(),
            .reason = status.reason(),
            .failed = status.failed(),
            .files = {status.files().begin(), status.files().end()},
            .packets = status.packets(),
            .octets = status.octets(),
            .dropped = status.dropped(),
            .seconds = status.seconds()};
}

void to_proto(const TapStatus& status, proto::TapStatus& out) {
    out.set_session(status.session);
    out.set_tap(status.tap);
    out.set_kind(status.kind);
    out.set_running(status.running);
    out.set_reason(status.reason);
    out.set_failed(status.failed);
    for (const auto& file : status.files) out.add_files(file);
    out.set_packets(status.packets);
    out.set_octets(status.octets);
    out.set_dropped(status.dropped);
    out.set_seconds(status.seconds);
}

}  // namespace carillon::relay::api
