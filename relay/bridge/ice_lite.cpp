#include "relay/bridge/ice_lite.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <string>

namespace carillon::relay {
namespace {

using stun::Attribute;

constexpr std::array kKnown{Attribute::username, Attribute::message_integrity, Attribute::priority,
                            Attribute::use_candidate};
constexpr unsigned kRoleConflict = 487;
constexpr unsigned kUnknownAttribute = 420;
constexpr std::uint32_t kPriority = (110u << 24) | (65535u << 8) | 255u;  // peer-reflexive, component 1
constexpr unsigned kConsentChecks = 2;

std::uint64_t load_u64(Bytes value) {
    return (std::uint64_t{load_u32(value.data())} << 32) | load_u32(value.data() + 4);
}

stun::TransportAddress reflexive(const Address& address) {
    stun::TransportAddress out{.ip = {}, .port = address.port, .v6 = address.v6};
    std::memcpy(out.ip.data(), address.ip.data(), out.ip.size());
    return out;
}

}  // namespace

IceLite::IceLite(IceCredentials own, bool controlling, std::uint64_t tie_breaker)
    : own_{std::move(own)}, controlling_{controlling}, tie_breaker_{tie_breaker} {}

void IceLite::remote(std::vector<IceCredentials> credentials) {
    // An endpoint that has restarted (RFC 8445 §9) waits to be nominated anew.
    if (!credentials.empty() && (remote_.empty() || !(remote_.back() == credentials.back()))) {
        confirmed_ = false;
        tcp_since_ = asked_late_ = {};
    }
    remote_ = std::move(credentials);
}

void IceLite::restart(IceCredentials own) {
    if (own == own_.back()) return;
    own_.push_back(std::move(own));
    if (own_.size() > kMaxGenerations) own_.erase(own_.begin());
    confirmed_ = false;
    tcp_since_ = asked_late_ = {};
}

void IceLite::restore(std::vector<IceCredentials> own_before, bool controlling, bool confirmed, SteadyTime now) {
    own_.insert(own_.begin(), std::make_move_iterator(own_before.begin()), std::make_move_iterator(own_before.end()));
    while (own_.size() > kMaxGenerations) own_.erase(own_.begin());
    controlling_ = controlling;
    confirmed_ = confirmed;
    // Its consent runs on from now: checks that nobody answered meanwhile are not its fault.
    last_check_ = now;
}

IceLite::Outcome IceLite::on_stun(const stun::Message& message, const Path& from, SteadyTime now,
                                  std::span<std::byte> room) {
    if (!message.is_binding() || room.size() < kRoom) return {.drop = Drop::bad_check, .reply = {}, .check = {}};
    switch (message.message_class()) {
        case stun::Class::request:
            return on_request(message, from, now, room);
        case stun::Class::indication:
            return {.drop = learner_.on_other(from, now) ? Drop::none : Drop::unproven, .reply = {}, .check = {}};
        case stun::Class::success:
        case stun::Class::error:
            return {.drop = on_answer(message, from, now), .reply = {}, .check = {}};
    }
    return {.drop = Drop::bad_check, .reply = {}, .check = {}};
}

IceLite::Outcome IceLite::on_request(const stun::Message& check, const Path& from, SteadyTime now,
                                     std::span<std::byte> room) {
    // USERNAME is "ours:theirs", the key our password (RFC 8445 §7.2.2). An unproven source gets no answer at all.
    if (const Drop verdict = learner_.on_check(check, from, remote_, own_, now); verdict != Drop::none)
        return {.drop = verdict, .reply = {}, .check = {}};
    if (last_check_ != SteadyTime{} && now - last_check_ > std::chrono::seconds{1}) ++spaced_checks_;
    last_check_ = now;

    const auto& key = own_of(check).pwd;
    const auto id = check.transaction_id();
    const auto reply = room.first(kRoom / 2);
    std::array<std::uint16_t, 8> unknown{};
    if (const auto count = check.unknown_required(kKnown, unknown); count > 0) {
        std::array<std::byte, 16> list{};
        for (std::size_t i = 0; i < count; ++i) store_u16(&list[2 * i], unknown[i]);
        stun::Builder builder{reply, stun::Class::error, stun::Method::binding, id};
        builder.error(kUnknownAttribute, "Unknown Attribute");
        builder.attribute(Attribute::unknown_attributes, Bytes{list}.first(2 * count));
        return {.drop = Drop::none, .reply = builder.integrity(key).fingerprint().finish(), .check = {}};
    }
    if (conflicts(check)) {
        stun::Builder builder{reply, stun::Class::error, stun::Method::binding, id};
        builder.error(kRoleConflict, "Role Conflict");
        return {.drop = Drop::none, .reply = builder.integrity(key).fingerprint().finish(), .check = {}};
    }
    stun::Builder builder{reply, stun::Class::success, stun::Method::binding, id};
    builder.xor_address(Attribute::xor_mapped_address, reflexive(from.address));
    Outcome outcome{.drop = Drop::none, .reply = builder.integrity(key).fingerprint().finish(), .check = {}};
    if (controlling_ && !confirmed_ && may_nominate(from, now)) {
        outcome.check = make_check(room.subspan(kRoom / 2, kRoom / 2));
        asked_at_ = from;
    }
    return outcome;
}

/// RFC 6544 §4.2: UDP is the better way, so a connection that is there first does not win at once.
bool IceLite::may_nominate(const Path& path, SteadyTime now) {
    if (!path.over_tcp()) return true;
    if (tcp_since_ == SteadyTime{}) tcp_since_ = now;
    return now - tcp_since_ >= kUdpFirst;
}

Bytes IceLite::late_nomination(SteadyTime now, std::span<std::byte> room) {
    constexpr std::chrono::seconds kAgain{3};  // TCP loses nothing: only an endpoint that was not ready is asked again
    if (!controlling_ || confirmed_ || remote_.empty() || tcp_since_ == SteadyTime{}) return {};
    if (!in_use().over_tcp() || now - tcp_since_ < kUdpFirst || now - asked_late_ < kAgain) return {};
    asked_late_ = now;
    return ask(in_use(), room);
}

void IceLite::forget(const Path& path) {
    if (in_use() == path) confirmed_ = false;
    if (asked_at_ == path) asked_at_ = {};
    tcp_since_ = asked_late_ = {};
    learner_.forget(path);
}

/// §7.3.1.1: both think they control, or neither does. The larger tie-breaker keeps its role; ours changes here.
bool IceLite::conflicts(const stun::Message& check) {
    const auto theirs = check.attribute(controlling_ ? Attribute::ice_controlling : Attribute::ice_controlled);
    if (!theirs || theirs->size() != 8) return false;
    const bool ours_is_larger = tie_breaker_ >= load_u64(*theirs);
    if (ours_is_larger == controlling_) return true;  // we control and keep it; or they control and must learn it
    controlling_ = !controlling_;
    return false;
}

const IceCredentials& IceLite::own_of(const stun::Message& check) const {
    const auto username = as_text(check.attribute(Attribute::username).value_or(Bytes{}));
    const auto ufrag = username.substr(0, username.find(':'));
    const auto found = std::ranges::find(own_, ufrag, &IceCredentials::ufrag);
    return found == own_.end() ? own_.back() : *found;
}

Bytes IceLite::make_check(std::span<std::byte> out) {
    std::random_device random;  // a handful of checks a call: the kernel may be asked
    for (auto& octet : asked_) octet = static_cast<std::byte>(random());
    std::array<std::byte, 8> tie{};
    store_u32(tie.data(), static_cast<std::uint32_t>(tie_breaker_ >> 32));
    store_u32(&tie[4], static_cast<std::uint32_t>(tie_breaker_));
    // "theirs:ours": the newest generation of both.
    std::array<char, 513> username{};
    const auto& theirs = remote_.back().ufrag;
    const auto& ours = own_.back().ufrag;
    if (theirs.size() + 1 + ours.size() > username.size()) return {};
    auto end = std::ranges::copy(theirs, username.begin()).out;
    *end++ = ':';
    end = std::ranges::copy(ours, end).out;
    stun::Builder builder{out, stun::Class::request, stun::Method::binding, asked_};
    builder.text(Attribute::username, {username.data(), static_cast<std::size_t>(end - username.begin())})
        .u32(Attribute::priority, kPriority)
        .attribute(controlling_ ? Attribute::ice_controlling : Attribute::ice_controlled, tie);
    if (controlling_) builder.attribute(Attribute::use_candidate, {});
    return builder.integrity(remote_.back().pwd).fingerprint().finish();
}

Bytes IceLite::ask(const Path& to, std::span<std::byte> room) {
    if (remote_.empty()) return {};
    asked_at_ = to;
    return make_check(room);
}

Drop IceLite::on_answer(const stun::Message& answer, const Path& from, SteadyTime now) {
    // §7.2.5.2.1: an answer counts only from where the check went, and under their password.
    if (asked_at_.empty() || answer.transaction_id() != asked_ || !(from == asked_at_)) return Drop::no_request;
    if (remote_.empty() || !answer.integrity_matches(remote_.back().pwd)) return Drop::bad_check;
    asked_at_ = {};
    learner_.on_other(from, now);
    if (answer.message_class() == stun::Class::success) {
        confirmed_ = true;
        if (controlling_) learner_.nominate(from, now);
        return Drop::none;
    }
    const auto code = answer.attribute(Attribute::error_code);
    const bool conflict = code && code->size() >= 4 && std::to_integer<unsigned>((*code)[2]) == kRoleConflict / 100 &&
                          std::to_integer<unsigned>((*code)[3]) == kRoleConflict % 100;
    if (conflict) controlling_ = false;  // §7.2.5.1: they control; their USE-CANDIDATE will come
    return Drop::none;
}

bool IceLite::consented(SteadyTime now) const {
    if (in_use().empty()) return false;
    // Agents of RFC 5245 never repeat their checks: for those, silence means nothing.
    return spaced_checks_ < kConsentChecks || now - last_check_ <= kConsent;
}

}  // namespace carillon::relay
