"""HTML to the text of its main content.

An extractor is an edit whose definition, `extract`, runs in a supervised process (see `supervise`): a page that hangs the parser
is dropped as `timeout` after so many CPU seconds (not wall seconds, so a busy machine drops the same pages), one that kills it as
`crashed`, one it refuses as `failed`, and one without text as `empty`. The other pages go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import ClassVar

import pyarrow as pa

from tamis.core.errors import TamisError
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

    def prepare(self) -> None:
        """Load or compile what `extract` needs; called once per process, on no page's time."""

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


@dataclass(frozen=True)
class Article(Extractor):
    """Ours: blocks told apart by learned trees over a standard parser's tree (docs/extraction.md); as text or as Markdown.

    The version stands for the sha256 of the weights, which is checked before they are used.
    """

    markdown: bool = False

    libraries: ClassVar[tuple[str, ...]] = ("resiliparse",)

    def prepare(self) -> None:
        self.extract("<p>Kernels compile once.</p>")

    def extract(self, html: str, /) -> str:
        from tamis.data.extraction.article import extract

        return extract(html, self.markdown)


@dataclass(frozen=True)
class Trafilatura(Extractor):
    """trafilatura (Barbaresi, ACL 2021), an extra: by default called as FineWeb did (precision, no comments, repeated text out).

    trafilatura remembers text it has seen and would drop it from later pages; here every page begins with an empty memory, so a
    page's text depends on no other page.
    """

    timeout: float = 30.0
    precision: bool = True
    comments: bool = False
    deduplicate: bool = True

    libraries: ClassVar[tuple[str, ...]] = ("trafilatura", "lxml", "htmldate", "jusText", "lxml_html_clean")

    def __post_init__(self) -> None:
        missing = [name for name in ("trafilatura", "lxml_html_clean") if find_spec(name) is None]
        if missing:
            raise TamisError(f"Trafilatura needs {' and '.join(missing)}: pip install 'tamis[extract]'")

    def prepare(self) -> None:
        self.extract("<p>Imports take a second.</p>")

    def extract(self, html: str, /) -> str:
        import_module("trafilatura.deduplication").LRU_TEST.clear()
        text = import_module("trafilatura").extract(
            html, favor_precision=self.precision, include_comments=self.comments, deduplicate=self.deduplicate
        )
        return text or ""


def _views(texts: pa.Array) -> list[memoryview]:
    """The UTF-8 bytes of each value of a large_string array, without copies."""
    _, offsets, data = texts.buffers()
    ends = memoryview(offsets).cast("q")[texts.offset : texts.offset + len(texts) + 1]
    content = memoryview(data) if data is not None else memoryview(b"")
    return [content[ends[i] : ends[i + 1]] for i in range(len(texts))]
