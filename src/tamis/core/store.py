"""Publish once, read, list, collect.

`<store>/<label>-<key12>/` appears by one rename after everything in it is synced; a reader trusts only a manifest whose full
key it asked for. Finished jobs wait in `work`, one folder a job, each published by a rename too, so an interrupted step goes
on where it stopped. Two processes may do the same job: the bytes are equal, the first rename wins, nobody waits for a lock.
Manifests hold no time, host or path.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from tamis.core import disk
from tamis.core.code import code_hash
from tamis.core.errors import TamisError
from tamis.core.key import is_foreign
from tamis.core.ledger import Ledger
from tamis.core.shard import Shard
from tamis.core.step import Operator, Published, Step

FORMAT = 1


@dataclass(frozen=True)
class Receipt:
    """What one job did: its shards, counts and facts."""

    job: str
    shards: tuple[Shard, ...]
    ledger: dict[str, Any]
    facts: dict[str, Any]

    def to_bytes(self) -> bytes:
        return encode({"job": self.job, "shards": [asdict(s) for s in self.shards], "ledger": self.ledger, "facts": self.facts})

    @classmethod
    def read(cls, directory: Path) -> Receipt | None:
        """The receipt of a finished job, or None."""
        try:
            value = json.loads((directory / "receipt.json").read_bytes())
        except FileNotFoundError:
            return None
        return cls(value["job"], tuple(Shard(**s) for s in value["shards"]), value["ledger"], value["facts"])


def encode(value: Any) -> bytes:
    """JSON with sorted keys: the same value gives the same bytes. NaN is refused."""
    return (json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def own_code(value: Any) -> dict[str, str]:
    """Class name -> code hash for tamis's own operators in a declaration, nested ones included (drift is judged by these)."""
    out: dict[str, str] = {}
    if isinstance(value, tuple | list):
        for item in value:
            out |= own_code(item)
    elif is_dataclass(value) and not getattr(value, "enters_as_input", False):
        cls = type(value)
        if hasattr(cls, "version") and not is_foreign(cls):
            out[cls.__qualname__] = code_hash(cls)
        for item in fields(value):
            out |= own_code(getattr(value, item.name))
    return dict(sorted(out.items()))


class Store:
    """A directory of published steps."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser().absolute()
        self._seen: dict[str, Published] = {}

    def directory(self, step: Step) -> Path:
        return self.path / step.directory

    def work(self, key: str) -> Path:
        return self.path / "work" / key[:12]

    def find(self, step: Step) -> Published | None:
        """The step if it is published, else None."""
        if step.key in self._seen:
            return self._seen[step.key]
        found = open_published(self.directory(step))
        if found is None:
            return None
        if found.key != step.key:
            raise TamisError(f"{found.path}: holds another step ({found.key[:16]}...); use another --store or delete it")
        self._seen[step.key] = found
        return found

    def get(self, step: Step) -> Published:
        """The published step; an error if it is not there."""
        found = self.find(step)
        if found is None:
            raise TamisError(f"{step.directory} is not in {self.path}: run it first")
        return found

    def drift(self, step: Step) -> list[str]:
        """Classes whose code differs from the code that made the published step, at the same version."""
        found = self.find(step)
        if found is None:
            return []
        now, then = own_code(step.op), found.manifest["code"]
        return [name for name in now if then.get(name) not in (None, now[name])]

    def publish(self, step: Step, receipts: Sequence[Receipt]) -> Published:
        """Make a step visible from its finished jobs, in job order, then forget its work directory."""
        op: Operator = step.op
        shards = [s for r in receipts for s in r.shards]
        if len({s.name for s in shards}) != len(shards):
            raise TamisError(f"{step.label}: two of its jobs wrote a file of the same name")
        ledger = Ledger.total(Ledger.from_json(r.ledger) for r in receipts)
        ledger.check(step.label)
        manifest = {
            "format": FORMAT,
            "key": step.key,
            "label": step.label,
            "kind": op.kind,
            "op": step.description,
            "code": own_code(op),
            "inputs": [s.key for s in step.inputs],
            "shards": [asdict(s) for s in shards],
            "ledger": ledger.to_json(),
            "facts": op.summary([r.facts for r in receipts]),
        }
        self.path.mkdir(parents=True, exist_ok=True)
        temporary = disk.temporary_dir(self.path, step.directory)
        work = self.work(step.key)
        for receipt in receipts:
            for item in receipt.shards:
                disk.link(work / receipt.job / item.name, temporary / item.name)
        disk.write_file(temporary / "manifest.json", encode(manifest), "manifest")
        disk.publish_dir(temporary, self.directory(step), "publish")
        shutil.rmtree(work, ignore_errors=True)
        return self.get(step)

    def published(self) -> list[Published]:
        """All published steps, by name."""
        if not self.path.is_dir():
            return []
        found = (open_published(p) for p in sorted(self.path.iterdir()) if not p.name.startswith(".") and p.name != "work")
        return [p for p in found if p is not None]

    def garbage(self, keep: Iterable[str]) -> list[Path]:
        """What `collect` would delete: steps whose key is not in `keep`, half-made copies, work of unpublished steps."""
        wanted = set(keep)
        out = [p.path for p in self.published() if p.key not in wanted]
        if self.path.is_dir():
            out += sorted(p for p in self.path.iterdir() if p.name.startswith(".") and p.is_dir())
            out += sorted(p for p in (self.path / "work").glob("*"))
        return out

    def collect(self, keep: Iterable[str]) -> list[Path]:
        """Delete everything that `garbage` lists."""
        out = self.garbage(keep)
        for path in out:
            shutil.rmtree(path)
        self._seen.clear()
        return out


def open_published(path: Path) -> Published | None:
    """A directory as a published step if its manifest is there, else None."""
    try:
        manifest = json.loads((path / "manifest.json").read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:
        raise TamisError(f"{path}: its manifest is not JSON; delete the folder and run again") from error
    if manifest.get("format") != FORMAT:
        raise TamisError(f"{path}: manifest format {manifest.get('format')} is not {FORMAT}; it was made by another tamis")
    return Published(path, manifest)


def folder_bytes(path: Path) -> int:
    """Size of the files below a folder."""
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
