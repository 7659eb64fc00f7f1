"""Who uses Claude Code, and what to charge."""

from common import (AGENTS, NUMBER, SECONDS, SERVICE, TEAM, USD, dashboard, each_interval, graph, ranking, row, sessions,
                    table, total)

NO_AGENT = "no agent sent metrics in this time."
NO_TEAM = 'no agent sent metrics in this time. The team is the resource attribute team: OTEL_RESOURCE_ATTRIBUTES="team=…".'
NO_REPOSITORY = ("no agent sent metrics in this time. Without ostiary the repository needs OTEL_METRICS_INCLUDE_REPOSITORY=1; "
                 "without a git repository its place is a dash.")


def usage(by):
    """What a table of usage has for each value of these labels."""
    return {
        "Cost": (total("claude_code_cost_usage_USD", by), USD),
        "Tokens": (total("claude_code_token_usage_tokens", by), NUMBER),
        "Sessions": (sessions(by), NUMBER),
        "Active time": (total("claude_code_active_time_seconds", by), SECONDS),
        "Lines": (total("claude_code_lines_of_code_count", by), NUMBER),
        "Commits": (total("claude_code_commit_count", by), NUMBER),
        "Pull requests": (total("claude_code_pull_request_count", by), NUMBER),
    }


def tokens(type):
    """The tokens of one type of each team and model."""
    return total("claude_code_token_usage_tokens", "team, model", of=f'{AGENTS}, type="{type}"'), NUMBER


DASHBOARD = dashboard(
    "team", "Claude Code: teams", "Who uses Claude Code, and what to charge.",
    row(
        graph("Cost by team", {"{{team}}": each_interval("claude_code_cost_usage_USD", "team")},
              "What each team's sessions cost in each interval. Agents without a team have no name.", NO_TEAM,
              unit=USD, bars=True),
        ranking("Cost by team", total("claude_code_cost_usage_USD", "team"), "{{team}}",
                "What each team's sessions cost in this time.", NO_TEAM, unit=USD, width=8)),
    row(
        table("Chargeback", {
            "Cost": (total("claude_code_cost_usage_USD", "team, model"), USD),
            "Input": tokens("input"),
            "Output": tokens("output"),
            "Cache read": tokens("cacheRead"),
            "Cache written": tokens("cacheCreation"),
        }, {"team": "Team", "model": "Model"},
            "The cost and the tokens of each team and model in this time. Set the time to a month, and export the table with "
            "Inspect, Data.", NO_TEAM), height=7),
    row(table("By team", usage("team"), {"team": "Team"}, "What each team did in this time.", NO_TEAM), height=6),
    row(table("By user", usage("user_email, user_id, team"),
              {"user_email": "Address", "user_id": "User", "team": "Team"},
              "What each user did in this time. A user who is signed in with an account has an address, or one for whom the "
              "attribute user.email is set. The user's id is that of an installation of Claude Code: each container has its own, "
              "unless its home is kept.", NO_AGENT), height=8),
    row(table("By repository", usage("vcs_repository_name"), {"vcs_repository_name": "Repository"},
              "What was done in each repository in this time.", NO_REPOSITORY), height=6),
    variables=(SERVICE, TEAM), since="now-7d")
