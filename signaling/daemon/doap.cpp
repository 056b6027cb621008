#include "signaling/daemon/doap.h"

#include <map>

#include "signaling/daemon/all_modules.h"
#include "signaling/daemon/protocols.h"
#include "signaling/xml/writer.h"

namespace carillon::daemon {
namespace {

struct Entry {
    std::string version;
    std::string note;
    bool partial = false;
};

/// By number; a module says more of its own protocol than the table does.
std::map<int, Entry> entries() {
    std::map<int, Entry> all;
    for (const auto& module : all_modules()) {
        if (module.info.xep == 0) continue;
        std::string note{module.info.summary};
        if (!module.enabled_by_default) note += "; off by default";
        all.try_emplace(module.info.xep, Entry{std::string{module.info.version}, std::move(note)});
    }
    for (const auto& protocol : other_protocols()) {
        all.try_emplace(protocol.xep,
                        Entry{std::string{protocol.version}, std::string{protocol.note}, protocol.partial});
    }
    return all;
}

std::string number_of(int xep) {
    const auto digits = std::to_string(xep);
    return std::string(4 - std::min<std::size_t>(4, digits.size()), '0') + digits;
}

void append_entry(std::string& out, int xep, const Entry& entry) {
    out += "    <implements>\n      <xmpp:SupportedXep>\n";
    out += "        <xmpp:xep rdf:resource='https://xmpp.org/extensions/xep-" + number_of(xep) + ".html'/>\n";
    out += "        <xmpp:version>" + entry.version + "</xmpp:version>\n        <xmpp:status>";
    out += entry.partial ? "partial" : "complete";
    out += "</xmpp:status>\n        <xmpp:note xml:lang='en'>";
    xml::append_escaped(out, entry.note);
    out += "</xmpp:note>\n      </xmpp:SupportedXep>\n    </implements>\n";
}

}  // namespace

std::string project_description() {
    std::string out =
        "<?xml version='1.0' encoding='UTF-8'?>\n"
        "<!-- Made by: carillond --print-doap -->\n"
        "<rdf:RDF xmlns='http://usefulinc.com/ns/doap#' xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'\n"
        "         xmlns:xmpp='https://linkmauve.fr/ns/xmpp-doap#'>\n"
        "  <Project xml:lang='en'>\n"
        "    <name>Carillon</name>\n"
        "    <shortdesc>XMPP and Jingle server with a media relay of its own</shortdesc>\n"
        "    <license rdf:resource='https://spdx.org/licenses/MIT.html'/>\n"
        "    <programming-language>C++</programming-language>\n"
        "    <os>Linux</os>\n"
        "    <category rdf:resource='https://linkmauve.fr/ns/xmpp-doap#category-server'/>\n";
    for (const auto rfc : rfcs())
        out += "    <implements rdf:resource='https://www.rfc-editor.org/info/rfc" + std::to_string(rfc) + "'/>\n";
    for (const auto& [xep, entry] : entries()) append_entry(out, xep, entry);
    return out + "  </Project>\n</rdf:RDF>\n";
}

}  // namespace carillon::daemon
