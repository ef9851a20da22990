"""Numbers for people who read the output of a command."""


def bytes_text(number: float) -> str:
    """Return a number of bytes with three digits and a unit: `12.3 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 999.5:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:,.1f} TB"
