/// What waits to be written to one client: text in order, and which pieces of it are messages that must not be lost.
/// Not here: writing (connection.h), finding another way for what was not written (session/).
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "signaling/session/local_session.h"
#include "signaling/stream/wire.h"

namespace carillon::stream {

/// Text goes out in batches: everything queued when the last batch was done. Empty, it holds no memory.
/// Threading: one thread.
class OutputQueue {
  public:
    /// Appends a stanza and answers its text, valid until the next call. `keep`: it is to be among undelivered() if the
    /// stream dies first.
    std::string_view push(const xml::Element& stanza, bool keep, const xmpp::CustodyPtr& custody = {},
                          WallTime now = {});
    /// One element's text.
    void push_text(std::string_view text) { wire_.append(waiting_.text, text); }
    /// Octets as they go on the wire.
    void push_raw(std::string_view octets) { waiting_.text += octets; }
    void set_wire(Wire wire) { wire_ = wire; }
    /// Nothing goes out after what is queued now: later stanzas are only kept for undelivered().
    void seal() { sealed_ = true; }
    bool sealed() const { return sealed_; }

    std::size_t bytes() const { return waiting_.text.size() + batch_.text.size() - written_; }
    bool empty() const { return bytes() == 0; }
    /// The rest of the batch under way, or a new one of all that waits. Valid until written() is called.
    std::string_view batch();
    void written(std::size_t octets);

    /// The kept stanzas not wholly handed to the socket, in order. They leave the queue, except for those in the batch
    /// under way, which may reach the client after all.
    std::vector<session::Undelivered> undelivered();

  private:
    struct Piece {
        std::size_t begin;
        std::size_t text;  // where the stanza begins: after the header of its frame
        std::size_t end;
        xmpp::CustodyPtr custody;
        WallTime when;
    };
    struct Text {
        std::string text;
        std::vector<Piece> kept;
    };

    Wire wire_;
    Text batch_;
    std::size_t written_ = 0;  // of batch_
    Text waiting_;
    std::vector<session::Undelivered> late_;  // kept stanzas pushed after seal()
    bool sealed_ = false;
};

}  // namespace carillon::stream
