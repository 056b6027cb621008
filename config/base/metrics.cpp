#include "config/base/metrics.h"

#include <stdexcept>

#include <spdlog/fmt/fmt.h>

namespace carillon::metrics {
namespace {

std::string clean_name(std::string_view name) {
    std::string out;
    for (const char c : name) {
        const bool digit = c >= '0' && c <= '9';
        const bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (digit && !out.empty());
        out += fine ? c : '_';
    }
    return out.empty() ? "_" : out;
}

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\' || c == '"') out += '\\';
        if (c == '\n')
            out += "\\n";
        else
            out += c;
    }
    return out;
}

std::string written(const Labels& labels) {
    std::string out;
    for (const auto& [key, value] : labels) {
        out += fmt::format("{}{}=\"{}\"", out.empty() ? "{" : ",", clean_name(key), escaped(value));
    }
    return out.empty() ? out : out + '}';
}

}  // namespace

Registry::Series& Registry::series(std::string_view name, std::string_view help, const Labels& labels,
                                   bool is_counter) {
    const std::lock_guard lock{mutex_};
    const auto [at, fresh] = families_.try_emplace(clean_name(name));
    auto& family = at->second;
    if (fresh) {
        family.is_counter = is_counter;
        family.help = escaped(help);
    } else if (family.is_counter != is_counter) {
        throw std::logic_error{"one metric declared as counter and as gauge: " + at->first};
    }
    auto key = written(labels);
    if (!family.series.contains(key) && family.series.size() >= kMostSeries) key = R"({overflow="true"})";
    return family.series[key];
}

Counter& Registry::counter(std::string_view name, std::string_view help, const Labels& labels) {
    return series(name, help, labels, true).counter;
}

Gauge& Registry::gauge(std::string_view name, std::string_view help, const Labels& labels) {
    return series(name, help, labels, false).gauge;
}

void Registry::add_source(std::function<void(const Sink&)> source) {
    const std::lock_guard lock{mutex_};
    sources_.push_back(std::move(source));
}

std::string Registry::text() const {
    const std::lock_guard lock{mutex_};
    std::string out;
    for (const auto& [name, family] : families_) {
        out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, family.help, name,
                           family.is_counter ? "counter" : "gauge");
        for (const auto& [labels, series] : family.series) {
            out += name + labels + ' ' +
                   (family.is_counter ? fmt::format("{}", series.counter.value())
                                      : fmt::format("{}", series.gauge.value())) +
                   '\n';
        }
    }
    const Sink sink = [&](std::string_view name, double value) {
        out += fmt::format("{} {}\n", clean_name(name), value);
    };
    for (const auto& source : sources_) source(sink);
    return out;
}

}  // namespace carillon::metrics
