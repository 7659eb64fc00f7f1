"""A stand-in for the internet as Claude Code sees it: DNS, the API, collectors, and a host that no policy knows."""
