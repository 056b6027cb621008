/// What answers calls at an address of the server's own, and what one such call is.
/// Spec: docs/endpoints.md, which tells how to add one.
/// Not here: Jingle (answering.cpp), sound (relay/media).
#pragma once
#include <chrono>
#include <cstddef>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "relay/api/program.h"
#include "signaling/calls/media_relay.h"
#include "signaling/jingle/jingle.h"
#include "signaling/storage/storage.h"
#include "signaling/xmpp/stanza.h"

namespace carillon::calls {

using relay::api::ProgramEvent;

/// What a call has been, once it is over.
struct EndpointFigures {
    storage::CallRecord record;
    std::chrono::milliseconds duration{0};  ///< since the answer
    SideCounters heard;                     ///< of what came from the caller
    SideCounters told;                      ///< of what went to the caller
    std::string transport;                  ///< "ice-udp dtls"
};

/// The call's end towards the program: what a program may do with its caller. Does nothing once the call is over.
/// Threading: the shard of the call.
class EndpointLine {
  public:
    virtual ~EndpointLine() = default;
    virtual const xmpp::Jid& caller() const = 0;   ///< full
    virtual const xmpp::Jid& address() const = 0;  ///< full: who the caller speaks to
    /// Other sound from now on, both ways; `done(false)`: the worker has refused it.
    virtual void set(relay::api::Source source, relay::api::Sink sink, std::function<void(bool)> done) = 0;
    virtual void hang_up(const jingle::Reason& reason) = 0;
    /// A stanza from address() or its bare form; also after the call.
    virtual void send(xmpp::Stanza stanza) = 0;
};

/// One call at an endpoint. Threading: the shard of the call.
class EndpointCall {
  public:
    virtual ~EndpointCall() = default;
    /// What the caller hears first, and what becomes of what it says.
    virtual relay::api::Source source() const = 0;
    virtual relay::api::Sink sink() const { return {}; }
    /// Whether it may record into files of this machine.
    virtual bool writes_files() const { return false; }
    /// The caller can hear from now on, as far as it has said.
    virtual void began() {}
    virtual void on_event(const ProgramEvent&) {}
    /// Once, when the worker has told its last figures.
    virtual void ended(const EndpointFigures&) {}
};

/// Threading: one on each shard.
class Endpoint {
  public:
    virtual ~Endpoint() = default;
    virtual std::string_view name() const = 0;  ///< the resource that answers, and the word in calls' records
    /// For people.
    virtual std::string_view title() const = 0;
    virtual std::string_view help() const = 0;
    /// Whether video comes back as it came; else it is taken and not answered.
    virtual bool returns_video() const { return false; }
    virtual std::size_t calls_per_user() const = 0;
    /// What somebody writes to it; false: it is told help().
    virtual bool take_message(const xmpp::Stanza&) { return false; }
    /// A call that has been let in; an error refuses it.
    virtual std::expected<std::unique_ptr<EndpointCall>, xmpp::StanzaError> answer(
        std::shared_ptr<EndpointLine> line) = 0;
};

}  // namespace carillon::calls
