"""Black-and-white photographs in, believable color out."""
__version__ = "0.1.0"
