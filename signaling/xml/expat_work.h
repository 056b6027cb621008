/// What a StreamParser does with expat: its callbacks, and where they stand in the stream.
/// Spec: RFC 6120 §11.1 (what of XML is not allowed in a stream).
/// Internal to signaling/xml.  Not here: which stream has which expat parser when (stream_parser.cpp).
#pragma once
#include <expat.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "signaling/xml/stream_parser.h"

// Since Expat 2.6.0 and in later security updates of Debian 12: weak, so that one build runs with and without it.
extern "C" __attribute__((weak)) XML_Bool XML_SetReparseDeferralEnabled(XML_Parser parser, XML_Bool enabled);

namespace carillon::xml {
namespace expat {

inline constexpr char kSeparator = '\n';  // cannot occur in a namespace name: attribute values are normalised
inline constexpr std::size_t kMaxToken = 32 * 1024;  // one tag with its attributes; each new byte scans it again
inline constexpr std::size_t kMaxRoot = 1024;        // an opening tag with more declarations keeps its parser
inline constexpr std::string_view kXmlNs = "http://www.w3.org/XML/1998/namespace";

struct Name {
    std::string_view ns;
    std::string_view local;
};

inline Name split(const XML_Char* raw) {
    const std::string_view text{raw};
    const auto at = text.find(kSeparator);
    if (at == std::string_view::npos) return {{}, text};
    return {text.substr(0, at), text.substr(at + 1)};
}

/// Not the same for any two parsers, and not to be guessed from outside: names chosen to collide must not. The kernel
/// is asked for many at a time.
inline unsigned long hash_salt() {
    thread_local std::array<unsigned long, 32> drawn{};
    thread_local std::size_t left = 0;
    if (left == 0) {
        while (::getrandom(drawn.data(), sizeof drawn, 0) != static_cast<ssize_t>(sizeof drawn)) {
        }
        left = drawn.size();
    }
    return drawn[--left] | 1;  // 0 would stand for none
}

inline std::string attribute_name(Name name) {
    if (name.ns.empty()) return std::string{name.local};
    if (name.ns == kXmlNs) return "xml:" + std::string{name.local};
    return '{' + std::string{name.ns} + '}' + std::string{name.local};
}

}  // namespace expat

/// What expat's C callbacks work on. They are noexcept: running out of memory ends the process, as anywhere.
struct StreamParser::Impl {
    explicit Impl(ParserLimits given) : limits{given} { begin(); }
    ~Impl() { XML_ParserFree(parser); }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void begin() {
        if (!parser) {
            parser = XML_ParserCreateNS("UTF-8", expat::kSeparator);
            if (!parser) throw std::bad_alloc{};
        } else {
            XML_ParserReset(parser, "UTF-8");
        }
        XML_SetHashSalt(parser, expat::hash_salt());  // or it asks the kernel for one each time
        XML_SetUserData(parser, this);
        // Expat would hold a complete stanza back to save re-scanning; expat::kMaxToken bounds that work instead.
        if (XML_SetReparseDeferralEnabled != nullptr) XML_SetReparseDeferralEnabled(parser, XML_FALSE);
        XML_SetElementHandler(parser, on_start, on_end);
        XML_SetCharacterDataHandler(parser, on_text);
        XML_SetStartNamespaceDeclHandler(parser, on_namespace);
        XML_SetXmlDeclHandler(parser, on_xml_declaration);
        // RFC 6120 §11.1: what a stream must not contain.
        XML_SetStartDoctypeDeclHandler(
            parser, [](void* self, const XML_Char*, const XML_Char*, const XML_Char*, int) noexcept {
                static_cast<Impl*>(self)->fail("restricted-xml", "document type declarations are not allowed");
            });
        XML_SetCommentHandler(parser, [](void* self, const XML_Char*) noexcept {
            static_cast<Impl*>(self)->fail("restricted-xml", "comments are not allowed");
        });
        XML_SetProcessingInstructionHandler(parser, [](void* self, const XML_Char*, const XML_Char*) noexcept {
            static_cast<Impl*>(self)->fail("restricted-xml", "processing instructions are not allowed");
        });
        XML_SetSkippedEntityHandler(parser, [](void* self, const XML_Char*, int) noexcept {
            static_cast<Impl*>(self)->fail("restricted-xml", "entity references are not allowed");
        });
        depth = 0;
        elements = 0;
        open.clear();
        content_ns.clear();
        declared.clear();
        root.clear();
        events.clear();
        next_event = 0;
        suspended = false;
        fed = 0;
        mark = 0;
        consumed = 0;
    }

