#include <vector>

#include "ostiary/base/escape.h"
#include "ostiary/base/text.h"
#include "ostiary/connect/check.h"
#include "ostiary/connect/settings_file.h"
#include "ostiary/connect/stack.h"
#include "telemetry_commands.h"

namespace ostiary::cli {
namespace {

// The first start takes minutes, so what connect would refuse is refused before it.
Result<> check_settings(const connect::Request& request, const config::Environment& environment) {
  constexpr auto user = connect::Kind::user;
  TRY(connect::make_settings(request, user, "{}\n"));
  const std::vector<std::string> stronger = connect::routing_layers(TRY(connect::read_managed_layers()));
  if (!stronger.empty())
    return fail(Exit::configuration,
                escape_controls(join(stronger, ", ")) +
                    " says where all users of this machine send telemetry, so nothing would "
                    "reach the stack: ask who manages the machine");
  for (const connect::Layer& layer : TRY(connect::read_users_layer(environment)))
    if (const auto made = connect::make_settings(request, user, layer.text.reveal()); !made)
      return std::unexpected(Error(made.error()).within(escape_controls(layer.path)));
  return {};
}

}  // namespace

Result<int> execute_local(LocalTelemetry command, char** environ) {
  const auto environment = config::Environment::copy_of(environ);
  const connect::Stack stack = TRY(connect::find_stack(command.stack, environ));
  command.request.endpoint = TRY(connect::endpoint_of(stack));
  TRY(check_settings(command.request, environment));
  std::vector<std::string> up{"up"};
  if (!command.profile.empty()) up.insert(up.end(), {"--profile", command.profile});
  if (const int status = TRY(connect::run(stack, up)); status != 0) return status;

  TRY(execute_connect({.request = std::move(command.request)}, environment));

  const std::string marker = TRY(make_marker());
  if (const int status = TRY(execute_check({}, environment, marker)); status != 0) return status;
  const std::vector<std::string> arrival{
      "check", "--marked", std::string(connect::marker_attribute) + "=" + marker, "--wait", "60s"};
  return connect::run(stack, arrival);
}

}  // namespace ostiary::cli
