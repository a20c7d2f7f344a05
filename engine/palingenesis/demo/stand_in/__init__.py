"""A stand-in for OpenCode 1.18: the same server API, the same behaviour when things go wrong.

It holds conversations with a (scripted) provider over real HTTP, keeps them on disk, dies without
a word when it is killed, and never runs a command. It exists so that the demo and the tests work
where no OpenCode is installed; contract tests hold it against the real one.
"""
