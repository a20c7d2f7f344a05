"""Real daemons that are killed at numbered boundaries, in nights that others live through.

A *night* is a script: what the provider answers and what the person does. A *stage* is where
nights are played: a home, a stand-in OpenCode, a provider, a webhook's receiving end. A *plan* says
at which boundary the daemon dies, and whether it dies once more while it recovers.
"""
