/// The report of a replay, for people and for machines. Equal outcomes give equal bytes: no dates, no paths of ours.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "media/replay/outcome.h"

namespace carillon::replay {

/// What a stream must reach; nothing: not asked for.
struct Thresholds {
    std::optional<double> max_loss;  ///< 0..1
    std::optional<double> max_delay_p99_ms;
    std::optional<double> min_mos;
    std::optional<double> min_alike;
    std::optional<double> max_pacing_p99_ms;  ///< only where something was sent by the clock
    bool identical = false;                   ///< every payload that arrived is the one that was sent
};

/// What is wrong with a stream, a sentence each; empty: nothing.
std::vector<std::string> failures(const Outcome& outcome, const Thresholds& thresholds);

struct Report {
    std::string capture;  ///< name of the file, without its folder
    std::string way;      ///< "simulated", "call ..."
    Thresholds thresholds;
    std::vector<Outcome> outcomes;
    bool passed() const;
};

std::string to_text(const Report& report);
std::string to_json(const Report& report);
std::string to_junit(const Report& report);
std::string to_html(const Report& report);  ///< one file, no scripts, nothing fetched

}  // namespace carillon::replay
