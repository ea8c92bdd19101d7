"""Configuration: the codec, the `size` dial, digests, and safe JSON files."""

from telos.config.codec import Size as Size
from telos.config.codec import from_dict as from_dict
from telos.config.codec import to_dict as to_dict
from telos.config.files import atomic_write as atomic_write
from telos.config.files import digest as digest
from telos.config.files import file_digest as file_digest
from telos.config.files import jsonable as jsonable
from telos.config.files import load_json as load_json
from telos.config.files import remove_leftovers as remove_leftovers
from telos.config.files import save_json as save_json
