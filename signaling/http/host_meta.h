/// How clients find the ways to connect by HTTP: /.well-known/host-meta and host-meta.json.
/// Spec: XEP-0156 §4, RFC 6415.
#pragma once
#include <string>

#include "signaling/http/routes.h"

namespace carillon::http {

struct HostMeta {
    std::string public_url;  ///< "https://host:port"; empty: as the request was made
    std::string websocket_path;
    std::string bosh_path;  ///< empty: not offered
};

/// Adds both documents, readable by scripts of any page.
void add_host_meta(Routes& routes, HostMeta meta);

}  // namespace carillon::http
