#include "relay/trust.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ostiary/base/read_file.h"

namespace ostiary::relay {
namespace {

namespace fs = std::filesystem;

constexpr size_t max_file = size_t{4} << 20U;
constexpr size_t max_files = 1024;               // of a directory
constexpr size_t max_octets = size_t{8} << 20U;  // together

// Of Debian and Alpine, Red Hat, SUSE, and others.
constexpr std::array system_authorities{
    "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem"};
// Beside this program, for images that have none: scripts/bundle.
constexpr const char* bundled_authorities = "ca-certificates.crt";

Result<std::string> find_system_authorities() {
  std::error_code error;
  for (const char* const path : system_authorities)
    if (fs::exists(path, error)) return path;
  const fs::path bundled = fs::read_symlink("/proc/self/exe", error).parent_path() / bundled_authorities;
  if (fs::exists(bundled, error)) return bundled.string();
  return fail(
      Exit::configuration,
      "the relay knows no certificate authorities: install ca-certificates, or name a file of them in "
      "SSL_CERT_FILE");
}

// Of a directory in the form of OpenSSL each certificate is there twice: as a file, and as a link to it.
std::vector<std::string> files_in(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return {path};
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(path, error))
    if (files.size() < max_files && !entry.is_symlink(error) && entry.is_regular_file(error))
      files.push_back(entry.path());
  if (files.empty())  // a directory of links alone
    for (const auto& entry : fs::directory_iterator(path, error))
      if (files.size() < max_files && entry.is_regular_file(error)) files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

Result<std::string> read_authorities(const std::string& path) {
  std::string all;
  for (const std::string& file : files_in(path)) {
    all += TRY(read_named_file(file, max_file));
    all += '\n';
    if (all.size() > max_octets)
      return fail(Exit::configuration, path + ": holds more than " + std::to_string(max_octets) +
                                           " octets: name the authorities of the collector alone");
  }
  return all;
}

// For an error of all texts together, which does not say whose it is.
Result<> check(std::string_view authorities, const std::string& path) {
  auto alone = TlsTrust::create(authorities);
  return alone ? Result<>{} : std::unexpected(std::move(alone).error().within(path));
}

}  // namespace

Result<TlsTrust> read_trust(const telemetry::TlsFiles& files) {
  const std::string path = files.authorities.empty() ? TRY(find_system_authorities()) : files.authorities;
  const std::string authorities = TRY(read_authorities(path));
  const std::string more =
      files.more_authorities.empty() ? "" : TRY(read_authorities(files.more_authorities));
  const std::string& chain = files.client_certificate.empty() ? files.client_key : files.client_certificate;
  std::optional<ClientCertificate> certificate;
  if (!files.client_key.empty())
    certificate = {.chain = Secret(TRY(read_named_file(chain, max_file))),
                   .key = Secret(TRY(read_named_file(files.client_key, max_file)))};
  auto trust = TlsTrust::create(authorities + more, certificate ? &*certificate : nullptr);
  if (trust) return trust;
  TRY(check(authorities, path));
  if (!more.empty()) TRY(check(more, files.more_authorities));
  return std::unexpected(
      std::move(trust).error().within(chain == files.client_key ? chain : chain + ", " + files.client_key));
}

}  // namespace ostiary::relay
