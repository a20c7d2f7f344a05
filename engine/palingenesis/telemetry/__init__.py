"""The journal seen as metrics, traces and logs, for those who watch many machines.

`catalogue` says which metrics there are, and what they are in a world; `exposition` writes them
for Prometheus. What leaves by OpenTelemetry is in `otlp`, the only place that knows that library.
"""
