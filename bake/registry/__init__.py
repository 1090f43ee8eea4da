"""Registries: the distribution protocol, who we are to them, and publishing as a whole.

From the outside in: `client` (async, what callers use), `pull` and `push` (images, built on it) · `reading`, `writing`
(the protocol, in worker threads) · `endpoint` (one registry: scheme, authorization, refusals) · `auth`, `credentials/`
· `http` (retries, redirects) · `transport`, `pools`, `request`, `trouble` (one exchange over urllib3) · `operation` (a
thread that can be stopped) · `hosts`, `patience`, `problems`, `publication` (values). What imports urllib3 is itself
imported by the first request.
"""
