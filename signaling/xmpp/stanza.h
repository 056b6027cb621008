/// A stanza on its way: the element together with its parsed addresses.
/// Spec: RFC 6120 §8.
#pragma once
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "signaling/xml/element.h"
#include "signaling/xmpp/custody.h"
#include "signaling/xmpp/jid.h"
#include "signaling/xmpp/stanza_error.h"

namespace carillon::xmpp {

enum class StanzaKind : std::uint8_t { message, presence, iq };

/// Threading: a value, moved from server to server.
/// Keeps `from` and `to` in step with the element's attributes: change them only through set_from() and set_to().
class Stanza {
  public:
    /// `element` is a message, presence or iq; malformed addresses or an unknown name give an error.
    static std::expected<Stanza, StanzaError> parse(xml::Element element);
    static Stanza message(const Jid& from, const Jid& to, std::string_view type = {});
    static Stanza presence(const Jid& from, const Jid& to, std::string_view type = {});
    static Stanza iq(std::string_view type, std::string_view id, const Jid& from, const Jid& to);
    /// The result that answers an IQ, without payload.
    static Stanza result_of(const Stanza& request);

    StanzaKind kind() const { return kind_; }
    bool is_message() const { return kind_ == StanzaKind::message; }
    bool is_presence() const { return kind_ == StanzaKind::presence; }
    bool is_iq() const { return kind_ == StanzaKind::iq; }
    bool is_iq_request() const { return is_iq() && (type() == "get" || type() == "set"); }
    bool is_error() const { return type() == "error"; }

    const Jid& from() const { return from_; }
    const Jid& to() const { return to_; }  ///< empty() when the stanza has no 'to'
    void set_from(Jid from);
    void set_to(Jid to);
    std::string_view type() const { return element_.attribute("type"); }  ///< empty: the kind's default
    std::string_view id() const { return element_.attribute("id"); }

    /// The first child element: of an IQ request the payload. nullptr when there is none.
    const xml::Element* payload() const { return element_.first_child(); }
    const xml::Element& element() const { return element_; }
    xml::Element& element() { return element_; }
    xml::Element release() && { return std::move(element_); }

    /// Whoever stores or carries a message on holds on to this until that is done; nullptr: nobody was promised
    /// anything.
    const CustodyPtr& custody() const { return custody_; }
    void set_custody(CustodyPtr custody) { custody_ = std::move(custody); }

    /// It was taken in before and comes a second way, because the first one ended.
    bool redelivered() const { return redelivered_; }
    void set_redelivered() { redelivered_ = true; }

  private:
    Stanza(StanzaKind kind, xml::Element element) : kind_{kind}, element_{std::move(element)} {}

    StanzaKind kind_;
    xml::Element element_;
    Jid from_;
    Jid to_;
    CustodyPtr custody_;
    bool redelivered_ = false;
};

}  // namespace carillon::xmpp
