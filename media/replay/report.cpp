#include "media/replay/report.h"

#include <spdlog/fmt/fmt.h>

#include <boost/json.hpp>

#include <algorithm>

namespace carillon::replay {
namespace {

namespace json = boost::json;

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
        }
    }
    return out;
}

std::string number(std::optional<double> value, std::string_view unit = "") {
    return value ? fmt::format("{:.2f}{}", *value, unit) : "-";
}

/// How far from the capture's times packets left: finer than the rest.
std::string pacing(const Outcome& outcome) {
    if (!outcome.pacing_p99_ms) return "-";
    return fmt::format("{:.3f}, {:.3f}, {:.3f} ms", *outcome.pacing_p50_ms, *outcome.pacing_p99_ms,
                       *outcome.pacing_max_ms);
}

/// Rounded, so that the text of equal outcomes is equal and short.
json::value rounded(std::optional<double> value) {
    if (!value) return nullptr;
    return static_cast<double>(static_cast<long long>(*value * 10000 + (*value < 0 ? -0.5 : 0.5))) / 10000;
}

json::object figures(const capture::StreamFigures& figures) {
    json::object out;
    out["packets"] = figures.packets;
    out["octets"] = figures.octets;
    out["expected"] = figures.expected;
    out["lost"] = figures.lost;
    out["loss"] = rounded(figures.loss);
    out["duplicates"] = figures.duplicates;
    out["reordered"] = figures.reordered;
    out["jitter_ms"] = rounded(figures.jitter_ms);
    out["longest_gap_ms"] = rounded(figures.longest_gap_ms);
    out["seconds"] = rounded(figures.seconds);
    out["digits"] = figures.digits;
    out["mos"] = figures.mos > 0 ? rounded(figures.mos) : nullptr;
    return out;
}

/// A bar for each of before and after: `value` of `most`.
std::string bars(std::string_view title, double before, double after, double most, std::string_view unit) {
    const auto width = [most](double value) { return most > 0 ? std::clamp(value / most, 0.0, 1.0) * 300 : 0; };
    return fmt::format(
        "<figure><figcaption>{0}</figcaption><svg width=\"420\" height=\"46\" role=\"img\">"
        "<rect class=\"b\" y=\"2\" width=\"{1:.1f}\" height=\"18\"/><text x=\"{3:.1f}\" y=\"16\">{4:.2f}{7} "
        "captured</text>"
        "<rect class=\"a\" y=\"24\" width=\"{2:.1f}\" height=\"18\"/><text x=\"{5:.1f}\" y=\"38\">{6:.2f}{7} "
        "arrived</text>"
        "</svg></figure>\n",
        title, width(before), width(after), width(before) + 6, before, width(after) + 6, after, unit);
}

std::string section(const Outcome& outcome, const Thresholds& thresholds) {
    const auto wrong = failures(outcome, thresholds);
    auto out = fmt::format("<section><h2 class=\"{}\">{} <small>{}</small></h2>\n", wrong.empty() ? "ok" : "bad",
                           escaped(outcome.name), escaped(outcome.codec));
    for (const auto& sentence : wrong) out += fmt::format("<p class=\"bad\">{}</p>\n", escaped(sentence));
    const auto row = [&out](std::string_view name, std::string_view value) {
        out += fmt::format("<tr><th>{}</th><td>{}</td></tr>\n", name, escaped(value));
    };
    out += "<table>\n";
    row("sent, arrived, identical", fmt::format("{}, {}, {}", outcome.sent, outcome.arrived, outcome.identical));
    row("duplicates, reordered", fmt::format("{}, {}", outcome.after.duplicates, outcome.after.reordered));
    row("delay p50, p99, most", fmt::format("{}, {}, {}", number(outcome.delay_p50_ms, " ms"),
                                            number(outcome.delay_p99_ms, " ms"), number(outcome.delay_max_ms, " ms")));
    row("pacing error p50, p99, most", pacing(outcome));
    row("alike (correlation), SNR", fmt::format("{}, {}", number(outcome.alike), number(outcome.snr_db, " dB")));
    if (!outcome.after.digits.empty()) row("digits", outcome.after.digits);
    out += "</table>\n";
    const auto percent = std::max({outcome.before.loss, outcome.after.loss, 0.01}) * 100;
    out += bars("Loss", outcome.before.loss * 100, outcome.after.loss * 100, percent, " %");
    out += bars("Jitter", outcome.before.jitter_ms, outcome.after.jitter_ms,
                std::max({outcome.before.jitter_ms, outcome.after.jitter_ms, 1.0}), " ms");
    if (outcome.before.mos > 0) out += bars("MOS", outcome.before.mos, outcome.after.mos, 4.5, "");
    return out + "</section>\n";
}

}  // namespace

