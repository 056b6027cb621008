/// What carillond keeps in its data folder besides the database: certificates of its own making and a secret.
#pragma once
#include <expected>
#include <filesystem>
#include <string>
#include <vector>

#include "config/base/secret.h"
#include "config/settings.h"
#include "signaling/net/tls_context.h"

namespace carillon::daemon {

/// Makes the folder, readable by its owner alone, when it is missing.
std::expected<void, std::string> make_data_folder(const std::filesystem::path& folder);

/// Keeps a second server off the data of one that runs, until it ends, however it ends.
class DataFolderLock {
  public:
    DataFolderLock() = default;
    ~DataFolderLock();
    DataFolderLock(const DataFolderLock&) = delete;
    DataFolderLock& operator=(const DataFolderLock&) = delete;
    std::expected<void, std::string> take(const std::filesystem::path& folder);

  private:
    int descriptor_ = -1;
};

/// The certificate files of every host; self-signed ones are made where none are configured and none exist yet.
std::expected<std::vector<net::CertificateFiles>, std::string> certificate_files(const config::Settings& settings);

/// Random octets made at first start and the same ever after.
std::expected<Secret, std::string> server_secret(const std::filesystem::path& folder);

/// The secret that TURN credentials are made with, in a file that the relay workers read: made at first start.
/// Tells the TURN server where the certificates are: a line each, of domain, certificate and key.
std::expected<void, std::string> list_certificates(const std::filesystem::path& file,
                                                   const std::vector<net::CertificateFiles>& certificates);
std::expected<Secret, std::string> turn_secret(const std::filesystem::path& file);

}  // namespace carillon::daemon
