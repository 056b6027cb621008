#include "signaling/stream/hibernation.h"

#include "signaling/stream/stream_stage.h"
#include "signaling/xml/writer.h"

namespace carillon::stream {

void Resumables::ended(const std::string& id, const xmpp::Jid& user, std::uint32_t handled) {
    carriers_.erase(id);
    if (id.empty() || !past_.try_emplace(id, Past{user.str(), handled}).second) return;
    order_.push_back(id);
    if (order_.size() <= kRemembered) return;
    past_.erase(order_.front());
    order_.pop_front();
}

std::optional<std::uint32_t> Resumables::handled_by(const std::string& id, const xmpp::Jid& user) const {
    const auto at = past_.find(id);
    if (at == past_.end() || at->second.user != user.str()) return std::nullopt;
    return at->second.handled;
}

Hibernation::Hibernation(StreamStage& stage, Surrendered held, Origin origin, SteadyTime deadline)
    : stage_{&stage},
      held_{std::move(held)},
      id_{held_.management->id()},
      origin_{std::move(origin)},
      deadline_{deadline} {
    if (!held_.state) held_.state = std::make_unique<ClientState>();
    held_.session->attach(*this);
    stage_->resumables.put(id_, *this);
}

void Hibernation::send(const xml::Element& stanza, const xmpp::CustodyPtr& custody) {
    if (!held_.session) return;
    const auto& user = held_.session->account().jid().str();
    if (held_.state->hold(stanza, user)) return;
    keep_held();
    keep(stanza, custody);
    stage_->stages.sessions.waiting(*held_.session, stanza);
    if (held_.management->octets() > stage_->options.send_queue_bytes ||
        held_.management->unacknowledged() > stage_->options.unacknowledged_stanzas) {
        stage_->overfull.add();
        close({}, {});
    }
}

void Hibernation::keep(const xml::Element& stanza, const xmpp::CustodyPtr& custody) {
    const auto text = xml::to_string(stanza);
    const bool message = stanza.name() == "message";
    const bool of_room = message && stanza.attribute("type") == "groupchat";
    held_.management->sent(text, message, stage_->custody_of(custody, message && !of_room, text),
                           stage_->stages.environment.clock->wall());
}

void Hibernation::keep_held() {
    for (const auto& stanza : held_.state->release()) keep(stanza, nullptr);
}

/// Later, because the caller may be walking the sessions or be called by this session itself.
void Hibernation::close(std::string_view, std::string_view) {
    stage_->shard.post([stage = stage_, self = this] {
        if (stage->asleep(*self)) self->expire();
    });
}

void Hibernation::expire() {
    if (held_.session) stage_->stages.sessions.end(*held_.session);
}

std::vector<session::Undelivered> Hibernation::detach() {
    auto* session = std::exchange(held_.session, nullptr);
    if (!session) return {};
    keep_held();
    stage_->resumables.ended(id_, session->account().jid(), held_.management->handled_count());
    auto messages = stage_->ending ? held_.management->leave_messages() : held_.management->take_messages();
    stage_->forget(*this);
    return messages;
}

Surrendered Hibernation::surrender() {
    keep_held();
    held_.state->set_active(true);
    auto given = std::exchange(held_, {});
    stage_->forget(*this);
    return given;
}

}  // namespace carillon::stream