std::vector<std::string> failures(const Outcome& outcome, const Thresholds& thresholds) {
    std::vector<std::string> out;
    if (outcome.sent > 0 && outcome.arrived == 0 && !outcome.alike) out.emplace_back("nothing arrived");
    if (thresholds.max_loss && outcome.loss > *thresholds.max_loss)
        out.push_back(
            fmt::format("{:.2f} % lost, allowed are {:.2f} %", outcome.loss * 100, *thresholds.max_loss * 100));
    if (thresholds.max_delay_p99_ms && outcome.delay_p99_ms.value_or(0) > *thresholds.max_delay_p99_ms)
        out.push_back(fmt::format("delay p99 is {:.2f} ms, allowed are {:.2f} ms", *outcome.delay_p99_ms,
                                  *thresholds.max_delay_p99_ms));
    if (thresholds.max_pacing_p99_ms && outcome.pacing_p99_ms.value_or(0) > *thresholds.max_pacing_p99_ms)
        out.push_back(fmt::format("pacing error p99 is {:.3f} ms, allowed are {:.3f} ms", *outcome.pacing_p99_ms,
                                  *thresholds.max_pacing_p99_ms));
    if (thresholds.min_mos && outcome.before.mos > 0 && outcome.after.mos < *thresholds.min_mos)
        out.push_back(fmt::format("MOS is {:.2f}, asked for is {:.2f}", outcome.after.mos, *thresholds.min_mos));
    if (thresholds.min_alike && outcome.alike.value_or(1) < *thresholds.min_alike)
        out.push_back(fmt::format("alike is {:.3f}, asked for is {:.3f}", *outcome.alike, *thresholds.min_alike));
    if (thresholds.identical && outcome.identical != outcome.arrived)
        out.push_back(
            fmt::format("{} of {} payloads were changed", outcome.arrived - outcome.identical, outcome.arrived));
    return out;
}

bool Report::passed() const {
    return !outcomes.empty() &&
           std::ranges::all_of(outcomes, [this](const auto& outcome) { return failures(outcome, thresholds).empty(); });
}

std::string to_text(const Report& report) {
    auto out = fmt::format("{}, {}\n", report.capture, report.way);
    for (const auto& outcome : report.outcomes) {
        out += fmt::format(
            "{} {}\n"
            "  sent {}, arrived {} (loss {:.2f} %), identical {}, duplicates {}, reordered {}\n"
            "  delay p50 {} p99 {} most {}; pacing error p50/p99/max {}\n"
            "  jitter {:.2f} ms captured, {:.2f} ms arrived; MOS {} captured, {} arrived\n",
            outcome.name, outcome.codec, outcome.sent, outcome.arrived, outcome.loss * 100, outcome.identical,
            outcome.after.duplicates, outcome.after.reordered, number(outcome.delay_p50_ms, " ms"),
            number(outcome.delay_p99_ms, " ms"), number(outcome.delay_max_ms, " ms"), pacing(outcome),
            outcome.before.jitter_ms, outcome.after.jitter_ms,
            number(outcome.before.mos > 0 ? std::optional{outcome.before.mos} : std::nullopt),
            number(outcome.after.mos > 0 ? std::optional{outcome.after.mos} : std::nullopt));
        if (outcome.alike)
            out += fmt::format("  sound alike {:.3f}, SNR {}\n", *outcome.alike, number(outcome.snr_db, " dB"));
        if (!outcome.after.digits.empty()) out += fmt::format("  digits {}\n", outcome.after.digits);
        for (const auto& sentence : failures(outcome, report.thresholds)) out += "  FAILED: " + sentence + "\n";
    }
    return out + (report.passed() ? "passed\n" : "failed\n");
}

