/// One GStreamer element, fed and read on the caller's own thread: no pipeline, no thread of its own, no clock.
/// Not here: what the element does (h264_codec.cpp).
#pragma once
#include <functional>
#include <string>

#include "config/base/bytes.h"

typedef struct _GstElement GstElement;
typedef struct _GstPad GstPad;
typedef struct _GstBuffer GstBuffer;
typedef struct _GstCaps GstCaps;
typedef struct _GstEvent GstEvent;

namespace carillon::codecs::h264 {

/// Whether a plugin's file is there: "x264", "libav" ... Costs a look at a name; nothing is loaded.
bool has_plugin(const char* plugin);
/// What GStreamer is told by the environment, where nobody has: no search for plugins, no cache of them. Before there
/// are threads, or not at all.
void settle_environment();

/// Threading: one thread at a time. Owns: the element and a pad at either end.
class GstLine {
  public:
    /// What comes out; `caps` may be null before the first one.
    using OnBuffer = std::function<void(GstBuffer* buffer, GstCaps* caps)>;

    /// `in`: caps of what is pushed; `out`: caps of what may come out, others are refused. Loads the plugin when it has
    /// to; the constructor throws std::runtime_error.
    GstLine(const char* plugin, const char* element, const std::string& in, const std::string& out, OnBuffer on_buffer);
    ~GstLine();
    GstLine(const GstLine&) = delete;

    GstElement* element() { return element_; }
    /// After the properties are set, before the first push().
    void start();
    /// Takes the buffer over. False: the element has failed and is of no use any more.
    bool push(GstBuffer* buffer);
    /// An event against the stream; takes it over.
    void send_upstream(GstEvent* event);

  private:
    struct Callbacks;

    OnBuffer on_buffer_;
    std::string in_;
    GstElement* element_ = nullptr;
    GstPad* source_ = nullptr;  // ours: feeds the element
    GstPad* sink_ = nullptr;    // ours: what the element makes
    GstCaps* caps_ = nullptr;   // of what comes out
};

}  // namespace carillon::codecs::h264
