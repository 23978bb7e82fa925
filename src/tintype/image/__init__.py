"""`Photo`: a picture opened lazily, its light, and color joined to it. The only user of libvips.

`photo.py` is what others see; `source.py` reads a picture anew for every pass over it, `parts.py`
takes it apart, `join.py` puts color to its light a few rows at a time, `stream.py` gives those rows
back to libvips, `metadata.py` says what a file says of itself.
"""

from tintype.formats import is_picture
from tintype.image.photo import Photo, working_size
from tintype.image.vips import block_untrusted

__all__ = ["Photo", "block_untrusted", "is_picture", "working_size"]
