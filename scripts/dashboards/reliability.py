"""What fails, and how long things take."""

from common import (IN_TEAM, LOST, MILLISECONDS, NO_TRACES, NUMBER, SERVICE, SHARE, TEAM, count, dashboard, each_interval,
                    events, graph, quantile, records, row, shown, stat, table, total, traces)

NO_EVENTS = "no agent sent logs in this time: OTEL_LOGS_EXPORTER=otlp."
NONE = "there were none, or logs are not exported: OTEL_LOGS_EXPORTER=otlp."

REQUESTS = events("api_request", IN_TEAM)
FAILED = events("api_error", IN_TEAM)
FINISHED = events("api_request api_error", IN_TEAM)
REFUSED = events("api_refusal", IN_TEAM)
TOOLS = events("tool_result", IN_TEAM)
FAILED_TOOLS = events("tool_result", IN_TEAM, 'success="false"')
ERRORS = events("api_error api_refusal api_retries_exhausted internal_error", IN_TEAM)
LINES = {
    "api_error": "API error: {{ .status_code }} {{ .error }}, {{ .model }}, try {{ .attempt }}",
    "api_refusal": "refusal by {{ .model }}",
    "api_retries_exhausted": "gave up after {{ .total_attempts }} tries: {{ .error }}",
    "internal_error": "error in Claude Code: {{ .error_name }} {{ .error_code }}",
}

DASHBOARD = dashboard(
    "reliability", "Claude Code: reliability", "What fails, and how long things take.",
    row(
        stat("API requests", count(FINISHED), "Requests that were answered, or failed for good.", NO_EVENTS),
        stat("Failed", f"{count(FAILED)} / {count(FINISHED)}",
             "The share of the requests that failed for good. Claude Code logs no error for a request that succeeded on a retry.", NONE,
             unit=SHARE, decimals=1, steps=("green", ("orange", 0.01), ("red", 0.05))),
        stat("Gave up", count(events("api_retries_exhausted", IN_TEAM)), "Requests that failed after all retries.", NONE,
             steps=("green", ("red", 1))),
        stat("Refusals", count(REFUSED), "Requests that the model refused to answer.", NONE, steps=("green", ("orange", 1))),
        stat("Tools that failed", f"{count(FAILED_TOOLS)} / {count(TOOLS)}",
             "The share of tool calls without success, such as a command with another status than 0.", NONE, unit=SHARE,
             decimals=1),
        stat("Telemetry lost", total("ostiary_relay_posts", of=f"{IN_TEAM}, {LOST}"),
             "Requests of telemetry that the collector refused, or for which the relay had no room.",
             "there were none, or agents run without ostiary.", steps=("green", ("red", 1))),
        height=4),
    row(
        graph("Time of API requests", {"half, {{model}}": quantile(0.5, REQUESTS, "duration_ms", "model"),
                                       "95 of 100, {{model}}": quantile(0.95, REQUESTS, "duration_ms", "model")},
              "The time that half and 95 of 100 requests took at most.", NO_EVENTS, unit=MILLISECONDS),
        graph("Time to the first token", {"half, {{model}}": quantile(0.5, REQUESTS, "ttft_ms", "model"),
                                          "95 of 100, {{model}}": quantile(0.95, REQUESTS, "ttft_ms", "model")},
              "The time after which half and 95 of 100 answers began.", NO_EVENTS, unit=MILLISECONDS)),
    row(
        graph("API errors by status", {"{{status_code}} {{model}}": count(FAILED, "status_code, model", "$__interval")},
              "Requests that failed for good. One without a status had no answer, or was overloaded at each try.",
              NONE, bars=True),
        graph("Refusals", {"{{model}}": count(REFUSED, "model", "$__interval")},
              "Requests that the model refused to answer.", NONE, bars=True),
        graph("Tools that failed", {"{{tool_name}} {{error_type}}": count(FAILED_TOOLS, "tool_name, error_type", "$__interval")},
              "Tool calls without success, by tool and error.", NONE, bars=True)),
    row(
        records("Errors", shown(ERRORS, LINES), "Errors of the API and of Claude Code itself, and refusals.", NONE),
        table("Time of tools", {
            "Calls": (count(TOOLS, "tool_name"), NUMBER),
            "Longest": (f"max_over_time({TOOLS} | unwrap duration_ms [$__range]) by (tool_name)", MILLISECONDS),
            "Mean": (f"avg_over_time({TOOLS} | unwrap duration_ms [$__range]) by (tool_name)", MILLISECONDS),
        }, {"tool_name": "Tool"}, "How often each tool ran, and how long.", NO_EVENTS, width=10)),
    row(
        traces("Requests that were tried again",
               '{ resource.service.name =~ "$service" && name = "claude_code.llm_request" && span.attempt > 1 }',
               "Traces with requests that needed more than one try.", f"there were none, or {NO_TRACES}"),
        traces("Requests that failed",
               '{ resource.service.name =~ "$service" && name = "claude_code.llm_request" && span.success = false }',
               "Traces with requests that failed for good.", f"there were none, or {NO_TRACES}")),
    row(
        graph("Requests of telemetry", {"{{outcome}}": each_interval("ostiary_relay_posts", "outcome", of=IN_TEAM)},
              "What became of the requests of telemetry in each interval. A delayed one is tried again.",
              "agents run without ostiary's relay, or with --audit-otlp off.", bars=True)),
    variables=(SERVICE, TEAM))
