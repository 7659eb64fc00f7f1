#include "telemetry/road.h"

#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "telemetry/made_up.h"

using namespace ostiary::telemetry;
using ostiary::error_of;
using ostiary::status_of;
using ostiary::config::MadeUp;

namespace {

using Strings = std::vector<std::string>;

const std::string collector = "OTEL_EXPORTER_OTLP_ENDPOINT=https://collector.example";
const std::string header = "OTEL_EXPORTER_OTLP_HEADERS=Authorization=Bearer hunter2";
const std::string client_key = "OTEL_EXPORTER_OTLP_CLIENT_KEY=/run/key.pem";

// A collector with a credential, and more variables.
MadeUp guarded(Strings more = {}, std::map<std::string_view, std::string> flags = {}) {
  more.insert(more.begin(), {collector, header});
  return {.environment = std::move(more), .flags = std::move(flags)};
}

const On& on(const Telemetry& telemetry) {
  REQUIRE(telemetry.on() != nullptr);
  return *telemetry.on();
}

bool is_relayed(const MadeUp& container) {
  return on(good_telemetry(container)).road == Road::relay;
}

bool contains(const Strings& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

// The variables of the agent that the text is in, withheld ones excepted.
Strings holders_of(const Telemetry& telemetry, std::string_view text) {
  Strings names;
  for (const Variable& variable : telemetry.variables())
    if (variable.value.reveal().contains(text)) names.push_back(variable.name);
  return names;
}

}  // namespace

TEST_SUITE("telemetry/road") {
  TEST_CASE("a header or a client's key needs the relay, and without one the agent sends by itself") {
    CHECK(is_relayed({.environment = {collector, header}}));
    CHECK(is_relayed({.environment = {collector, client_key}}));
    CHECK(is_relayed({.environment = {collector, "CLAUDE_CODE_CLIENT_KEY=/run/key.pem"}}));
    CHECK(is_relayed({.environment = {collector, "OTEL_EXPORTER_OTLP_LOGS_HEADERS=x-key=a"}}));
    CHECK(is_relayed({.environment = grafana_trio}));
    CHECK_FALSE(is_relayed({.environment = {collector}}));
    CHECK_FALSE(is_relayed({.environment = {collector, "OTEL_EXPORTER_OTLP_CERTIFICATE=/run/ca.pem"}}));
  }

  TEST_CASE("the header of a signal that is not exported needs no relay") {
    CHECK_FALSE(is_relayed({.environment = {collector, "OTEL_EXPORTER_OTLP_LOGS_HEADERS=x-key=a",
                                            "OTEL_LOGS_EXPORTER=console"}}));
  }

  TEST_CASE("relay on needs no credential") {
    const MadeUp container{.environment = {collector}, .flags = {{"relay", "on"}}};
    CHECK(is_relayed(container));
    CHECK(good_telemetry(container).warnings.empty());
  }

  TEST_CASE("relay off leaves the credential with the agent, of which it warns") {
    const Telemetry telemetry = good_telemetry(guarded({}, {{"relay", "off"}}));
    CHECK(on(telemetry).road == Road::direct);
    CHECK(holders_of(telemetry, "hunter2") == Strings{"OTEL_EXPORTER_OTLP_HEADERS"});
    REQUIRE(telemetry.warnings.size() == 1);
    CHECK(telemetry.warnings[0].starts_with("relay off: every process of the agent can read"));
    CHECK(good_telemetry({.environment = {collector}, .flags = {{"relay", "off"}}}).warnings.empty());
  }

  TEST_CASE("without a gate there is no relay, and relay on is an error that says what to write") {
    const Telemetry telemetry = good_telemetry(guarded({}, {{"gate", "off"}}));
    CHECK(on(telemetry).road == Road::direct);
    CHECK(telemetry.warnings.empty());
    const auto refused = telemetry_of(guarded({}, {{"gate", "off"}, {"relay", "on"}}));
    CHECK(error_of(refused) ==
          "--relay: the relay gets its connections from the gate, which is off: write --gate on, or leave "
          "out relay");
    CHECK(status_of(refused) == 78);
  }

  TEST_CASE("cumulative metrics without the relay, and a temporality that does not exist, are warnings") {
    const std::string endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT=https://c:4318";
    const std::string preference = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=";
    const auto warnings = [&](const char* value, const Strings& flag = {}) {
      MadeUp container{.environment = {endpoint, preference + value}};
      if (!flag.empty()) container.flags = {{"relay", flag[0]}};
      return good_telemetry(container).warnings;
    };
    REQUIRE(warnings("cumulative").size() == 1);
    CHECK(warnings("cumulative")[0].ends_with("write --relay on, which sums them"));
    CHECK(warnings("cumulative", {"on"}).empty());
    CHECK(warnings("delta").empty());
    CHECK(warnings("cumulativ") ==
          Strings{preference.substr(0, preference.size() - 1) +
                  ": \"cumulativ\" is none that Claude Code knows: write cumulative, delta "
                  "or lowmemory"});
  }

  TEST_CASE("a proxy and a passphrase rule the relay out: a warning by default, an error with relay on") {
    for (const std::string name : {"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy",
                                   "all_proxy", "CLAUDE_CODE_CLIENT_KEY_PASSPHRASE"}) {
      CAPTURE(name);
      const Strings more{name + "=hunter3"};
      const Telemetry telemetry = good_telemetry(guarded(more));
      CHECK(on(telemetry).road == Road::direct);
      REQUIRE(telemetry.warnings.size() == 1);
      CHECK(telemetry.warnings[0].starts_with("no relay: " + name + " is set"));
      CHECK_FALSE(telemetry.warnings[0].contains("hunter3"));

      const auto refused = telemetry_of(guarded(more, {{"relay", "on"}}));
      CHECK(error_of(refused).starts_with("--relay: " + name + " is set"));
      CHECK(error_of(refused).ends_with(": take out the variable, or write --relay off"));
      CHECK_FALSE(error_of(refused).contains("hunter3"));
      CHECK(status_of(refused) == 78);

      CHECK(good_telemetry({.environment = {collector, more[0]}}).warnings.empty());
    }
    CHECK(is_relayed(guarded({"NO_PROXY=*", "GRPC_PROXY=http://a", "HTTPS_PROXY="})));
  }

  TEST_CASE("the agent sends everything to the relay as http/protobuf, and knows no collector") {
    const Telemetry telemetry = good_telemetry(
        guarded({"OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=https://t/x",
                 "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL=http/json"}));
    CHECK(given(telemetry, "OTEL_EXPORTER_OTLP_PROTOCOL") == "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf");
    CHECK(given(telemetry, "OTEL_EXPORTER_OTLP_ENDPOINT") ==
          "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:15354");
    CHECK(holders_of(telemetry, "://") == Strings{"OTEL_EXPORTER_OTLP_ENDPOINT"});
    for (const Route& route : telemetry.routes()) {
      const AgentsTarget target = agents_target(on(telemetry), route);
      CHECK(target.protocol == Protocol::http_protobuf);
      CHECK(text(target.endpoint) == "http://127.0.0.1:15354/v1/" + std::string(text(route.signal)));
    }
  }

  TEST_CASE("without a relay the agent's target is the collector itself") {
    const Telemetry telemetry = good_telemetry({.environment = {collector}});
    for (const Route& route : telemetry.routes())
      CHECK(agents_target(on(telemetry), route).endpoint == route.endpoint);
  }

  TEST_CASE("the agent gets no header in any spelling and of no signal, and no path of a key") {
    Strings more{client_key, "OTEL_EXPORTER_OTLP_CERTIFICATE=/run/ca.pem",
                 "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=/run/cert.pem", "OTEL_EXPORTER_OTLP_INSECURE=true",
                 "OTEL_EXPORTER_OTLP_COMPRESSION=gzip"};
    Strings hidden{"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_CLIENT_KEY",
                   "OTEL_EXPORTER_OTLP_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
                   "OTEL_EXPORTER_OTLP_INSECURE"};
    for (const std::string signal : {"TRACES", "METRICS", "LOGS"})
      for (const std::string what : {"HEADERS", "PROTOCOL", "ENDPOINT", "COMPRESSION", "CERTIFICATE",
                                     "CLIENT_CERTIFICATE", "CLIENT_KEY", "INSECURE"}) {
        hidden.push_back("OTEL_EXPORTER_OTLP_" + signal + "_" + what);
        more.push_back(hidden.back() + (what == "HEADERS"    ? "=x-key=hunter2"
                                        : what == "PROTOCOL" ? "=http/json"
                                        : what == "ENDPOINT" ? "=https://c.example/x"
                                                             : "=gzip"));
      }
    const Telemetry telemetry = good_telemetry(guarded(more));
    CHECK(on(telemetry).road == Road::relay);
    for (const std::string& name : hidden) {
      CAPTURE(name);
      CHECK(given(telemetry, name) == name);
      CHECK(contains(telemetry.withheld, name));
    }
    CHECK(holders_of(telemetry, "hunter2").empty());
    CHECK(std::ranges::none_of(telemetry.variables(),
                               [](const Variable& each) { return each.secrecy == Secrecy::secret; }));
  }

  TEST_CASE("an agent's settings can put no header and no compression in front of the relay") {
    const Strings expected{"OTEL_EXPORTER_OTLP_HEADERS",
                           "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
                           "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
                           "OTEL_EXPORTER_OTLP_LOGS_HEADERS",
                           "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
                           "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION",
                           "OTEL_EXPORTER_OTLP_LOGS_COMPRESSION"};
    const Telemetry relayed = good_telemetry(guarded());
    const Telemetry direct = good_telemetry(guarded({}, {{"relay", "off"}}));
    for (const std::string& name : expected) {
      CAPTURE(name);
      CHECK(contains(on(relayed).detours, name));
      CHECK_FALSE(contains(on(direct).detours, name));
    }
  }

  TEST_CASE("gzip is the relay's, and the agent compresses nothing for it") {
    const std::string gzip = "OTEL_EXPORTER_OTLP_COMPRESSION=gzip";
    const Telemetry relayed = good_telemetry(guarded({gzip}));
    CHECK(on(relayed).compression == Compression::gzip);
    CHECK(given(relayed, "OTEL_EXPORTER_OTLP_COMPRESSION") == "OTEL_EXPORTER_OTLP_COMPRESSION=none");
    for (const char* other : {"OTEL_EXPORTER_OTLP_COMPRESSION=none", "OTHER=gzip"})
      CHECK(on(good_telemetry(guarded({other}))).compression == Compression::none);
    const Telemetry direct = good_telemetry(guarded({gzip}, {{"relay", "off"}}));
    CHECK(given(direct, "OTEL_EXPORTER_OTLP_COMPRESSION") == "OTEL_EXPORTER_OTLP_COMPRESSION");
    CHECK_FALSE(contains(direct.withheld, "OTEL_EXPORTER_OTLP_COMPRESSION"));
  }

  TEST_CASE(
      "the relay sums deltas for a collector of cumulative metrics, and the agent always sends deltas") {
    const std::string name = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
    struct Row {
      MadeUp container;
      Temporality wanted;
      std::string agents;
    };
    const auto preferring = [&](const std::string& value) { return guarded({name + "=" + value}); };
    const std::string grafana = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=https://otlp-gateway-x.grafana.net/otlp";
    const std::string traces = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=https://otlp-gateway-x.grafana.net/otlp";
    for (const Row& row : {Row{guarded(), Temporality::unstated, "delta"},
                           Row{preferring("cumulative"), Temporality::cumulative, "delta"},
                           Row{preferring("Cumulative"), Temporality::cumulative, "delta"},
                           Row{preferring("delta"), Temporality::delta, "delta"},
                           Row{preferring("lowmemory"), Temporality::delta, "lowmemory"},
                           Row{preferring("other"), Temporality::unstated, "other"},
                           Row{{.environment = grafana_trio}, Temporality::cumulative, "delta"},
                           Row{guarded({grafana}), Temporality::cumulative, "delta"},
                           Row{guarded({traces}), Temporality::unstated, "delta"}}) {
      const Telemetry telemetry = good_telemetry(row.container);
      REQUIRE(on(telemetry).road == Road::relay);
      CHECK(on(telemetry).temporality == row.wanted);
      CHECK(given(telemetry, name) == name + "=" + row.agents);
    }
    CHECK(given(direct_telemetry(preferring("cumulative")), name) == name + "=cumulative");
  }

  TEST_CASE("the relay's files of TLS: what is written for the collector goes before what is general") {
    const auto files = [](Strings more) { return on(good_telemetry(guarded(std::move(more)))).tls_files; };
    CHECK(files({}).authorities.empty());
    CHECK(files({}).client_key.empty());
    CHECK(files({"SSL_CERT_DIR=/d"}).authorities == "/d");
    CHECK(files({"SSL_CERT_DIR=/d", "SSL_CERT_FILE=/f"}).authorities == "/f");
    const TlsFiles all =
        files({"SSL_CERT_FILE=/f", "OTEL_EXPORTER_OTLP_CERTIFICATE=/o", "NODE_EXTRA_CA_CERTS=/n",
               "CLAUDE_CODE_CLIENT_CERT=/cc", "CLAUDE_CODE_CLIENT_KEY=/ck"});
    CHECK(all.authorities == "/o");
    CHECK(all.more_authorities == "/n");
    CHECK(all.client_certificate == "/cc");
    CHECK(all.client_key == "/ck");
    const TlsFiles own =
        files({"CLAUDE_CODE_CLIENT_CERT=/cc", "CLAUDE_CODE_CLIENT_KEY=/ck",
               "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=/oc", "OTEL_EXPORTER_OTLP_CLIENT_KEY=/ok"});
    CHECK(own.client_certificate == "/oc");
    CHECK(own.client_key == "/ok");
  }

  TEST_CASE("warns of a file of TLS for one signal, which the relay does not use") {
    const std::string name = "OTEL_EXPORTER_OTLP_LOGS_CLIENT_KEY";
    const std::string warning =
        name + " has no effect: the relay uses the file in OTEL_EXPORTER_OTLP_CLIENT_KEY for every signal";
    CHECK(good_telemetry(guarded({name + "=/k", "OTEL_EXPORTER_OTLP_LOGS_COMPRESSION=gzip"})).warnings ==
          Strings{warning});
    CHECK(good_telemetry({.environment = {collector, name + "=/k"}}).warnings.empty());
  }

  TEST_CASE("telemetry without a route has no relay") {
    CHECK(text(good_telemetry({.environment = grafana_trio, .flags = {{"telemetry_source", "off"}}}).state) ==
          "switched-off");
    const MadeUp nothing{.environment = {collector, header, "OTEL_LOGS_EXPORTER=console",
                                         "OTEL_TRACES_EXPORTER=console", "OTEL_METRICS_EXPORTER=console"}};
    CHECK_FALSE(is_relayed(nothing));
  }
}
