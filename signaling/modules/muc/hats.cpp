#include "signaling/modules/muc/hats.h"

#include <openssl/evp.h>

#include <algorithm>
#include <charconv>

#include "signaling/modules/muc/names.h"

namespace carillon::modules::rooms {

namespace {

constexpr std::size_t kMaxUri = 512;
constexpr std::size_t kMaxTitle = 256;
constexpr std::size_t kMaxHue = 16;

bool is_hue(std::string_view text) {
    if (text.empty()) return true;
    double value = 0;
    const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
    return text.size() <= kMaxHue && error == std::errc{} && at == text.data() + text.size() && value >= 0 &&
           value <= 360;
}

}  // namespace

std::optional<Hat> make_hat(std::string uri, std::string title, std::string hue) {
    const bool proper = !uri.empty() && uri.size() <= kMaxUri && uri.contains(':') && !uri.contains(' ') &&
                        !title.empty() && title.size() <= kMaxTitle && is_hue(hue);
    if (!proper) return std::nullopt;
    return Hat{std::move(uri), std::move(title), std::move(hue)};
}

const Hat* Hats::find(std::string_view uri) const {
    const auto at = std::ranges::find(hats_, uri, &Hat::uri);
    return at == hats_.end() ? nullptr : &*at;
}

bool Hats::wears(const xmpp::Jid& bare, std::string_view uri) const {
    const auto at = assigned_.find(bare);
    return at != assigned_.end() && at->second.contains(std::string{uri});
}

std::vector<xmpp::Jid> Hats::wearers_of(std::string_view uri) const {
    std::vector<xmpp::Jid> found;
    for (const auto& [jid, uris] : assigned_) {
        if (uris.contains(std::string{uri})) found.push_back(jid);
    }
    return found;
}

bool Hats::put(Hat hat) {
    const auto at = std::ranges::find(hats_, hat.uri, &Hat::uri);
    if (at != hats_.end()) {
        *at = std::move(hat);
        return true;
    }
    if (hats_.size() >= kMost) return false;
    hats_.push_back(std::move(hat));
    return true;
}

bool Hats::destroy(std::string_view uri) {
    if (std::erase_if(hats_, [&](const Hat& hat) { return hat.uri == uri; }) == 0) return false;
    for (const auto& jid : wearers_of(uri)) unassign(jid, uri);
    return true;
}

bool Hats::assign(const xmpp::Jid& bare, std::string_view uri) {
    if (!find(uri)) return false;
    const auto at = assigned_.find(bare);
    if (at == assigned_.end() ? assigned_.size() >= kWearers : at->second.size() >= kOfOne && !wears(bare, uri))
        return false;
    assigned_[bare].emplace(uri);
    return true;
}

bool Hats::unassign(const xmpp::Jid& bare, std::string_view uri) {
    const auto at = assigned_.find(bare);
    if (at == assigned_.end() || at->second.erase(std::string{uri}) == 0) return false;
    if (at->second.empty()) assigned_.erase(at);
    return true;
}

void Hats::add_to(xml::Element& presence, const xmpp::Jid& bare) const {
    const auto at = assigned_.find(bare);
    if (at == assigned_.end()) return;
    auto& list = presence.add("hats", kHats);
    for (const auto& hat : hats_) {
        if (!at->second.contains(hat.uri)) continue;
        auto& shown = list.add("hat").set("title", hat.title).set("uri", hat.uri);
        if (!hat.hue.empty()) shown.set("hue", hat.hue);
    }
}

std::string Hats::hash() const {
    std::string text;
    for (const auto& hat : hats_) text += hat.uri + '\n' + hat.title + '\n' + hat.hue + '\n';
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    EVP_Digest(text.data(), text.size(), digest, &length, EVP_sha1(), nullptr);
    constexpr char kHex[] = "0123456789abcdef";
    std::string hex;
    for (unsigned int i = 0; i < length; ++i) {
        hex += kHex[digest[i] >> 4];
        hex += kHex[digest[i] & 15];
    }
    return hex;
}

xml::Element Hats::to_element(std::string_view ns) const {
    xml::Element element{"hats", ns};
    for (const auto& hat : hats_) element.add("hat").set("uri", hat.uri).set("title", hat.title).set("hue", hat.hue);
    for (const auto& [jid, uris] : assigned_) {
        for (const auto& uri : uris) element.add("wears").set("jid", jid.str()).set("uri", uri);
    }
    return element;
}

Hats Hats::read(const xml::Element& element) {
    Hats hats;
    for (const auto* child : element.children()) {
        const auto text = [&](std::string_view name) { return std::string{child->attribute(name)}; };
        if (child->name() == "hat") {
            if (auto hat = make_hat(text("uri"), text("title"), text("hue"))) hats.put(std::move(*hat));
        } else if (const auto jid = xmpp::Jid::parse(text("jid"))) {
            hats.assign(*jid, text("uri"));
        }
    }
    return hats;
}

}  // namespace carillon::modules::rooms
