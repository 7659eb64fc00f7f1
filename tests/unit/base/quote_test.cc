#include "ostiary/base/quote.h"

#include <doctest/doctest.h>

using ostiary::quote;

TEST_SUITE("base/quote") {
  TEST_CASE("keeps a plain name as it is") {
    CHECK(quote("api.example.com") == R"("api.example.com")");
  }

  TEST_CASE("removes characters that end a line or control a terminal") {
    CHECK(quote("a\n\x1b[31m\"\\") == R"("a\x0a\x1b[31m\"\\")");
    CHECK(quote("\xc3\xbc") == R"("\xc3\xbc")");
  }

  TEST_CASE("shortens what is long") {
    CHECK(quote(std::string(60, 'a')) == "\"" + std::string(60, 'a') + "\"");
    CHECK(quote(std::string(61, 'a')) == "\"" + std::string(60, 'a') + "…\"");
  }

  TEST_CASE("shows only the start of what may be a token") {
    CHECK(quote("sk-ant-api03-Abcdefghijklmnop") == R"("sk-a…")");
    CHECK(quote("Bearer glc_eyJvIjoiMTIzNDU2Nzg5MCJ9") == R"("Bear…")");
    CHECK(quote("https://host/dGhpcyBpcyBhIHNlY3JldA==") == R"("http…")");
    for (const char* const plain :
         {"/nix/store/1b9p07z77phvv2hf6gm9f28syp39f1ag-bash-5.2/bash", "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
          "550e8400-e29b-41d4-a716-446655440000", "MyApplication.Server.With.Version2.Names", "Ab1.Cd2.Ef3"})
      CHECK(quote(plain) == "\"" + std::string(plain) + "\"");
  }
}
