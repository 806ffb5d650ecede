"""The ways to run that are worth measuring on a task."""

from __future__ import annotations

from dataclasses import dataclass, replace

from surefoot.fleet.memory import activation_bytes
from surefoot.fleet.race import Candidate, Race
from surefoot.tasks.task import Task

# The likelier ones first.
WIDTHS = (16, 8, 32, 4, 64)
# Compiled, the overhead of an operation is small: members that do not fit into the cache slow it down.
FEWEST_COMPILED, MOST_COMPILED, CACHE_BYTES = 4, 16, 1.6e6
LOOP = Candidate(0, 1)


@dataclass(frozen=True, slots=True)
class Ways:
    """What a task, its members and the machine leave to choose from.

    Attributes:
        widths: Of the stacked program, the likelier ones first; none where the model cannot be stacked.
        share: Members that a process has at once, where all share them.
        processes: How many can share the members; 1 where none can be forked.
        threads: How many are worth trying.
    """

    widths: tuple[int, ...]
    share: int
    processes: int
    threads: int

    @classmethod
    def of(cls, *, members: int, most: int, processes: int, threads: int, stacks: bool) -> Ways:
        """Return the ways for so many members, where there is memory for ``most`` at once.

        Where processes can share the members, they use the cores better than the threads of one small program.
        """
        widths = dict.fromkeys(min(width, most) for width in WIDTHS if stacks)
        share = max(1, min(-(-members // processes), most // processes))
        return cls(tuple(widths), share, processes, threads)

    def in_one_process(self, *, widths: int = len(WIDTHS)) -> list[Candidate]:
        """Return the loop and some stacked widths; with more threads as well, stacked only where nothing is forked."""
        stacked = sorted({1} if self.processes > 1 else {1, self.threads})
        more = [replace(LOOP, threads=self.threads)] if self.threads > 1 else []
        return [LOOP, *(Candidate(width, count) for width in self.widths[:widths] for count in stacked), *more]

    def likeliest(self) -> list[Candidate]:
        """Return the loop, and what is probably fastest: the loop and two widths, in processes."""
        shared = dict.fromkeys(min(width, self.share) for width in self.widths[:2])
        return [LOOP, *(Candidate(width, 1, self.processes) for width in (0, *shared))]

    def on_every_core(self, race: Race) -> list[Candidate]:
        """Return the loop and the best width in processes, with the best so far to be measured in turn."""
        narrow = {at: cost for at, cost in race.costs_us.items() if at.width and at.threads == 1}
        widths = [0]
        if narrow:
            widths.append(min(min(narrow, key=lambda at: narrow[at]).width, self.share))
        return [race.winner(), *(Candidate(width, 1, self.processes) for width in widths)]

    def compiled(self, race: Race) -> list[Candidate]:
        """Return the best so far and its compiled kin, in one process and on every core: one program serves both."""
        stacked = [at for at in race.costs_us if at.width]
        best = min(stacked, key=lambda at: race.costs_us[at], default=Candidate(self.widths[0], 1))
        width = min(best.width, cached(race.task), self.share)
        alone = Candidate(width, best.threads if self.processes == 1 else 1, compiled=True)
        return [race.winner(), *dict.fromkeys([alone, replace(alone, processes=self.processes)])]


def cached(task: Task) -> int:
    """Return how many members' activations stay in a core's cache, a power of two."""
    fitting = max(1, int(CACHE_BYTES / max(1, activation_bytes(task))))
    return min(MOST_COMPILED, max(FEWEST_COMPILED, 1 << (fitting.bit_length() - 1)))
