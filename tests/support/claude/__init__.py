"""A stand-in for the Internet as Claude Code sees it: DNS, the API, collectors, and a host that
no policy allows."""
