/// Quality between plain structs and protobuf.
#include "relay/api/convert.h"

namespace carillon::relay::api {

LegQuality from_proto(const proto::LegQuality& quality) {
    return {.mos = quality.mos(),
            .r = quality.r(),
            .wideband = quality.wideband(),
            .loss = quality.loss(),
            .burst_ratio = quality.burst_ratio(),
            .delay_ms = quality.delay_ms(),
            .quiet_ms = quality.quiet_ms(),
            .reported = quality.reported(),
            .reported_loss = quality.reported_loss(),
            .reported_discarded = quality.reported_discarded(),
            .reported_mos_lq = quality.reported_mos_lq(),
            .reported_mos_cq = quality.reported_mos_cq(),
            .reported_r = quality.reported_r(),
            .reported_end_system_ms = quality.reported_end_system_ms()};
}

void to_proto(const LegQuality& quality, proto::LegQuality& out) {
    out.set_mos(quality.mos);
    out.set_r(quality.r);
    out.set_wideband(quality.wideband);
    out.set_loss(quality.loss);
    out.set_burst_ratio(quality.burst_ratio);
    out.set_delay_ms(quality.delay_ms);
    out.set_quiet_ms(quality.quiet_ms);
    out.set_reported(quality.reported);
    out.set_reported_loss(quality.reported_loss);
    out.set_reported_discarded(quality.reported_discarded);
    out.set_reported_mos_lq(quality.reported_mos_lq);
    out.set_reported_mos_cq(quality.reported_mos_cq);
    out.set_reported_r(quality.reported_r);
    out.set_reported_end_system_ms(quality.reported_end_system_ms);
}

}  // namespace carillon::relay::api
