/// Plain structs to protobuf and back. Internal to relay/api and the worker's control server.
#pragma once
#include "config/base/bytes.h"
#include "control.pb.h"
#include "relay/api/client.h"

namespace carillon::relay::api {

StreamSetup from_proto(const proto::StreamSetup& setup);
LegSetup from_proto(const proto::LegSetup& setup);
void to_proto(const StreamSetup& setup, proto::StreamSetup& out);
void to_proto(const LegSetup& setup, proto::LegSetup& out);
Ports from_proto(const proto::Ports& ports);
void to_proto(const Ports& ports, proto::Ports& out);
Program from_proto(const proto::Program& program);
void to_proto(const Program& program, proto::Program& out);
Clip from_proto(const proto::Clip& clip);
void to_proto(const Clip& clip, proto::Clip& out);
ProgramEvent from_proto(const proto::ProgramEvent& event);
void to_proto(const ProgramEvent& event, proto::ProgramEvent& out);
StreamCounters from_proto(const proto::StreamCounters& counters);
void to_proto(const StreamCounters& counters, proto::StreamCounters& out);

// convert_quality.cpp
LegQuality from_proto(const proto::LegQuality& quality);
void to_proto(const LegQuality& quality, proto::LegQuality& out);

// convert_tap.cpp
CaptureSetup from_proto(const proto::CaptureSetup& setup);
void to_proto(const CaptureSetup& setup, proto::CaptureSetup& out);
RecordingSetup from_proto(const proto::RecordingSetup& setup);
void to_proto(const RecordingSetup& setup, proto::RecordingSetup& out);
TapStatus from_proto(const proto::TapStatus& status);
void to_proto(const TapStatus& status, proto::TapStatus& out);

}  // namespace carillon::relay::api
