"""What all agents do and cost together."""

from common import (AGENTS, NUMBER, SECONDS, SERVICE, TEAM, USD, dashboard, each_interval, graph, row, sessions, stat, table,
                    total)

NO_AGENT = "no agent sent metrics in this time. A new session is counted two minutes after its first metrics."
SESSION_LINK = "/d/ostiary-session?var-session=${__value.raw}&${__url_time_range}"

DASHBOARD = dashboard(
    "overview", "Claude Code: overview", "What all agents do and cost together.",
    row(
        stat("Cost", total("claude_code_cost_usage_USD"),
             "What the sessions cost in this time, as Claude Code estimates it.", NO_AGENT, unit=USD, decimals=2),
        stat("Cost, last 24 hours", f"sum (claude_code_cost_usage_USD:increase1d{{{AGENTS}}})",
             "What the sessions cost in the 24 hours before the end of this time. The alert CostOfADay watches it.",
             NO_AGENT, unit=USD, decimals=2),
        stat("Tokens", total("claude_code_token_usage_tokens"), "All tokens, those of the cache too.", NO_AGENT),
        stat("Sessions", sessions(), "Sessions whose active time grew. With OTEL_METRICS_INCLUDE_SESSION_ID=false this is 1.",
             NO_AGENT),
        stat("Active time", total("claude_code_active_time_seconds"),
             "The time in which Claude Code worked or a user typed, of all sessions.", NO_AGENT, unit=SECONDS),
        stat("Lines", total("claude_code_lines_of_code_count"), "Lines that agents added and removed.",
             "no agent edited a file."),
        stat("Commits", total("claude_code_commit_count"), "Commits that agents made with git.", "no agent made a commit."),
        stat("Pull requests", total("claude_code_pull_request_count"), "Pull requests that agents opened.",
             "no agent opened a pull request."),
        height=4),
    row(
        graph("Cost by model", {"{{model}}": each_interval("claude_code_cost_usage_USD", "model")},
              "What each model cost in each interval.", NO_AGENT, unit=USD, bars=True),
        graph("Sessions that are active",
              {"{{service_name}}": f"sum by (service_name) (claude_code_sessions:active5m{{{AGENTS}}})"},
              "Sessions whose active time grew in the last five minutes.", NO_AGENT)),
    row(
        graph("Tokens by type", {"{{type}}": each_interval("claude_code_token_usage_tokens", "type")},
              "Tokens in each interval: input, output, read from the cache, written to the cache.", NO_AGENT, bars=True),
        graph("Tokens by model", {"{{model}}": each_interval("claude_code_token_usage_tokens", "model")},
              "Tokens of each model in each interval.", NO_AGENT, bars=True)),
    row(
        graph("Active time", {"{{type}}": each_interval("claude_code_active_time_seconds", "type")},
              "cli is the time in which Claude Code worked, user that in which a user typed.",
              NO_AGENT, unit=SECONDS, bars=True),
        graph("Lines of code", {"{{type}}": each_interval("claude_code_lines_of_code_count", "type")},
              "Lines that agents added and removed in each interval.", "no agent edited a file.", bars=True),
        graph("Edits accepted and rejected", {"{{decision}}": each_interval("claude_code_code_edit_tool_decision", "decision")},
              "Decisions on the tools Edit, Write and NotebookEdit, by the user or by settings.",
              "no agent asked to edit a file.", bars=True)),
    row(
        table("Sessions", {
            "Cost": (total("claude_code_cost_usage_USD", "session_id, team, service_name"), USD),
            "Tokens": (total("claude_code_token_usage_tokens", "session_id, team, service_name"), NUMBER),
            "Active time": (total("claude_code_active_time_seconds", "session_id, team, service_name"), SECONDS),
        }, {"session_id": "Session", "team": "Team", "service_name": "Service"},
            "The sessions of this time, the most expensive first. Click one to see what it did.", NO_AGENT,
            links={"Session": SESSION_LINK}),
        height=9),
    variables=(SERVICE, TEAM))
