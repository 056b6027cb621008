/// The E-model's opinion of one direction of a stream.
/// Spec: docs/quality.md; ITU-T G.107, G.107.1.
#pragma once
#include "relay/api/quality.h"
#include "relay/engine/leg_statistics.h"

namespace carillon::relay {

/// Of what the endpoint behind `from` says, as the one behind `to` hears it.
api::LegQuality quality_of(const LegStatistics& from, const LegStatistics& to, SteadyTime now);

}  // namespace carillon::relay
