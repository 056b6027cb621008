/// Answers of a BOSH session, and its end.
#include "signaling/bosh/session.h"

namespace carillon::bosh {

/// What there is goes out by the request that waits longest; more than `hold` of them do not wait.
void Session::respond() {
    if (over_) return;
    pull();
    if (over_) return;
    if (stream_over_) {
        // After our client's farewell what was not sent finds another way; else the error tells it what happened.
        return over(terminate_text(condition_, closing_ ? std::string{} : queue_ + error_));
    }
    if (closing_) return queue_.clear();
    if (creating_) {
        if (queue_.empty() || held_.empty()) return;
        answer_oldest();
    }
    while (!held_.empty() && (!queue_.empty() || held_.size() > terms_.hold || pause_.count() > 0)) answer_oldest();
    watch_inactivity();
}

void Session::answer_oldest() {
    const auto exchange = held_.front();
    held_.pop_front();
    answered_ = stanzas_;
    if (std::exchange(creating_, false)) {
        const auto seconds = [](auto time) { return static_cast<std::uint64_t>(time.count()); };
        Created created{sid_,
                        to_,
                        stream_id_,
                        version_,
                        exchange->rid,
                        seconds(terms_.wait),
                        terms_.hold,
                        terms_.requests,
                        seconds(terms_.inactivity),
                        seconds(terms_.polling),
                        seconds(terms_.maxpause)};
        auto text = created_text(created, queue_);
        queue_.clear();
        return give(exchange, std::move(text));
    }
    answered_empty_ = queue_.empty();
    // §9.2: told when it is not what the client thinks, that is the request just answered.
    const auto ack = processed_ == exchange->rid ? std::nullopt : std::optional{processed_};
    auto text = body_text(queue_, ack);
    queue_.clear();
    give(exchange, std::move(text));
    pull();  // there is room again
}

/// The answer is kept for as long as the client may ask for it again.
void Session::give(const ExchangePtr& exchange, std::string text) {
    answers_.push_back({exchange->rid, exchange->connection, text, answered_});
    while (answers_.size() > terms_.requests + 1) answers_.pop_front();
    finish(exchange, std::move(text));
}

void Session::finish(const ExchangePtr& exchange, std::string text) {
    if (!exchange || exchange->answer) return;
    exchange->answer = std::move(text);
    exchange->timer.cancel();
}

/// We end it. `last`: the request at fault, told why.
void Session::terminate(std::string_view condition, const ExchangePtr& last) {
    finish(last, terminate_text(condition));
    over(terminate_text(condition));
}

/// The oldest request is told, the others get an end without a reason.
void Session::over(std::string text) {
    if (std::exchange(over_, true)) return;
    inactivity_.cancel();
    for (auto& held : held_) finish(held, std::exchange(text, terminate_text({})));
    for (auto& [rid, waiting] : waiting_) finish(waiting.exchange, std::exchange(text, terminate_text({})));
    held_.clear();
    waiting_.clear();
    stream_.close();
    ended_(sid_);
}

/// §10: a client that has left no request with us must send one in time.
void Session::watch_inactivity() {
    inactivity_.cancel();
    if (over_ || !held_.empty() || (!waiting_.empty() && waiting_.begin()->first == processed_ + 1)) return;
    inactivity_.expires_after(pause_.count() > 0 ? pause_ : terms_.inactivity);
    inactivity_.async_wait([weak = weak_from_this()](auto error) {
        const auto self = weak.lock();
        if (!error && self && self->held_.empty()) self->over(terminate_text({}));
    });
}

}  // namespace carillon::bosh