    /// Goes on inside a stream whose opening tag has been told of before.
    void begin_inside(std::string_view tag) {
        begin();
        reopening = true;
        fed = tag.size();
        XML_Parse(parser, tag.data(), static_cast<int>(tag.size()), XML_FALSE);
        reopening = false;
        root = tag;
    }

    /// Expat keeps every name it has seen: a stream that never rests would grow for as long as it lives.
    void renew() {
        const auto rest = chunk.substr(mark - (fed - chunk.size()));
        const std::string tag = root;
        begin_inside(tag);
        chunk = rest;
        fed += chunk.size();
        waiting = !chunk.empty();
    }

    /// The opening tag again, with what matters to what comes: its name and its declarations. Empty if it can't be
    /// told.
    std::string root_tag(expat::Name name) const {
        std::string tag{'<'};
        unsigned matches = 0;
        for (const auto& [prefix, uri] : declared) {
            if (uri != name.ns || matches++ > 0) continue;
            if (!prefix.empty()) tag.append(prefix) += ':';
        }
        if (matches != 1 && !(matches == 0 && name.ns.empty())) return {};
        tag += name.local;
        for (const auto& [prefix, uri] : declared) {
            tag += " xmlns";
            if (!prefix.empty()) (tag += ':') += prefix;
            tag += "='";
            for (const char c : uri) {
                if (c == '&')
                    tag += "&amp;";
                else if (c == '<')
                    tag += "&lt;";
                else if (c == '\'')
                    tag += "&apos;";
                else
                    tag += c;
            }
            tag += '\'';
            if (tag.size() > expat::kMaxRoot) return {};
        }
        return tag += '>';
    }

    /// Whether nothing is lost with the parser: it stands between two stanzas, with every octet read.
    bool idle() const {
        return depth == 1 && !root.empty() && !waiting && !suspended && !fault && next_event == events.size() &&
               fed == consumed;
    }

    void fail(std::string_view condition, std::string text) {
        if (!fault) fault = StreamFault{condition, std::move(text)};
        XML_StopParser(parser, XML_FALSE);
    }

    void emit(StreamEvent what) {
        events.push_back(std::move(what));  // <stream/> alone makes two at once: expat suspends after both
        mark = position_after();
        XML_StopParser(parser, XML_TRUE);
    }

    std::size_t position_after() const {
        return static_cast<std::size_t>(XML_GetCurrentByteIndex(parser)) +
               static_cast<std::size_t>(XML_GetCurrentByteCount(parser));
    }

    void start(const XML_Char* raw_name, const XML_Char** raw_attributes) {
        consumed = position_after();
        const auto name = expat::split(raw_name);
        if (fault) return;
        if (depth > limits.depth) return fail("policy-violation", "elements are nested too deeply");
        const auto count = static_cast<std::size_t>(XML_GetSpecifiedAttributeCount(parser)) / 2;
        if (count > limits.attributes) return fail("policy-violation", "an element has too many attributes");
        if (++elements > limits.elements) return fail("policy-violation", "a stanza has too many elements");
        Element element{name.local, name.ns};
        for (const auto** at = raw_attributes; *at; at += 2)
            element.append_attribute(expat::attribute_name(expat::split(at[0])), at[1]);
        ++depth;
        if (depth == 1) {
            elements = 0;
            mark = consumed;
            if (reopening) return;
            root = root_tag(name);
            declared.clear();
            return emit(StreamOpen{std::move(element), content_ns});
        }
        if (depth == 2) {
            stanza = std::move(element);
            open.assign(1, &stanza);
        } else {
            // The open elements are each the last node of the one before: nothing moves them while they are open.
            open.push_back(&open.back()->append(std::move(element)));
        }
    }

    void end() {
        consumed = position_after();
        if (fault) return;
        --depth;
        if (depth == 0) return emit(StreamClose{});
        open.pop_back();
        if (depth == 1) {
            if (position_after() - mark > limits.stanza_bytes)
                return fail("policy-violation", "the stanza is too large");
            elements = 0;
            bulky = bulky || position_after() - mark > expat::kMaxToken;
            emit(std::move(stanza));
        }
    }

