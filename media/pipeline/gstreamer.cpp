#include "media/pipeline/gstreamer.h"

#include <cstring>
#include <mutex>

namespace carillon::pipeline {
namespace {

constexpr guint kBuffers = 16;

std::string text_of(GError* error) {
    std::string out = error && error->message ? error->message : "no reason is given";
    g_clear_error(&error);
    return out;
}

/// Who has begun GStreamer for single plugins may have kept it from looking for the others.
void find_plugins() {
    auto* known = gst_element_factory_find("uridecodebin");
    if (known) return gst_object_unref(known);
    gst_registry_scan_path(gst_registry_get(), CARILLON_GSTREAMER_PLUGINS);
}

/// Empty when it is there.
const std::string& initialise() {
    static std::once_flag once;
    static std::string fault;
    std::call_once(once, [] {
        GError* error = nullptr;
        if (!gst_init_check(nullptr, nullptr, &error)) {
            fault = "GStreamer cannot be used: " + text_of(error);
        } else {
            find_plugins();
        }
    });
    return fault;
}

bool is_uri(const std::string& description) {
    return description.find("://") != std::string::npos && description.find_first_of(" \t!\"") == std::string::npos;
}

}  // namespace

std::expected<SoundElement, std::string> make_sound_element(const std::string& description, unsigned sample_rate,
                                                            bool paced) {
    if (const auto& fault = initialise(); !fault.empty()) return std::unexpected{fault};
    const auto source = is_uri(description) ? "uridecodebin uri=\"" + description + "\"" : description;
    const auto launch =
        source + " ! audioconvert ! audioresample ! audio/x-raw,format=S16LE,layout=interleaved,channels=1,rate=" +
        std::to_string(sample_rate) + " ! appsink name=carillon sync=" + (paced ? "true" : "false") +
        " max-buffers=" + std::to_string(kBuffers);
    GError* error = nullptr;
    ElementPtr pipeline{gst_parse_launch_full(launch.c_str(), nullptr, GST_PARSE_FLAG_FATAL_ERRORS, &error)};
    if (!pipeline || error) return std::unexpected{"the pipeline cannot be made: " + text_of(error)};
    if (!GST_IS_BIN(pipeline.get())) return std::unexpected{std::string{"the pipeline cannot be made"}};
    auto* sink = gst_bin_get_by_name(GST_BIN(pipeline.get()), "carillon");
    if (!sink || !GST_IS_APP_SINK(sink)) return std::unexpected{std::string{"the pipeline cannot be made"}};
    gst_object_unref(sink);  // the pipeline holds it
    return SoundElement{std::move(pipeline), GST_APP_SINK(sink)};
}

std::string failure_of(const SoundElement& element) {
    auto* bus = gst_element_get_bus(element.pipeline.get());
    std::string out;
    while (auto* message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR)) {
        GError* error = nullptr;
        gst_message_parse_error(message, &error, nullptr);
        if (out.empty()) {
            out = text_of(error);
        } else {
            g_clear_error(&error);
        }
        gst_message_unref(message);
    }
    gst_object_unref(bus);
    return out;
}

std::vector<std::int16_t> samples_of(GstSample& sample) {
    auto* buffer = gst_sample_get_buffer(&sample);
    GstMapInfo map;
    if (!buffer || !gst_buffer_map(buffer, &map, GST_MAP_READ)) return {};
    std::vector<std::int16_t> out(map.size / sizeof(std::int16_t));
    if (!out.empty()) std::memcpy(out.data(), map.data, out.size() * sizeof(std::int16_t));
    gst_buffer_unmap(buffer, &map);
    return out;
}

}  // namespace carillon::pipeline
