/// The command line of carillon-replay.
#pragma once
#include <string>
#include <variant>
#include <vector>

#include "media/capture/payload_map.h"
#include "media/capture/unprotect.h"
#include "media/phone/account.h"
#include "media/phone/call.h"
#include "media/replay/plan.h"
#include "media/replay/report.h"

namespace carillon::replay {

enum class Way { list, simulate, call };

struct Options {
    std::string file;
    Way way = Way::list;
    std::vector<std::string>
        streams;  ///< numbers of the list, or SSRCs as 0x...; empty: the longest that can be judged
    std::vector<capture::StreamSecret> secrets;
    capture::PayloadMap map;
    double speed = 1;
    Impairments impairments;
    std::chrono::milliseconds playout{80};
    Thresholds thresholds;
    bool json = false;
    std::string junit, html;  ///< files to write; empty: none

    phone::AccountOptions caller, answerer;  ///< call; without a JID nobody of ours answers
    std::string peer;
    bool raw_udp = false, relay_only = false;
    std::string bind_address;
    std::string answer_codec;  ///< the answering end takes nothing else; empty: that of the stream
};

/// The options, or the exit status when there is nothing to do (--help) or something is wrong; that is printed already.
std::variant<Options, int> parse_options(int argc, char** argv);

}  // namespace carillon::replay