    void text(std::string_view piece) {
        consumed = position_after();
        if (fault) return;
        if (depth > 1) {
            open.back()->add_text(piece);
            return;
        }
        // Between stanzas: white space keeps connections alive (RFC 6120 §4.6.1), anything else has no place.
        if (piece.find_first_not_of(" \t\r\n") != std::string_view::npos)
            return fail("bad-format", "text outside a stanza");
        mark = position_after();
    }

    static void on_start(void* self, const XML_Char* name, const XML_Char** attributes) noexcept {
        static_cast<Impl*>(self)->start(name, attributes);
    }
    static void on_end(void* self, const XML_Char*) noexcept { static_cast<Impl*>(self)->end(); }
    static void on_text(void* self, const XML_Char* text, int length) noexcept {
        static_cast<Impl*>(self)->text({text, static_cast<std::size_t>(length)});
    }
    static void on_namespace(void* self, const XML_Char* prefix, const XML_Char* uri) noexcept {
        auto& impl = *static_cast<Impl*>(self);
        if (impl.depth > 0) return;
        if (!prefix && uri) impl.content_ns = uri;
        if (impl.declared.size() <= impl.limits.attributes)
            impl.declared.emplace_back(prefix ? prefix : "", uri ? uri : "");
    }
    static void on_xml_declaration(void* self, const XML_Char* version, const XML_Char* encoding, int) noexcept {
        auto& impl = *static_cast<Impl*>(self);
        if (!version) impl.fail("restricted-xml", "text declarations are not allowed");
        if (!encoding) return;
        std::string name{encoding};
        std::ranges::transform(name, name.begin(),
                               [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
        if (name != "utf-8") impl.fail("unsupported-encoding", "streams are UTF-8");
    }

    void parse() {
        // A copy of the rest waits inside expat while it is suspended, so chunk need only outlive a restart.
        const auto status = suspended ? XML_ResumeParser(parser)
                                      : XML_Parse(parser, chunk.data(), static_cast<int>(chunk.size()), XML_FALSE);
        XML_ParsingStatus state{};
        XML_GetParsingStatus(parser, &state);
        suspended = state.parsing == XML_SUSPENDED;
        if (!suspended) waiting = false;
        if (fault || status != XML_STATUS_ERROR) return;
        switch (XML_GetErrorCode(parser)) {
            case XML_ERROR_UNBOUND_PREFIX:
            case XML_ERROR_RESERVED_PREFIX_XML:
            case XML_ERROR_RESERVED_PREFIX_XMLNS:
            case XML_ERROR_RESERVED_NAMESPACE_URI:
                fault = StreamFault{"bad-namespace-prefix", "a namespace prefix is not declared or is reserved"};
                return;
            case XML_ERROR_UNDEFINED_ENTITY:
            case XML_ERROR_AMPLIFICATION_LIMIT_BREACH:
                fault = StreamFault{"restricted-xml", "entity references are not allowed"};
                return;
            case XML_ERROR_MISPLACED_XML_PI:
                fault = StreamFault{"restricted-xml", "an XML declaration stands inside the stream"};
                return;
            case XML_ERROR_INCORRECT_ENCODING:
            case XML_ERROR_UNKNOWN_ENCODING:
                fault = StreamFault{"unsupported-encoding", "streams are UTF-8"};
                return;
            default:
                fault = StreamFault{"not-well-formed", XML_ErrorString(XML_GetErrorCode(parser))};
        }
    }

    XML_Parser parser = nullptr;
    ParserLimits limits;
    std::size_t depth = 0;
    std::size_t elements = 0;
    bool bulky = false;  // it has grown for a large stanza, and does not shrink
    std::string content_ns;
    std::vector<std::pair<std::string, std::string>> declared;  // prefix and name, by the opening tag
    std::string root;                                           // root_tag()
    bool reopening = false;
    Element stanza;
    std::vector<Element*> open;
    std::vector<StreamEvent> events;
    std::size_t next_event = 0;
    std::optional<StreamFault> fault;
    std::string chunk;     // the bytes last fed; fed - chunk.size() is the stream offset of its first
    bool waiting = false;  // chunk has not been parsed to its end
    bool suspended = false;
    bool closed = false;
    std::size_t fed = 0;
    std::size_t mark = 0;      // offset after the last event
    std::size_t consumed = 0;  // offset after the last token that expat has told of
};

}  // namespace carillon::xml
