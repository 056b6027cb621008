#include "codecs/h264/gst_element.h"

#include <gst/gst.h>

#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <set>
#include <stdexcept>

namespace carillon::codecs::h264 {
namespace {

std::string file_of(const char* plugin) { return std::string{CARILLON_GSTREAMER_PLUGINS} + "/libgst" + plugin + ".so"; }

/// GStreamer, once, and then each plugin, once. On first use, for it takes a while.
void load(const char* plugin) {
    static std::mutex mutex;
    static std::set<std::string> loaded;
    const std::scoped_lock lock{mutex};
    if (gst_is_initialized() == FALSE) {
        settle_environment();
        gst_registry_fork_set_enabled(FALSE);
        if (gst_init_check(nullptr, nullptr, nullptr) == FALSE) throw std::runtime_error{"GStreamer does not begin"};
    }
    if (loaded.contains(plugin)) return;
    auto* found = gst_plugin_load_file(file_of(plugin).c_str(), nullptr);
    if (!found) throw std::runtime_error{std::string{"no GStreamer plugin "} + plugin};
    gst_object_unref(found);
    loaded.insert(plugin);
}

GstPad* make_pad(const char* name, GstPadDirection direction, const std::string& caps) {
    auto* what = gst_caps_from_string(caps.c_str());
    auto* pad_template = gst_pad_template_new(name, direction, GST_PAD_ALWAYS, what);
    gst_caps_unref(what);
    auto* pad = gst_pad_new_from_template(pad_template, name);
    gst_object_unref(pad_template);
    return GST_PAD_CAST(gst_object_ref_sink(pad));
}

bool link_pads(GstPad* from, GstPad* to) { return GST_PAD_LINK_SUCCESSFUL(gst_pad_link(from, to)); }

}  // namespace

bool has_plugin(const char* plugin) {
    std::error_code none;
    return std::filesystem::exists(file_of(plugin), none);
}

void settle_environment() {
    ::setenv("GST_PLUGIN_SYSTEM_PATH_1_0", "", 0);
    ::setenv("GST_REGISTRY_1_0", "/dev/null", 0);
    ::setenv("GST_REGISTRY_UPDATE", "no", 0);
}

struct GstLine::Callbacks {
    static GstFlowReturn on_buffer(GstPad* pad, GstObject*, GstBuffer* buffer) noexcept {
        auto& line = *static_cast<GstLine*>(gst_pad_get_element_private(pad));
        line.on_buffer_(buffer, line.caps_);
        gst_buffer_unref(buffer);
        return GST_FLOW_OK;
    }
    static gboolean on_event(GstPad* pad, GstObject*, GstEvent* event) noexcept {
        auto& line = *static_cast<GstLine*>(gst_pad_get_element_private(pad));
        if (GST_EVENT_TYPE(event) == GST_EVENT_CAPS) {
            GstCaps* caps = nullptr;
            gst_event_parse_caps(event, &caps);
            gst_caps_replace(&line.caps_, caps);
        }
        gst_event_unref(event);
        return TRUE;
    }
    static gboolean ignore(GstPad*, GstObject*, GstEvent* event) noexcept {
        gst_event_unref(event);
        return TRUE;
    }
};

GstLine::GstLine(const char* plugin, const char* element, const std::string& in, const std::string& out,
                 OnBuffer on_buffer)
    : on_buffer_{std::move(on_buffer)}, in_{in} {
    load(plugin);
    element_ = gst_element_factory_make(element, nullptr);
    if (!element_) throw std::runtime_error{std::string{"no GStreamer element "} + element};
    gst_object_ref_sink(element_);
    source_ = make_pad("src", GST_PAD_SRC, in);
    sink_ = make_pad("sink", GST_PAD_SINK, out);
    gst_pad_set_element_private(sink_, this);
    gst_pad_set_chain_function(sink_, &Callbacks::on_buffer);
    gst_pad_set_event_function(sink_, &Callbacks::on_event);
    gst_pad_set_event_function(source_, &Callbacks::ignore);
}

void GstLine::start() {
    auto* into = gst_element_get_static_pad(element_, "sink");
    auto* out_of = gst_element_get_static_pad(element_, "src");
    const bool linked = into && out_of && link_pads(source_, into) && link_pads(out_of, sink_);
    if (into) gst_object_unref(into);
    if (out_of) gst_object_unref(out_of);
    if (!linked) throw std::runtime_error{"a GStreamer element does not fit"};
    gst_pad_set_active(source_, TRUE);
    gst_pad_set_active(sink_, TRUE);
    if (gst_element_set_state(element_, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE)
        throw std::runtime_error{"a GStreamer element does not begin"};
    gst_pad_push_event(source_, gst_event_new_stream_start("carillon"));
    auto* caps = gst_caps_from_string(in_.c_str());
    const bool taken = gst_pad_push_event(source_, gst_event_new_caps(caps)) != FALSE;
    gst_caps_unref(caps);
    if (!taken) throw std::runtime_error{"a GStreamer element does not take " + in_};
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    gst_pad_push_event(source_, gst_event_new_segment(&segment));
}

GstLine::~GstLine() {
    if (element_) gst_element_set_state(element_, GST_STATE_NULL);
    for (auto* pad : {source_, sink_}) {
        if (!pad) continue;
        gst_pad_set_active(pad, FALSE);
        if (auto* peer = gst_pad_get_peer(pad)) {
            pad == source_ ? gst_pad_unlink(pad, peer) : gst_pad_unlink(peer, pad);
            gst_object_unref(peer);
        }
        gst_object_unref(pad);
    }
    gst_caps_replace(&caps_, nullptr);
    if (element_) gst_object_unref(element_);
}

bool GstLine::push(GstBuffer* buffer) {
    const auto flow = gst_pad_push(source_, buffer);
    return flow == GST_FLOW_OK;
}

void GstLine::send_upstream(GstEvent* event) { gst_pad_push_event(sink_, event); }

}  // namespace carillon::codecs::h264
