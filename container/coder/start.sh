#!/usr/bin/env bash
# Boots ostiary in a Coder workspace, and ends when its gate is up. For coder_script:
# docs/platforms/coder.md
set -euo pipefail

agent="${OSTIARY_USER:-claude}" workdir="${OSTIARY_WORKDIR:-/work}"
log=/var/log/ostiary/boot.log

# The variables for ostiary. The workspace agent's token and address are not among them.
told=(ANTHROPIC_API_KEY ANTHROPIC_AUTH_TOKEN ANTHROPIC_BASE_URL CLAUDE_CODE_OAUTH_TOKEN CODER CODER_TEMPLATE_NAME
  CODER_WORKSPACE_AGENT_NAME CODER_WORKSPACE_ID CODER_WORKSPACE_NAME CODER_WORKSPACE_OWNER_NAME GRAFANA_API_TOKEN
  GRAFANA_INSTANCE_ID GRAFANA_OTLP_ENDPOINT LANG NODE_EXTRA_CA_CERTS OSTIARY_ALLOW OSTIARY_API_RELAY OSTIARY_RELAY
  OSTIARY_TELEMETRY OTEL_EXPORTER_OTLP_ENDPOINT OTEL_EXPORTER_OTLP_HEADERS OTEL_EXPORTER_OTLP_PROTOCOL OTEL_RESOURCE_ATTRIBUTES)
for name in $(compgen -e); do
  case " PATH ${told[*]} " in *" $name "*) ;; *) unset "$name" ;; esac
done

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    sudo --non-interactive --preserve-env="$(IFS=,; echo "${told[*]}")" -- "$@"
  fi
}

id "$agent" >/dev/null 2>&1 || as_root useradd --create-home \
  --key SUB_UID_COUNT=0 --key SUB_GID_COUNT=0 --shell /bin/bash "$agent"
as_root install --directory /var/log/ostiary
# Left by an earlier start.
as_root rm -f /run/ostiary/status.json "$log"

# ostiary keeps running, as the parent of the agent's sessions. It must not hold a descriptor that
# keeps this script from ending.
# shellcheck disable=SC2016 # the inner shell expands these
as_root setsid --fork bash -c 'exec "$@" </dev/null >"$0" 2>&1' "$log" \
  ostiary run --scope user --user "$agent" --workdir "$workdir" --prepare-claude -- sleep infinity

for ((tries = 0; tries < 600; tries++)); do
  if as_root ostiary status >/dev/null 2>&1; then
    exit 0
  fi
  if as_root grep -q '^ostiary: error' "$log" 2>/dev/null; then
    break
  fi
  sleep 0.1
done
as_root cat "$log" >&2
exit 1
