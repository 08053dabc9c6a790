"""Whether what was written and read could have happened one after the other (Herlihy and Wing's
linearizability), for sets that only grow: the lines of one stream. Values are unique."""

import threading
import time
from dataclasses import dataclass, field


@dataclass
class Add:
    """`end` is None for a write without an answer: it may have happened at any time, or never."""
    key: str
    value: str
    start: float
    end: float | None


@dataclass
class Read:
    key: str
    values: frozenset
    start: float
    end: float
    where: str = ""


@dataclass
class History:
    operations: list = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, key, value, write):
        """`write` says whether it was acknowledged."""
        start = time.monotonic()
        is_acknowledged = write()
        end = time.monotonic() if is_acknowledged else None
        with self.lock:
            self.operations.append(Add(key, value, start, end))

    def read(self, key, where, values):
        """`values` gives what was found, None when the answer says that it lacks something."""
        start = time.monotonic()
        found = values()
        if found is None:
            return
        with self.lock:
            self.operations.append(Read(key, frozenset(found), start, time.monotonic(), where))

    def problems(self):
        found = []
        for key in sorted({one.key for one in self.operations}):
            adds = [one for one in self.operations if isinstance(one, Add) and one.key == key]
            reads = [one for one in self.operations if isinstance(one, Read) and one.key == key]
            found += [f"{key}: {problem}" for problem in problems_of_set(adds, reads)]
        return found


def span(one):
    return f"{one.start:.3f} to {one.end:.3f}" if one.end is not None else f"{one.start:.3f} on"


def problems_of_set(adds, reads):
    """A set that only grows is linearizable when its reads form a chain, and neither they nor the
    writes contradict real time."""
    by_value = {add.value: add for add in adds}
    for read in reads:
        for value in read.values:
            if value not in by_value:
                yield f"{read.where} reads {value}, which nobody wrote"
            elif by_value[value].start > read.end:
                yield f"{read.where} reads {value} before it was written"
        for add in adds:
            if add.end is not None and add.end < read.start and add.value not in read.values:
                yield f"{read.where} does not read {add.value}, acknowledged before"
        for late in read.values & by_value.keys():
            for add in adds:
                if add.end is not None and add.end < by_value[late].start \
                        and add.value not in read.values:
                    yield f"{read.where} reads {late} without {add.value}, acknowledged before it"
    chain = sorted(reads, key=lambda read: len(read.values))
    for small, large in zip(chain, chain[1:]):
        if not small.values <= large.values:
            apart = small.values ^ large.values
            writes = [f"{add.value} ({span(add)})" for add in adds if add.value in apart]
            yield f"{small.where} ({span(small)}) and {large.where} ({span(large)}) read apart: " \
                f"{small.values - large.values}, {large.values - small.values}; {writes}"
    for first in reads:
        for second in reads:
            if first.end < second.start and not first.values <= second.values:
                lost = first.values - second.values
                yield f"{second.where} does not read {lost} any more, which {first.where} had"
