"""A network that adapts and the teacher that holds its details, as one layer; and how the two shall go on."""

from __future__ import annotations

from dataclasses import dataclass

import paddle

from matting.models.base import MattingModel

TEACHERS = ("epoch", "average")

_NORMS = (paddle.nn.BatchNorm2D, paddle.nn.BatchNorm, paddle.nn.SyncBatchNorm)


@dataclass(frozen=True)
class Adaptation:
    """How to adapt.

    Attributes:
        epochs: times through the photographs.
        batch_size: photographs a step.
        learning_rate: of Adam.
        teacher: "epoch" copies the network to the teacher after each epoch, as the authors do; "average" lets it
            follow by a moving average. Differs: theirs has no average.
        momentum: of that average.
        patience: epochs in a row in which the held-out inconsistency may rise; then it stops.
        size: [width, height] of the pictures; multiples of 32.
        labelled: score the configuration's validation set as well, at the start and after each epoch.
    """

    epochs: int = 10
    batch_size: int = 1
    learning_rate: float = 1e-5
    teacher: str = "epoch"
    momentum: float = 0.99
    patience: int = 2
    size: tuple[int, int] = (512, 512)
    labelled: bool = False


class Adapting(MattingModel):
    """A student and its teacher as one network, so that one checkpoint holds both.

    Norms keep their statistics in training (the authors' `freeze`); the student alone learns.

    Args:
        student, teacher: two networks of the same trained weights.
        how: when the teacher follows.
        steps_per_epoch: for the teacher of "epoch".
    """

    def __init__(
        self, student: paddle.nn.Layer, teacher: paddle.nn.Layer, how: Adaptation, steps_per_epoch: int
    ) -> None:
        super().__init__()
        self.student, self.teacher = student, teacher
        self.stride = student.stride
        self._how, self._per_epoch = how, steps_per_epoch
        for parameter in teacher.parameters():
            parameter.stop_gradient = True

    def train(self) -> None:
        """Go into training mode, but for the norms."""
        super().train()
        for layer in self.sublayers():
            if isinstance(layer, _NORMS):
                layer.eval()

    def forward(self, image: paddle.Tensor) -> dict[str, paddle.Tensor]:
        """Return the student's outputs, and while training the teacher's `teacher_alpha` and `teacher_detail`."""
        if not self.training:
            return self.student(image)
        with paddle.no_grad():
            taught = self.teacher(image)
        return {**self.student(image), "teacher_alpha": taught["alpha"], "teacher_detail": taught["detail"]}

    def follow(self, step: int) -> None:
        """Have the teacher follow, where it is due before this step, counted from 0."""
        if self._how.teacher == "average" and step:
            for kept, new in zip(self.teacher.parameters(), self.student.parameters(), strict=True):
                kept.set_value(self._how.momentum * kept + (1 - self._how.momentum) * new)
        elif self._how.teacher == "epoch" and step and step % self._per_epoch == 0:
            self.teacher.set_state_dict(self.student.state_dict())
