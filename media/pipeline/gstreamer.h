/// GStreamer, made ready when it is first needed: a program that plays no pipeline never starts it.
/// Not here: what is played (sound_pipeline.h).
#pragma once
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gst/app/gstappsink.h>
#include <gst/gst.h>

namespace carillon::pipeline {

struct Unref {
    void operator()(GstElement* element) const {
        gst_element_set_state(element, GST_STATE_NULL);
        gst_object_unref(element);
    }
    void operator()(GstSample* sample) const { gst_sample_unref(sample); }
};
using ElementPtr = std::unique_ptr<GstElement, Unref>;
using SamplePtr = std::unique_ptr<GstSample, Unref>;

/// A pipeline that ends in an appsink, as samples of 16 bits, mono.
struct SoundElement {
    ElementPtr pipeline;
    GstAppSink* sink = nullptr;  ///< the pipeline's
};

/// `description`: a URI, or what gst-launch-1.0 takes, without a sink. `paced`: not faster than it sounds. The error is
/// a sentence. Threading: any; the first call may take seconds (GStreamer looks at its plugins).
std::expected<SoundElement, std::string> make_sound_element(const std::string& description, unsigned sample_rate,
                                                            bool paced);
/// What has gone wrong in the pipeline since; empty: nothing.
std::string failure_of(const SoundElement& element);
std::vector<std::int16_t> samples_of(GstSample& sample);

}  // namespace carillon::pipeline
