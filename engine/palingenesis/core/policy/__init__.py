"""The policy language: read, check, compile, decide, explain.

`compile.compile_text` turns a file into a policy; `build.build` makes one from its resolved form
without YAML; `decide.decide` finds the rule; `explain.explain` tells how.
"""
