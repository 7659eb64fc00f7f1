#!/bin/sh
# Installs the Feature: as root, while the image is built. Its options come as variables.
set -eu

here="$(cd "$(dirname "$0")" && pwd)"
user="${_REMOTE_USER:-root}"
fail() {
  echo "ostiary: error: $1" >&2
  exit 1
}

[ -x "$here/bundle/ostiary" ] || fail "there is no $here/bundle: make this folder with container/devcontainer/pack"
[ -f "$here/policy.json" ] || fail "there is no $here/policy.json: put your policy there"

mkdir -p /opt /etc/ostiary /usr/local/bin
cp -R "$here/bundle" /opt/ostiary
cp "$here/start" "$here/await" /opt/ostiary/
chmod 755 /opt/ostiary /opt/ostiary/start /opt/ostiary/await
cp "$here/policy.json" /etc/ostiary/policy.json
chmod 644 /etc/ostiary/policy.json
ln -sf /opt/ostiary/ostiary /usr/local/bin/ostiary

printf 'OSTIARY_USER=%s\nOSTIARY_WORKDIR=%s\n' "$user" "${WORKDIR:-/work}" >/opt/ostiary/settings
OSTIARY_USER="$user" OSTIARY_WORKDIR="${WORKDIR:-/work}" /opt/ostiary/ostiary plan -- sleep infinity >/dev/null ||
  fail 'the policy or the settings are not as they should be: see the line above'

if [ "${SUDO:-false}" != true ] && [ "$user" != root ] && [ -d /etc/sudoers.d ]; then
  rm -f "/etc/sudoers.d/$user"
  # What it starts is confined as the agent.
  echo "$user ALL=(root) NOPASSWD: /usr/local/bin/ostiary exec *" >/etc/sudoers.d/ostiary
  chmod 440 /etc/sudoers.d/ostiary
  # An image may have granted more, in a file of another name.
  if command -v sudo >/dev/null; then
    more="$(LC_ALL=C sudo -l -U "$user" | grep NOPASSWD | grep -vx ' *(root) NOPASSWD: /usr/local/bin/ostiary exec \*' || true)"
    [ -z "$more" ] || fail "sudo leaves $user another way to root: $more: remove it from /etc/sudoers and /etc/sudoers.d, or write \"sudo\": true"
  fi
fi
