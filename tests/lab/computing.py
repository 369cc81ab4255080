"""Functions that compute, each with a known way of holding the GIL. Items beside them."""

import hashlib
import threading

BLOCKS = [bytes([number]) * 4_000_000 for number in range(1, 9)]
SMALL = [bytes([number]) * 1024 for number in range(1, 60)]
NUMBERS = list(range(3000, 3020))
LISTS = [[(number * 7919 + step * 104729) % 1000003 for step in range(20000)] for number in range(20)]
DIGITS = [10**6 + number for number in range(6)]


def loops(count):
    """Pure Python: about 0.1 ms for each 1000."""
    total = 0
    for step in range(count * 10):
        total += step * step % 7
    return total


def micro(number):
    """Less than a microsecond."""
    return number + 1


def large_blocks(block):
    """Native, without the GIL, some milliseconds."""
    return hashlib.sha256(block).hexdigest()


def small_blocks(block):
    """Native, but too short to let go of the GIL."""
    found = block
    for _ in range(300):
        found = hashlib.sha256(found + block).digest()
    return found


def native_hold(number):
    """One multiplication of large integers, which keeps the GIL for tens of milliseconds."""
    large = (1 << number) - 3
    return (large * large) & 0xFFFF


def sorts(numbers):
    """Sorts in place: changes its argument."""
    numbers.sort()
    return numbers[0]


def helpers(block):
    """Has two threads of its own compute."""
    found = []
    threads = [threading.Thread(target=lambda: found.append(hashlib.sha256(block).digest())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found[0]


def allocates(number):
    """Takes 100 MB for a while."""
    data = bytearray(100_000_000)
    for at in range(0, len(data), 4096):
        data[at] = number % 250 + 1
    return sum(data[::10_000_000])
