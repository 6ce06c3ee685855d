"""HTML to the text of its main content.

An extractor is an edit whose definition, `extract`, runs in a supervised process (see `supervise`): a page that hangs the parser
is dropped as `timeout` after so many CPU seconds (not wall seconds, so a busy machine drops the same pages), one that kills it as
`crashed`, one it refuses as `failed`, and one without text as `empty`. The other pages go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from tamis.data.edit import Drop, Edit, Edited
from tamis.data.supervise import Lost, child_of


@dataclass(frozen=True)
class Extractor(Edit):
    """Base of extractors: define `extract`. `timeout` is in CPU seconds per page, `memory` in bytes of address space."""

    timeout: float = 10.0
    memory: int = 4 << 30

    def extract(self, html: str, /) -> str:
        """The definition: the HTML of a page to its text."""
        raise TypeError(f"{type(self).__name__} does not define extract")

    def edit(self, text: str, /) -> Edited:
        result = self.extract(text)
        return result if result.strip() else Drop("empty")

    def edit_batch(self, rows: pa.RecordBatch) -> list[Edited]:
        """`edit` for every row, in the supervised process."""
        results = child_of(self).run(_views(rows.column("text")))
        return [Drop(r.reason, r.evidence) if isinstance(r, Lost) else r if r.strip() else Drop("empty") for r in results]


@dataclass(frozen=True)
class Resiliparse(Extractor):
    """resiliparse (Bevendorff et al., ECIR 2018): the main content by rules on the DOM, as DCLM used it; or all text."""

    main_content: bool = True

    libraries: ClassVar[tuple[str, ...]] = ("resiliparse",)

    def extract(self, html: str, /) -> str:
        from resiliparse.extract.html2text import extract_plain_text

        return str(extract_plain_text(html, main_content=self.main_content))


def _views(texts: pa.Array) -> list[memoryview]:
    """The UTF-8 bytes of each value of a large_string array, without copies."""
    _, offsets, data = texts.buffers()
    ends = memoryview(offsets).cast("q")[texts.offset : texts.offset + len(texts) + 1]
    content = memoryview(data) if data is not None else memoryview(b"")
    return [content[ends[i] : ends[i + 1]] for i in range(len(texts))]
