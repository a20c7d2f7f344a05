"""The typical world: what many nights are drawn from when no scenario is named.

Three sessions of one account, a window of five hours that they share, a provider with bad moments,
a network and a server that sometimes fail, and a person who is asleep. The rates are a guess from
the field, not a measurement: what counts is how two policies compare in it.
"""

from typing import Final

TYPICAL: Final = """\
version: 1
about: Three sessions of one account, through a night like many.
world:
  at: 2026-02-05T22:30:00Z
  until: "07:30"
  sessions:
    - id: api
      work: {steps: 24}
      context: 200k
      turn: {takes: 5m..14m, tokens: 40k..120k, grows: 4k..14k}
      pauses: 8%
    - id: docs
      work: {steps: 14}
      turn: {takes: 5m..14m, tokens: 30k..80k}
      pauses: 5%
    - id: bugs
      model: openai/gpt-5.2
      turns: 60
      turn: {takes: 4m..12m, tokens: 20k..70k}
  limits:
    - {models: anthropic/*, tokens: 4M, per: 5h, used: 40%, used-for: 2h}
    - {models: openai/*, requests: 14, per: 1h}
  failures:
    - {what: overloaded, per-hour: 0.1, lasts: 5s..1m}
    - {what: network, per-hour: 0.05, lasts: 5s..6m}
    - {what: server_error, per-hour: 0.06, lasts: 2s..40s}
    - {what: timeout, per-hour: 0.1}
    - {what: output_limit, per-hour: 0.05}
    - {what: silence, per-hour: 0.04}
    - {what: crash, per-hour: 0.08}
    - {what: question, per-hour: 0.02, text: "Which of the two shall I take?"}
    - {what: unknown, per-hour: 0.01, message: "something went wrong"}
  person: {sleeps: 23:30..07:00, answers: 10m}
"""
