"""Whether generator and discriminator are a match for each other."""

from __future__ import annotations

from tintype.recipe.stages import DiscriminatorStage, GanStage

RUN_AWAY, COLLAPSED = 0.98, 0.52
"""Shares of patches told rightly: at 0.5 the discriminator guesses, at 1 it cannot be fooled."""
PATIENCE = 10
"""Reports of the log in a row that it takes to warn."""


class Balance:
    """Follows the share of patches that the discriminator tells rightly, report by report.

    `waits` says that the discriminator should stand still until the next report.
    """

    def __init__(self, stage: GanStage | DiscriminatorStage) -> None:
        self.stage = stage
        self.waits = False
        self._in_a_row = {"run away": 0, "collapsed": 0}

    def see(self, accuracy: float) -> str | None:
        """Take the accuracy of one more report; gives a warning where one is due."""
        stage = self.stage
        self.waits = isinstance(stage, GanStage) and accuracy > stage.d_waits_above
        for what, is_so in (("run away", accuracy > RUN_AWAY), ("collapsed", accuracy < COLLAPSED)):
            self._in_a_row[what] = self._in_a_row[what] + 1 if is_so else 0
            if self._in_a_row[what] == PATIENCE and isinstance(stage, GanStage):
                return self._warning(what, accuracy)
        return None

    def _warning(self, what: str, accuracy: float) -> str:
        key = f"stages.{self.stage.name}"
        advice = (
            f"hold it back with d_waits_above=0.85, d_every_steps=2, label_smoothing=0.1 or a "
            f"lower lr_d (--set {key}.lr_d={self.stage.lr_d / 2:g})"
            if what == "run away"
            else f"let it move faster (--set {key}.lr_d={self.stage.lr_d * 2:g}) or the generator "
            f"more slowly ({key}.lr_g)"
        )
        return f"The discriminator has {what}: it tells {accuracy:.0%} rightly; {advice}."

    def state_dict(self) -> dict[str, object]:
        """What `load_state_dict` takes."""
        return {"waits": self.waits, "in_a_row": dict(self._in_a_row)}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Go back to where `state_dict` was."""
        self.waits = bool(state["waits"])
        in_a_row = state["in_a_row"]
        assert isinstance(in_a_row, dict)
        self._in_a_row.update(in_a_row)
