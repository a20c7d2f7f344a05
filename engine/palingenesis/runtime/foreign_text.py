"""Text of others (titles, provider messages, paths) made harmless for terminals and notices."""


def plain(text: str, most: int = 200) -> str:
    """The text on one line, without escapes and without invisible or reversing characters.

    Args:
        text: what somebody else wrote.
        most: how many characters stay; a longer text ends in `…`.
    """
    if len(text) <= most and text.isprintable():
        return text  # as nearly every text is
    safe = "".join(
        letter if letter.isprintable() else " " if letter.isspace() else "\N{REPLACEMENT CHARACTER}"
        for letter in text[: most + 1]
    )
    return safe if len(text) <= most else f"{safe[: most - 1]}…"


def plain_lines(text: str, most: int) -> str:
    """The same, but line breaks stay; `most` counts the characters of all lines."""
    shown = text[:most].replace("\r\n", "\n")
    lines = [plain(line, most) for line in shown.split("\n")]
    return "\n".join(lines) + ("…" if len(text) > most else "")
