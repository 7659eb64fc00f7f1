#include "relay/probe_advice.h"

#include <algorithm>
#include <array>

#include <openssl/x509_vfy.h>

#include "ostiary/base/text.h"
#include "relay/redact.h"

namespace ostiary::relay {
namespace {

using telemetry::Protocol;
using telemetry::Signal;

// ---- TLS

constexpr std::string_view refused_certificate = "the server's certificate is refused: ";
constexpr std::string_view tls_error = "TLS: ";

struct CertificateFault {
  int code;
  std::string_view advice;
};
constexpr std::string_view other_authority =
    "put the certificate of the authority that signed it into a file, and name the file in "
    "OTEL_EXPORTER_OTLP_CERTIFICATE for grpc, or in NODE_EXTRA_CA_CERTS for HTTP";
constexpr std::string_view other_name = "write the host that the certificate names into the endpoint";
constexpr std::array certificate_faults{
    CertificateFault{X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, other_authority},
    CertificateFault{X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, other_authority},
    CertificateFault{X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, other_authority},
    CertificateFault{X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, other_authority},
    CertificateFault{X509_V_ERR_HOSTNAME_MISMATCH, other_name},
    CertificateFault{X509_V_ERR_IP_ADDRESS_MISMATCH, other_name},
    CertificateFault{X509_V_ERR_CERT_HAS_EXPIRED,
                     "renew the collector's certificate, or set this machine's clock"},
    CertificateFault{X509_V_ERR_CERT_NOT_YET_VALID, "set this machine's clock"}};

std::string_view advice_for_certificate(std::string_view why) {
  for (const CertificateFault& each : certificate_faults)
    if (why.ends_with(X509_verify_cert_error_string(each.code))) return each.advice;
  return "correct the collector's certificate";
}

// ---- where

std::string url_of(const Collector& collector) {
  std::string url = collector.is_tls ? "https://" : "http://";
  url += collector.authority;
  if (collector.protocol != Protocol::grpc) url += collector.paths.begin()->second;
  return url;
}

std::string_view flags_for(const Spoken& spoken) {
  if (spoken.protocol == Protocol::grpc)
    return spoken.is_tls ? "https:// and --protocol grpc" : "http:// and --protocol grpc";
  return spoken.is_tls ? "https:// and --protocol http/protobuf" : "http:// and --protocol http/protobuf";
}

std::string describe(const Spoken& spoken) {
  const std::string text = spoken.protocol == Protocol::grpc ? "gRPC" : "HTTP";
  return text + (spoken.is_tls ? " with TLS" : " without TLS");
}

// ---- answers

bool is_any(std::string_view code, std::initializer_list<std::string_view> codes) {
  return std::ranges::find(codes, code) != codes.end();
}

bool is_credentials_matter(const Answer& answer) {
  return is_any(answer.code, {"401", "403", "UNAUTHENTICATED", "PERMISSION_DENIED"});
}

bool is_no_such_place(const Answer& answer) {
  return is_any(answer.code, {"404", "405", "415", "501", "UNIMPLEMENTED", "NOT_FOUND"});
}

bool is_web_page(const Answer& answer) {
  return answer.media_type.starts_with("text/html");
}

bool speaks_of_temporality(std::string_view words) {
  const std::string lower = to_lower(words);
  return lower.contains("temporality") || lower.contains("delta") || lower.contains("cumulative");
}

std::string in_its_words(const Collector& collector, std::string_view words) {
  if (words.empty()) return {};
  return " (" + without_credentials(std::string(words), collector.header_lines.reveal()) + ")";
}

std::string advice_for_refusal(const Collector& collector, const Answer& answer) {
  const Signal signal = collector.paths.begin()->first;
  if (is_credentials_matter(answer))
    return collector.header_lines.empty()
               ? "it wants a credential: write --header-file with the header that the collector expects"
               : "it does not accept the credential: correct the header, and the rights of its token";
  if (signal == Signal::metrics && speaks_of_temporality(answer.said))
    return "write --temporality cumulative";
  if (is_no_such_place(answer) && collector.protocol == Protocol::grpc)
    return "no service of OTLP takes " + std::string(text(signal)) +
           " there: correct the port, or let the collector receive them";
  if (is_no_such_place(answer))
    return "there is no OTLP at this path: write the collector's base URL, to which /v1/" +
           std::string(text(signal)) + " is appended, and let the collector receive " +
           std::string(text(signal));
  if (answer.code.starts_with('3')) return "Claude Code follows no redirect: write the URL to which it leads";
  if (answer.outcome == otlp::Outcome::delayed) return "it takes nothing at present: try again later";
  return "see the collector's log";
}

Finding explain_answer(const Collector& collector, const Answer& answer) {
  const std::string url = url_of(collector);
  if (answer.outcome != otlp::Outcome::delivered)
    return {.text = "not taken by " + url + ": the collector answers " + answer.code +
                    in_its_words(collector, answer.said) + ": " + advice_for_refusal(collector, answer)};
  if (is_web_page(answer))
    return {
        .text =
            "not taken by " + url +
            ": a web page answers, no collector: write the collector's URL, and not that of its web site"};
  if (answer.rejected > 0)
    return {.text = "not taken by " + url + ": the collector takes the request and rejects what is in it" +
                    in_its_words(collector, answer.why) + ": " +
                    (speaks_of_temporality(answer.why) ? "write --temporality cumulative"
                                                       : "see the collector's log")};
  return {.is_taken = true, .text = "taken by " + url + in_its_words(collector, answer.why)};
}

// ---- faults

bool loses_tls(const Collector& collector, const Spoken& spoken) {
  return collector.is_tls && !spoken.is_tls && !collector.header_lines.empty();
}

std::string advice_for_fault(const Fault& fault) {
  switch (fault.kind) {
    case Fault::Kind::name:
      return "the name does not resolve: correct the host of the endpoint, or this machine's DNS";
    case Fault::Kind::refused:
      return "no program listens there: start the collector, or correct the port; standard ports are 4318 "
             "for HTTP "
             "and 4317 for gRPC";
    case Fault::Kind::unreachable:
      return "correct the host and port of the endpoint, or the firewall between them";
    case Fault::Kind::authorities:
      return "install ca-certificates, or correct the file";
    case Fault::Kind::certificate:
      return std::string(advice_for_certificate(fault.why));
    case Fault::Kind::tls:
      return "correct the collector's TLS, or write http:// if it has none";
    case Fault::Kind::exchange:
      break;
  }
  return "it is no collector, or of another protocol: correct the port and the protocol";
}

Finding explain_fault(const Collector& collector, const Fault& fault) {
  return {.text = "not taken by " + url_of(collector) + ": " + fault.why + ": " + advice_for_fault(fault)};
}

}  // namespace

Fault fault_of_exchange(const std::string& message) {
  const auto kind = message.starts_with(refused_certificate) ? Fault::Kind::certificate
                    : message.starts_with(tls_error)         ? Fault::Kind::tls
                                                             : Fault::Kind::exchange;
  return {.kind = kind, .why = message};
}

bool is_of_another_protocol(const Attempt& attempt) {
  if (!attempt)
    return attempt.error().kind == Fault::Kind::tls || attempt.error().kind == Fault::Kind::exchange;
  const bool is_bad_request = attempt->code == "400";  // a server with TLS, asked without it
  return attempt->outcome == otlp::Outcome::refused && (is_no_such_place(*attempt) || is_bad_request);
}

bool speaks(const Attempt& attempt) {
  if (!attempt) return attempt.error().kind == Fault::Kind::certificate;
  return (attempt->outcome == otlp::Outcome::delivered && !is_web_page(*attempt)) ||
         is_credentials_matter(*attempt);
}

Finding explain(const Collector& collector, const Attempt& attempt, const std::optional<Spoken>& spoken) {
  if (spoken)
    return {.text = "not taken by " + url_of(collector) + ": the server speaks " + describe(*spoken) +
                    (loses_tls(collector, *spoken)
                         ? ", in which others could read the header: give it TLS, or write "
                         : ": write ") +
                    std::string(flags_for(*spoken))};
  return attempt ? explain_answer(collector, *attempt) : explain_fault(collector, attempt.error());
}

}  // namespace ostiary::relay
