/// An end's RTCP as HOMER's agents write it: an object of sender's figures, report blocks, names and extended reports.
/// Spec: RFC 3550 §6.1, §6.4, §6.5; RFC 3611 §3, §4.7; keys as in heplify-server's and rtpengine's reports.
/// Not here: what the relay has counted itself (hep_exporter.h).
#pragma once
#include <optional>

#include <boost/json/object.hpp>

#include "config/base/bytes.h"

namespace carillon::calls::hep {

/// Nothing: it is no compound packet that begins with a report. Reads up to the first packet that is malformed.
std::optional<boost::json::object> rtcp_json(Bytes compound);

}  // namespace carillon::calls::hep
