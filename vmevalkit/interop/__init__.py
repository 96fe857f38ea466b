"""Other benchmarks and tools: one file a format, which reads their questions, videos and scores, or writes them.

Nothing is downloaded: the user names a folder or a file. Files of others are hostile until they are checked
(`SourceFolder`).
"""

from vmevalkit.interop._export import export
from vmevalkit.interop._folder import SourceFolder
from vmevalkit.interop._import import Imported, import_
from vmevalkit.interop.base import (
    FORMATS,
    Exporter,
    ForeignQuestion,
    ForeignScore,
    ForeignVideo,
    Format,
    Importer,
    Unreadable,
    each,
    register_format,
)

__all__ = [
    "FORMATS",
    "Exporter",
    "ForeignQuestion",
    "ForeignScore",
    "ForeignVideo",
    "Format",
    "Imported",
    "Importer",
    "SourceFolder",
    "Unreadable",
    "each",
    "export",
    "import_",
    "register_format",
]
