#include "signaling/daemon/protocols.h"

#include <array>

namespace carillon::daemon {
namespace {

constexpr auto kProtocols = std::to_array<Protocol>({
    {4, "2.13.2", "archive", "forms of queries, registration, commands and publish options"},
    {48, "1.2", "bookmarks", "the list of bookmarks, in private storage and in a node", true},
    {59, "1.0", "archive", "paging through the archive and the items of nodes"},
    {66, "1.5", "calls", "the link in messages of voicemail"},
    {68, "1.3.0", "caps", "FORM_TYPE"},
    {82, "1.1.1", "xmpp", "dates and times"},
    {84, "1.1.4", "vcard", "avatars, also from and to vCards"},
    {114, "1.6", "components", "external components: jabber:component:accept"},
    {124, "1.11.2", "bosh", "XMPP over HTTP requests: acknowledged, resumable, in order"},
    {128, "1.0.1", "disco", "forms in disco#info"},
    {153, "1.1", "vcard", "the hash of the picture in presence, by the server"},
    {156, "1.4.0", "http", "host-meta as XML and JSON"},
    {167, "1.2.3", "calls", "calls of sound and pictures, followed and relayed"},
    {176, "1.1.1", "calls", "ICE, with relay candidates of the server's own"},
    {177, "1.1.1", "calls", "raw UDP"},
    {178, "1.2", "federation", "SASL EXTERNAL, of servers and of clients"},
    {185, "1.0", "federation", "how dialback keys are made"},
    {198, "1.6.3", "stream", "acknowledgements and resumption, over a restart as well"},
    {203, "2.0", "offline", "when a message came"},
    {206, "1.4", "bosh", "restarts and stream features over BOSH"},
    {220, "1.1.1", "federation", "server dialback"},
    {223, "1.1.1", "pep", "private data, by publish options"},
    {237, "1.3", "roster", "roster versions, as in RFC 6121"},
    {248, "0.3.0", "pubsub", "collections of nodes", true},
    {249, "1.2", "muc", "direct invitations pass; who is invited becomes a member where the inviter may make one"},
    {264, "0.4.2", "http_upload", "thumbnails of uploaded pictures"},
    {288, "1.0.1", "federation", "stanzas both ways on one stream between servers"},
    {292, "0.12.0", "vcard", "vCard4, in step with vcard-temp"},
    {297, "1.0", "archive", "forwarded messages"},
    {300, "1.0.0", "caps", "names of hash functions", true},
    {317, "0.3.1", "muc", "made, given and taken away by commands of owners and admins"},
    {320, "1.0.0", "calls", "DTLS-SRTP fingerprints"},
    {333, "1.0.0", "calls", "a voicemail that was displayed counts as heard", true},
    {334, "1.0.0", "archive", "hints: no-store, no-permanent-store, no-copy, store"},
    {338, "1.0.0", "calls", "grouped contents"},
    {352, "1.0.0", "stream", "what an inactive client need not be woken for waits"},
    {353, "0.8.0", "calls", "invitations to calls: delivered to every device, copied, archived, pushed"},
    {359, "0.7.0", "archive", "stanza ids of archived messages; forged ones are taken away"},
    {368, "1.1.0", "stream", "TLS from the first octet"},
    {377, "0.4.1", "blocking", "reports of abuse with a block"},
    {379, "0.3.3", "registration", "invitations that subscribe both sides"},
    {386, "1.1.0", "stream", "binding with the log-in; carbons, stream management and client state at once"},
    {388, "1.0.4", "stream", "the extensible SASL profile; no tasks"},
    {390, "0.3.2", "caps", "the server's own hashes; those of clients are not evaluated", true},
    {398, "1.0.1", "vcard", "avatars and vCard pictures converted both ways"},
    {401, "0.6.0", "registration", "invitations by command"},
    {410, "1.1.0", "muc", "self-pings are answered by the room"},
    {421, "1.0.1", "muc", "occupant ids"},
    {424, "0.4.1", "muc", "tombstones in a room's archive"},
    {425, "0.3.0", "muc", "moderation; the older namespace as well"},
    {428, "0.2.1", "calls", "the words of a voicemail are the fallback of its file", true},
    {431, "0.2.0", "archive", "words and phrases in the archives of users and rooms"},
    {440, "1.0.0", "auth", "types of channel binding"},
    {441, "0.2.0", "archive", "preferences"},
    {445, "0.2.0", "registration", "registration with an invitation"},
    {446, "0.2.0", "http_upload", "facts about uploaded files, in messages that link to them"},
    {447, "0.3.0", "http_upload", "the same, with the address to get the file from"},
    {474, "0.5.0", "auth", "downgrade protection of SCRAM"},
    {482, "0.1.0", "archive", "call invites are archived and pushed", true},
    {484, "0.2.0", "stream", "tokens to log in with; no 0-RTT"},
    {486, "0.1.0", "muc", "a room's vCard and the hash of its picture"},
});

constexpr auto kRfcs = std::to_array<int>({5802, 6120, 6121, 7395, 7590, 7622, 7677});

}  // namespace

std::span<const Protocol> other_protocols() { return kProtocols; }
std::span<const int> rfcs() { return kRfcs; }

}  // namespace carillon::daemon
