"""Examples at the end of a command's help, as they are typed."""


def examples(*typed: str) -> str:
    """An epilog whose lines click leaves as they are; each is what comes after our name."""
    return "\b\nExamples:\n" + "".join(f"  palingenesis {line}\n" for line in typed)
