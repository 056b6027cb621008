#include "signaling/calls/endpoints/echo.h"

#include <cstdio>

#include "signaling/calls/endpoints/music.h"
#include "signaling/calls/random_id.h"

namespace carillon::calls {
namespace {

constexpr std::string_view kForm = "jabber:x:data";
constexpr std::string_view kFigures = "urn:carillon:call-figures";

std::string decimal(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f", value);
    return text;
}

double loss_of(const SideCounters& side) {
    return side.expected > 0 ? static_cast<double>(side.lost) / static_cast<double>(side.expected) : side.loss;
}

class EchoCall final : public EndpointCall {
  public:
    EchoCall(std::shared_ptr<EndpointLine> line, std::string greeting)
        : line_{std::move(line)}, greeting_{std::move(greeting)} {}

    relay::api::Source source() const override { return greeting_.empty() ? echo() : play(greeting_, false); }
    void on_event(const ProgramEvent& event) override {
        const bool skips = event.kind == ProgramEvent::Kind::digit;
        if (greeting_.empty() || (event.kind != ProgramEvent::Kind::source_ended && !skips)) return;
        greeting_.clear();
        line_->set(echo(), {}, [](bool) {});
    }
    void ended(const EndpointFigures& figures) override {
        if (!figures.record.answered) return;
        auto message = xmpp::Stanza::message(line_->address().bare(), line_->caller(), "chat");
        message.element().set("id", random_id());
        message.element().add("body").add_text(describe(figures));
        message.element().append(figures_form(figures));
        line_->send(std::move(message));
    }

  private:
    static relay::api::Source echo() { return {.kind = relay::api::Source::Kind::echo, .clips = {}, .loop = false}; }

    std::shared_ptr<EndpointLine> line_;
    std::string greeting_;
};

}  // namespace

std::expected<std::unique_ptr<EndpointCall>, xmpp::StanzaError> EchoEndpoint::answer(
    std::shared_ptr<EndpointLine> line) {
    return std::make_unique<EchoCall>(std::move(line), greeting_);
}

std::string describe(const EndpointFigures& figures) {
    const auto& heard = figures.heard;
    std::string out = "Your call: " + decimal(static_cast<double>(figures.duration.count()) / 1000) + " s, " +
                      figures.record.codecs + ", " + figures.transport + '\n';
    out += "From you: " + std::to_string(heard.packets) + " packets, " + decimal(loss_of(heard) * 100) +
           " % lost, jitter " + decimal(heard.jitter_ms) + " ms\n";
    out += "To you: " + std::to_string(figures.told.packets) + " packets\n";
    out += heard.round_trip_ms > 0 ? "Round trip: " + decimal(heard.round_trip_ms) + " ms"
                                   : std::string{"Round trip: not known, your client sent no reports"};
    return out;
}

xml::Element figures_form(const EndpointFigures& figures) {
    xml::Element form{"x", kForm};
    form.set("type", "result");
    const auto field = [&](std::string_view var, const std::string& value) -> xml::Element& {
        auto& element = form.add("field");
        element.set("var", var).add("value").add_text(value);
        return element;
    };
    field("FORM_TYPE", std::string{kFigures}).set("type", "hidden");
    const auto& heard = figures.heard;
    field("call", figures.record.id);
    field("reason", figures.record.reason);
    field("duration_ms", std::to_string(figures.duration.count()));
    field("codecs", figures.record.codecs);
    field("transport", figures.transport);
    field("path", figures.record.path);
    field("packets_from_you", std::to_string(heard.packets));
    field("bytes_from_you", std::to_string(heard.bytes));
    field("lost_from_you", std::to_string(heard.lost));
    field("loss_from_you", std::to_string(loss_of(heard)));
    field("jitter_ms", decimal(heard.jitter_ms));
    field("packets_to_you", std::to_string(figures.told.packets));
    field("bytes_to_you", std::to_string(figures.told.bytes));
    if (heard.round_trip_ms > 0) field("round_trip_ms", decimal(heard.round_trip_ms));
    return form;
}

}  // namespace carillon::calls
