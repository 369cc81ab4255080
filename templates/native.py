"""Native code and memory, for work that stands in for a user's."""

from __future__ import annotations

_PIECE, _BLOCK = 2048, bytes(65_536)


def touched_memory(megabytes: float) -> bytearray:
    """Memory that is really there: every page of it has been written."""
    memory = bytearray(int(megabytes * 1024 * 1024))
    memory[::4096] = bytes(len(range(0, len(memory), 4096)))
    return memory


def hash_pieces(pieces: int, threads: int = 1) -> int:
    """Native code that releases the GIL: hashlib does from 2048 bytes on. As a library does that spreads it over threads."""
    if threads == 1:
        return _hash(pieces)
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(_hash, [pieces // threads + (part < pieces % threads) for part in range(threads)])) % 256


def _hash(pieces: int) -> int:
    """In blocks of 64 KB, and what is left in one: many small ones would mostly call."""
    import hashlib

    digest = hashlib.sha256()
    blocks, rest = divmod(pieces * _PIECE, len(_BLOCK))
    for _ in range(blocks):
        digest.update(_BLOCK)
    digest.update(_BLOCK[:rest])
    return digest.digest()[0] if pieces else 0
