"""What one session did, in order, and what it cost."""

from common import (AGENTS_AND_OSTIARY, BY_AGENT, DENIALS, IN_SESSION, MILLISECONDS, NO_TRACES, NUMBER, ONE_SESSION, OSTIARY,
                    SECONDS, SERVICE, SESSION, TEAM, TRACE, USD, add_up, count, dashboard, each_interval, events, graph, records,
                    row, shown, stat, table, total, trace, traces)

NO_SESSION = "no session is selected, or it sent nothing in this time."
NO_EVENTS = "logs are not exported: OTEL_LOGS_EXPORTER=otlp."
LINES = {
    "user_prompt": "prompt: {{ .prompt }}",
    "assistant_response": "answer: {{ .response }}",
    "api_request": "API request: {{ .model }}, {{ .duration_ms }} ms, {{ .input_tokens }} tokens in, {{ .output_tokens }} out, "
                   '{{ printf "%.4f" (float64 .cost_usd) }} USD',
    "api_error": "API error: {{ .status_code }} {{ .error }}, try {{ .attempt }}",
    "api_refusal": "refusal by {{ .model }}",
    "tool_decision": "{{ .tool_name }}: {{ .decision }} by {{ .source }}",
    "tool_result": "{{ .tool_name }}: success {{ .success }}, {{ .duration_ms }} ms {{ .tool_input }} {{ .error }}",
}
ALL = events(f"{' '.join(LINES)} {DENIALS}", IN_SESSION, *BY_AGENT, of=AGENTS_AND_OSTIARY)

DASHBOARD = dashboard(
    "session", "Claude Code: a session", "What one session did, in order, and what it cost.",
    row(
        stat("Cost", total("claude_code_cost_usage_USD", of=ONE_SESSION), "What the session cost in this time.", NO_SESSION,
             unit=USD, decimals=4),
        stat("Tokens", total("claude_code_token_usage_tokens", of=ONE_SESSION), "All tokens, those of the cache too.",
             NO_SESSION),
        stat("Active time", total("claude_code_active_time_seconds", of=ONE_SESSION),
             "The time in which Claude Code worked or the user typed.", NO_SESSION, unit=SECONDS),
        stat("Prompts", count(events("user_prompt", IN_SESSION)), "Prompts of the user.", NO_EVENTS),
        stat("API requests", count(events("api_request", IN_SESSION)), "Requests that the API answered.", NO_EVENTS),
        stat("API errors", count(events("api_error api_refusal", IN_SESSION)),
             "Requests that failed for good, and refusals.", "there were none.", steps=("green", ("red", 1))),
        stat("Tool calls", count(events("tool_result", IN_SESSION)), "Tools that ran.", NO_EVENTS),
        stat("Denied", add_up(events(DENIALS, IN_SESSION, *BY_AGENT, of=OSTIARY), "ostiary_count"),
             "Names and packets that the gate denied while only this session was active.",
             "nothing was denied, or the session ran without ostiary.", steps=("green", ("orange", 1))),
        height=4),
    row(
        records("What it did", shown(ALL, LINES),
                "Prompts, API requests, tools and denials in the order in which they happened. A prompt's text needs "
                "OTEL_LOG_USER_PROMPTS=1, an answer's OTEL_LOG_ASSISTANT_RESPONSES=1, a tool's input OTEL_LOG_TOOL_DETAILS=1.",
                NO_EVENTS, newest_first=False, lines=1000),
        height=14),
    row(
        graph("Cost by model", {"{{model}}": each_interval("claude_code_cost_usage_USD", "model", of=ONE_SESSION)},
              "What each model cost in each interval.", NO_SESSION, unit=USD, bars=True),
        graph("Tokens by type", {"{{type}}": each_interval("claude_code_token_usage_tokens", "type", of=ONE_SESSION)},
              "Tokens in each interval.", NO_SESSION, bars=True),
        table("Tools", {
            "Calls": (count(events("tool_result", IN_SESSION), "tool_name, success"), NUMBER),
            "Time": (add_up(events("tool_result", IN_SESSION), "duration_ms", "tool_name, success"), MILLISECONDS),
        }, {"tool_name": "Tool", "success": "Success"}, "The tools that ran, and how long together.", NO_EVENTS)),
    row(
        traces("Its traces", '{ resource.service.name =~ "$service" && span."session.id" = "$session" }',
               "The session's traces. Under ostiary a session has one. Click one to see it below.", NO_TRACES,
               width=8, link="/d/ostiary-session?var-session=${session}&var-trace=${__value.raw}&${__url_time_range}"),
        trace("Trace", "$trace", "The trace that was clicked, or whose id is in the field Trace.",
              f"no trace is selected, or {NO_TRACES}"),
        height=14),
    variables=(SERVICE, TEAM, SESSION, TRACE))
