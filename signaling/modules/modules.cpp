#include "signaling/modules/modules.h"

#include "signaling/modules/administration/administration.h"
#include "signaling/modules/archive/archive.h"
#include "signaling/modules/blocking/blocking.h"
#include "signaling/modules/bookmarks/bookmarks.h"
#include "signaling/modules/bytestreams/bytestreams.h"
#include "signaling/modules/caps/caps.h"
#include "signaling/modules/carbons/carbons.h"
#include "signaling/modules/commands/commands.h"
#include "signaling/modules/contact/contact.h"
#include "signaling/modules/disco/disco.h"
#include "signaling/modules/external_services/external_services.h"
#include "signaling/modules/http_upload/http_upload.h"
#include "signaling/modules/last/last.h"
#include "signaling/modules/muc/muc.h"
#include "signaling/modules/offline/offline.h"
#include "signaling/modules/ping/ping.h"
#include "signaling/modules/presence/presence.h"
#include "signaling/modules/private_xml/private_xml.h"
#include "signaling/modules/pubsub/pubsub.h"
#include "signaling/modules/push/push.h"
#include "signaling/modules/registration/registration.h"
#include "signaling/modules/roster/roster.h"
#include "signaling/modules/search/search.h"
#include "signaling/modules/time/time.h"
#include "signaling/modules/vcard/vcard.h"
#include "signaling/modules/version/version.h"

namespace carillon::modules {

std::vector<runtime::ModuleDescriptor> builtin() {
    return {
        roster(),       presence(),       offline(),
        disco(),        caps(),           ping(),
        time(),         version(),        external_services(),
        carbons(),      blocking(),       private_xml(),
        last(),         contact(),        commands(),
        registration(), archive(),        push(),
        pep(),          pubsub_service(), muc(),
        http_upload(),  vcard(),          bookmarks(),
        bytestreams(),  administration(), search(),
    };
}

}  // namespace carillon::modules
