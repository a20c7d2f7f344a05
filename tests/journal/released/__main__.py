"""Write the fixture of the format that the code at hand writes."""

from pathlib import Path
from tempfile import TemporaryDirectory

from tests.journal import released

with TemporaryDirectory() as folder:
    journal = Path(folder) / "journal.db"
    released.make(journal)
    released.fixture(released.current()).write_text(released.dump(journal), "utf-8")
