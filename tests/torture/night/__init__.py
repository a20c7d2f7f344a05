"""Simulated nights: the real kernel, loop, dispatch and recovery, and everything else made up.

Theory of operation. A night is played in virtual time. The daemon's tasks run on an event loop of
our own (`virtual`), whose clock jumps; the assistant, its provider and the person live in a
`house` that is plain data, so that it can be kept and taken up again at any instant. Between the
two stand the `doors`: journal, clock, network, files, processes, channels, hooks and dice. Every
call of a door is a **boundary**, before and after. A night is played once through; then, for each
of its boundaries, the daemon dies there, is started again with what the journal holds, and the
night goes on to its end. `checker` reads what was left behind, the journal and the ledgers of the
house, and says which promise was broken. It knows nothing of the kernel.
"""
