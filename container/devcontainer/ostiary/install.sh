#!/bin/sh
# Installs the Feature, as root, while the image is built. Its options are environment variables.
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

# The agent is a separate user, since the sockets that editors listen on belong to the remote user.
# Its number belongs to no user of the host.
agent=claude
if ! id "$agent" >/dev/null 2>&1; then
  if command -v useradd >/dev/null; then
    useradd --create-home --shell /bin/sh --user-group --uid 53054 "$agent"
  else
    adduser -D -s /bin/sh -u 53054 "$agent"
  fi
fi
[ "$agent" != "$user" ] || fail "the remote user is $agent, which is the agent's: write another into devcontainer.json"

# For the workspace, which the agent shares with the remote user.
if ! command -v setfacl >/dev/null; then
  if command -v apt-get >/dev/null; then
    apt-get update && apt-get install --yes --no-install-recommends acl && rm -rf /var/lib/apt/lists/*
  elif command -v apk >/dev/null; then
    apk add --no-cache acl
  elif command -v dnf >/dev/null; then
    dnf install --assumeyes acl
  fi
fi
command -v setfacl >/dev/null || fail 'there is no setfacl in the image: install the package acl'

printf 'OSTIARY_USER=%s\nOSTIARY_WORKDIR=%s\nREMOTE_USER=%s\n' "$agent" "${WORKDIR:-/work}" "$user" >/opt/ostiary/settings
OSTIARY_USER="$agent" OSTIARY_WORKDIR="${WORKDIR:-/work}" /opt/ostiary/ostiary plan -- sleep infinity >/dev/null ||
  fail 'the policy or the settings are not as they should be: see the line above'

# Whether the remote user may run a command without a password.
may() {
  su -s /bin/sh "$user" -c "$1" </dev/null >/dev/null 2>&1
}
# The same for commands that need a terminal. Use it only for commands that never ask: a question at
# this terminal could wait for an answer forever.
may_at_a_terminal() {
  su --pty -s /bin/sh "$user" -c "$1" </dev/null >/dev/null 2>&1
}

refuse() {
  fail "$user has another way to root, since \"$1\" takes no password: take it away in the image, or write \"sudo\": true"
}

if [ "${SUDO:-false}" != true ] && [ "$user" != root ]; then
  rm -f "/etc/sudoers.d/$user" /etc/sudoers.d/ostiary
  # An image may grant more, in another way. If no entry works without a password, sudo asks for one
  # even to list the entries.
  for way in 'sudo -n true' 'sudo -n -l' 'doas -n true'; do
    if may "$way" || may_at_a_terminal "$way"; then
      refuse "$way"
    fi
  done
  ! may 'su -c true' || refuse 'su -c true'
  if [ -d /etc/sudoers.d ]; then
    # ostiary starts the command confined, as the agent.
    echo "$user ALL=(root) NOPASSWD: /usr/local/bin/ostiary exec *" >/etc/sudoers.d/ostiary
    chmod 440 /etc/sudoers.d/ostiary
  fi
fi
