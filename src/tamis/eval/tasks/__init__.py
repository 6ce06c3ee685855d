"""Ready tasks, a file each.

Paths are those of MosaicML's evaluation files (llm-foundry, scripts/eval/local_data): give their folder as the data
root, or change the path with `dataclasses.replace(task, path=...)`. The files themselves are not part of tamis.
"""
