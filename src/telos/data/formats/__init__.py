"""Recordings in the formats of other projects, read one episode at a time.

`source` says what all of them look like; every other file knows one format.
"""

from telos.data.formats.source import Source as Source
from telos.data.formats.source import Wanted as Wanted
