"""A contest: the recommended arm against one rival by time, as measured and as it may be on a quiet machine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import comb

from selector.benchmark.stats import ENOUGH, Interval
from selector.validation.case import worth_it
from selector.validation.evidence import ENOUGH_RUNS, HARNESS_COST, MOST_NOISE, ArmResult, Evidence

_SAME_AT_MOST = 0.1  # of arms that ran often: more of a difference, beyond their own scatter, is one
_ALIKE = 0.75  # of what others may have cost one arm, it most likely cost both
_BY_CHANCE = (
    0.025  # that all runs of one arm are faster than all of the other where both are the same: less is no chance
)
_CLEAR = 2.0  # times as long in every run: that much is no accident, even where one of the two ran only once


@dataclass(frozen=True, eq=False)
class Contest:
    """The recommended arm against a rival: `ratio` is its time over the rival's, so above 1 the rival is faster."""

    evidence: Evidence
    recommended: ArmResult
    rival: ArmResult

    @cached_property
    def ratio(self) -> Interval:
        """How many times as long the recommended arm took as the rival."""
        return self.evidence.ratio(self.recommended, self.rival)

    @property
    def inverse(self) -> Interval:
        """How many times as long the rival took."""
        return Interval(1 / self.ratio.high, 1 / self.ratio.mid, 1 / self.ratio.low)

    @property
    def often(self) -> bool:
        """Whether both ran so often that the range of their ratio has the noise in it, on a host that is not wild."""
        runs = min(len(self.recommended.samples), len(self.rival.samples))
        return runs >= ENOUGH and self.evidence.reckoned_noise <= MOST_NOISE

    @property
    def same_within(self) -> float:
        """Up to what difference the two count as equally fast, however sure that difference is."""
        return min(self.evidence.same_within, _SAME_AT_MOST) if self.often else self.evidence.same_within

    @property
    def lost(self) -> bool:
        """Whether the rival is faster beyond the noise."""
        return self.ratio.low > 1 and self.ratio.mid > 1 + self.same_within

    @property
    def won(self) -> bool:
        """Whether the recommended arm is faster beyond the noise."""
        if self.always_ahead:
            return self.ratio.mid < 1 / (1 + min(self.same_within, _SAME_AT_MOST))
        return self.ratio.high < 1 and self.ratio.mid < 1 / (1 + self.same_within)

    @property
    def tied(self) -> bool:
        """Whether neither is faster beyond the noise."""
        return not self.lost and not self.won

    @property
    def rival_is_simpler(self) -> bool:
        """Whether the rival is simpler: less effort to get to from what runs today, or as much and first in the order."""
        return self.rival.place < self.recommended.place

    @property
    def refutes(self) -> bool:
        """Whether the rival should have been recommended."""
        return self.lost and (self.rival_is_simpler or self._worth_it(self.ratio.mid))

    @cached_property
    def possible(self) -> Interval:
        """What the ratio may be on a machine where nobody else runs: what others may have cost either, and the noise.

        Of arms that ran often the interval has the noise in it, but for what being measured costs one and not the other.
        """
        noise = 1 + (HARNESS_COST if self.often else self.evidence.reckoned_noise)
        low, mid, high = self.ratio
        ours, theirs = self._alone
        return Interval(min(low, mid / noise) * ours, mid, max(high, mid * noise) / theirs)

    @cached_property
    def _alone(self) -> tuple[float, float]:
        """The shares of its time that either may take where nobody else runs.

        After many runs in turn, what others cost one arm, such as the server that both ask, most likely cost the other too.
        """
        ours, theirs = self.recommended.held_back, self.rival.held_back
        if self.often:
            ours, theirs = max(0.0, ours - _ALIKE * theirs), max(0.0, theirs - _ALIKE * ours)
        return max(1e-3, 1 - ours), max(1e-3, 1 - theirs)

    @property
    def always_ahead(self) -> bool:
        """Whether each run of the recommended arm was faster than every run of the rival, and that so often that it is no chance.

        Of so many runs in any order chance puts those of one arm first once in as many ways as they can be chosen.
        """
        ours, theirs = self.recommended.samples, self.rival.samples
        return max(ours) < min(theirs) and 1 / comb(len(ours) + len(theirs), len(ours)) <= _BY_CHANCE

    @property
    def enough_runs(self) -> bool:
        """Whether both ran often enough to tell which is faster."""
        runs = sorted((len(self.recommended.samples), len(self.rival.samples)))
        slow, fast = sorted((self.recommended, self.rival), key=lambda r: -r.seconds)
        clear = min(slow.samples) >= _CLEAR * max(fast.samples) and sum(runs) >= ENOUGH_RUNS
        return runs[0] >= ENOUGH_RUNS or clear

    @property
    def surely_refutes(self) -> bool:
        """Whether it refutes, whatever others may have cost the recommended arm."""
        ours, _ = self._alone
        mid = self.ratio.mid * ours
        far = self.ratio.low * ours > 1 and mid > 1 + self.same_within
        return self.refutes and far and (self.rival_is_simpler or self._worth_it(mid))

    @property
    def may_refute(self) -> bool:
        """Whether a rival that does not refute might do so where nobody else runs, or with more runs."""
        if self.rival.ruled_out and not self.recommended.ruled_out:
            return False  # however fast
        _, theirs = self._alone
        if self.lost:  # by too little to matter, which others may have hidden
            return self._worth_it(self.ratio.mid / theirs)
        if self.always_ahead:
            return self._worth_it(1 / theirs)
        if self.won:
            return self._worth_it(self.ratio.high / theirs)
        undecided = self.ratio.mid / theirs if self.often else self.possible.high
        return self._worth_it(undecided)  # a range that goes both ways after many runs is a tie

    @property
    def may_turn_a_tie(self) -> bool:
        """Whether the recommended arm, which seems tied with a simpler one, may be faster by so much that it counts."""
        ours, _ = self._alone
        undecided = self.ratio.mid * ours if self.often else self.possible.low
        return self.tied and self.rival_is_simpler and self._worth_it(1 / undecided)

    def at_full_size(self) -> Contest:
        """The contest with the times that all tasks would take, where fewer ran."""
        ours, theirs = (replace(r, samples=r.whole) for r in (self.recommended, self.rival))
        return Contest(self.evidence, ours, theirs)

    def _worth_it(self, speedup: float) -> bool:
        return worth_it(self.evidence.case.band(speedup, self.recommended.arm, self.rival.arm))
