/// A self-signed certificate for servers inside of fuzz targets, as files, since they take nothing else.
#pragma once
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace carillon::fuzz {

/// What TurnOptions::certificates_file reads. The files stay until the process ends.
struct ThrowawayCertificate {
    ThrowawayCertificate() {
        auto* key = EVP_EC_gen("P-256");
        auto* certificate = X509_new();
        X509_set_version(certificate, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
        X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
        X509_gmtime_adj(X509_getm_notAfter(certificate), 86'400);
        X509_set_pubkey(certificate, key);
        if (X509_sign(certificate, key, EVP_sha256()) == 0) std::abort();
        write("certificate", [&](std::FILE* file) { PEM_write_X509(file, certificate); });
        write("key", [&](std::FILE* file) { PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr); });
        X509_free(certificate);
        EVP_PKEY_free(key);
        std::ofstream{list()} << "turn.test\t" << path("certificate") << '\t' << path("key") << '\n';
    }
    ~ThrowawayCertificate() { std::filesystem::remove_all(folder_); }
    ThrowawayCertificate(const ThrowawayCertificate&) = delete;
    ThrowawayCertificate& operator=(const ThrowawayCertificate&) = delete;

    std::string list() const { return path("list"); }

  private:
    std::string path(const char* name) const { return folder_ / name; }
    void write(const char* name, auto put) const {
        auto* file = std::fopen(path(name).c_str(), "w");
        if (!file) std::abort();
        put(file);
        std::fclose(file);
    }
    static std::filesystem::path make_folder() {
        auto name = (std::filesystem::temp_directory_path() / "carillon-fuzz-XXXXXX").string();
        if (!::mkdtemp(name.data())) std::abort();
        return name;
    }
    const std::filesystem::path folder_ = make_folder();
};

}  // namespace carillon::fuzz
