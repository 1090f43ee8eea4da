"""The trace of a run for OpenTelemetry: spans folded from the events, sent when the run is over.

Importing this imports nothing of OpenTelemetry, and is itself done only where its variables ask for a trace.
"""