std::string to_json(const Report& report) {
    json::object out;
    out["capture"] = report.capture;
    out["way"] = report.way;
    out["passed"] = report.passed();
    json::array streams;
    for (const auto& outcome : report.outcomes) {
        json::object stream;
        stream["stream"] = outcome.name;
        stream["codec"] = outcome.codec;
        stream["sent"] = outcome.sent;
        stream["arrived"] = outcome.arrived;
        stream["identical"] = outcome.identical;
        stream["loss"] = rounded(outcome.loss);
        stream["delay_p50_ms"] = rounded(outcome.delay_p50_ms);
        stream["delay_p99_ms"] = rounded(outcome.delay_p99_ms);
        stream["delay_max_ms"] = rounded(outcome.delay_max_ms);
        stream["pacing_p50_ms"] = rounded(outcome.pacing_p50_ms);
        stream["pacing_p99_ms"] = rounded(outcome.pacing_p99_ms);
        stream["pacing_max_ms"] = rounded(outcome.pacing_max_ms);
        stream["alike"] = rounded(outcome.alike);
        stream["snr_db"] = rounded(outcome.snr_db);
        stream["captured"] = figures(outcome.before);
        stream["arrived_figures"] = figures(outcome.after);
        json::array wrong;
        for (auto& sentence : failures(outcome, report.thresholds)) wrong.emplace_back(sentence);
        stream["failures"] = std::move(wrong);
        streams.push_back(std::move(stream));
    }
    out["streams"] = std::move(streams);
    return json::serialize(out) + "\n";
}

std::string to_junit(const Report& report) {
    std::size_t failed = 0;
    std::string cases;
    for (const auto& outcome : report.outcomes) {
        const auto wrong = failures(outcome, report.thresholds);
        failed += !wrong.empty();
        cases += fmt::format("  <testcase classname=\"{}\" name=\"{}\" time=\"{:.3f}\">\n", escaped(report.capture),
                             escaped(outcome.name), outcome.after.seconds);
        for (const auto& sentence : wrong) cases += fmt::format("    <failure message=\"{}\"/>\n", escaped(sentence));
        cases += "  </testcase>\n";
    }
    return fmt::format(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\">\n{}"
        "</testsuite>\n",
        escaped(report.capture), report.outcomes.size(), failed, cases);
}

std::string to_html(const Report& report) {
    auto out = fmt::format(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Replay of {0}</title>\n"
        "<meta name=\"viewport\" content=\"width=device-width\">\n"
        "<style>body{{font:15px/1.5 system-ui,sans-serif;max-width:50em;margin:2em auto;padding:0 1em}}"
        "table{{border-collapse:collapse}}th{{text-align:left;font-weight:normal;padding-right:2em;color:#555}}"
        "td{{font-variant-numeric:tabular-nums}}figure{{margin:1em 0 0}}.b{{fill:#9ab}}.a{{fill:#27a}}"
        "text{{font-size:13px}}.bad{{color:#b00}}.ok::before{{content:\"\\2713  \"}}h2.bad::before{{content:\"\\2717  "
        "\"}}"
        "small{{color:#777;font-weight:normal}}</style>\n"
        "<h1>Replay of {0}</h1>\n<p>{1}; <b class=\"{2}\">{3}</b></p>\n",
        escaped(report.capture), escaped(report.way), report.passed() ? "" : "bad",
        report.passed() ? "passed" : "failed");
    for (const auto& outcome : report.outcomes) out += section(outcome, report.thresholds);
    return out + "</html>\n";
}

}  // namespace carillon::replay
