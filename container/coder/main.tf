# Claude Code behind ostiary's gate in a Coder workspace: docs/platforms/coder.md
# Only the parts that concern the gate. Copy them into your own template, or use the file as it is
# with Docker.
terraform {
  required_providers {
    coder  = { source = "coder/coder" }
    docker = { source = "kreuzwerker/docker" }
  }
}

variable "anthropic_api_key" {
  type        = string
  sensitive   = true
  description = "What Claude Code signs in with."
}

variable "allow" {
  type        = list(string)
  default     = ["preset:github"]
  description = "What the agent may reach, besides Claude's API and the collector: docs/configuration.md"
}

# As in Coder's module claude-code.
variable "telemetry" {
  type = object({
    enabled             = optional(bool, false)
    otlp_endpoint       = optional(string, "")
    otlp_protocol       = optional(string, "http/protobuf")
    otlp_headers        = optional(map(string), {})
    resource_attributes = optional(map(string), {})
  })
  default     = {}
  sensitive   = true
  description = "Where telemetry goes."
}

data "coder_workspace" "me" {}
data "coder_workspace_owner" "me" {}

locals {
  # Attributes that the workspace's environment does not contain. The other coder.* attributes come
  # from there.
  attributes = {
    "coder.workspace_owner_id" = data.coder_workspace_owner.me.id
    "coder.template_version"   = data.coder_workspace.me.template_version
    "coder.access_url"         = data.coder_workspace.me.access_url
  }
  environment = merge(
    {
      ANTHROPIC_API_KEY   = var.anthropic_api_key
      OSTIARY_ALLOW       = join(",", var.allow)
      CODER_WORKSPACE_ID  = data.coder_workspace.me.id
      CODER_TEMPLATE_NAME = data.coder_workspace.me.template_name
    },
    var.telemetry.enabled ? {
      OSTIARY_TELEMETRY = jsonencode(merge(var.telemetry, {
        resource_attributes = merge(var.telemetry.resource_attributes, local.attributes)
      }))
    } : {},
  )
}

resource "coder_agent" "main" {
  os   = "linux"
  arch = "amd64"
  env  = local.environment
}

resource "coder_script" "ostiary" {
  agent_id           = coder_agent.main.id
  display_name       = "ostiary"
  script             = file("${path.module}/start.sh")
  run_on_start       = true
  start_blocks_login = true
  timeout            = 120
}

resource "coder_app" "claude" {
  agent_id     = coder_agent.main.id
  slug         = "claude"
  display_name = "Claude Code"
  command      = "sudo ostiary exec -- claude"
}

resource "docker_container" "workspace" {
  count      = data.coder_workspace.me.start_count
  name       = "coder-${data.coder_workspace_owner.me.name}-${lower(data.coder_workspace.me.name)}"
  image      = "ostiary-coder-workspace"
  entrypoint = ["sh", "-c", coder_agent.main.init_script]
  env        = ["CODER_AGENT_TOKEN=${coder_agent.main.token}"]

  capabilities {
    add = ["NET_ADMIN"]
  }
}
