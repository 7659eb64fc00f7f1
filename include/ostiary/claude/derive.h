// claude/derive.h: the hosts that a session's own variables imply, with nothing to configure.
// Telemetry's hosts are not among them: they are known where the endpoint is (telemetry/).
//
//   always                               api.anthropic.com
//   CLAUDE_CODE_OAUTH_TOKEN              + platform.claude.com
//   no credentials at all                + the hosts of an interactive sign-in
//   CLAUDE_CODE_USE_BEDROCK, _VERTEX     + preset aws-bedrock, google-vertex
//   CLAUDE_CODE_USE_FOUNDRY              + the resource's host, login.microsoftonline.com
//   ANTHROPIC_…BASE_URL, CODER_AGENT_URL + that host and port
//
// The host of a URL that the operator wrote may be a private one (a gateway on the same network); Anthropic's
// and the clouds' may not.
#pragma once

#include <vector>

#include "ostiary/policy/presets.h"
#include "ostiary/policy/rule.h"

namespace ostiary::claude {

// Every rule's reason is the variable that asked for it. Errors name the variable and never repeat its value.
Result<std::vector<policy::Rule>> derive(const policy::Lookup& variable);

}  // namespace ostiary::claude
