"""One step of a distillation: subnets learn from the teacher, and the discriminator from both."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import AveragedModel

from gancompress.batch import Batch, rows
from gancompress.distillation.batch import (
    ConditionedImages,
    StepBatch,
    SubnetOutput,
    joined,
    perturbed_latents,
    shares,
)
from gancompress.distillation.data import DistillData
from gancompress.distillation.discriminator import DiscriminatorTraining
from gancompress.distillation.features import FeatureProvider
from gancompress.distillation.objective import Objective
from gancompress.distillation.options import DistillOptions
from gancompress.distillation.sampling import SubnetSampler, kind_of
from gancompress.distillation.terms.term import (
    DiscriminatorInputs,
    DiscriminatorReference,
    LossInputs,
)
from gancompress.distillation.warnings import gradient_norms, spread
from gancompress.metrics.tapped import tapped
from gancompress.supernet import Subnet, Supernet
from gancompress.training.optimise import (
    average_buffers,
    average_gradients,
    everywhere,
    frozen,
    optimizer_step,
    update_ema,
)

# Steps between two measurements of the gradient norm of each term at the output.
GRADIENT_NORMS_EVERY = 100


@dataclass(frozen=True, kw_only=True)
class Update:
    """One step under way: its number, its subnets, its terms and their weights, its losses so far.

    ``uses_real``: a term compares the student's images with real ones.
    """

    step: int
    subnets: Sequence[Subnet]
    weights: Mapping[str, float]
    uses_real: bool
    losses: dict[str, list[Tensor]]

    def log(self, found: Mapping[str, Tensor]) -> None:
        """Add values that are averaged over the microbatches."""
        for name, value in found.items():
            self.losses[name].append(value.detach())


@dataclass(frozen=True, kw_only=True)
class DistillStep:
    """What a step works with; ``step(number, rng)`` does one and returns its losses by name.

    Attributes:
        supernet: is trained by ``optimizer``; ``average`` is the moving average of its weights.
        data: of the training; ``read`` gives the batch of a step by its number.
        objective: what the student is trained for.
        features: computes the maps of its feature terms.
        discriminator: where a term needs one.
        sampler: chooses the subnets.
        schedules: the learning-rate schedules of both optimizers.
        warn: takes a step and a line of text.
    """

    supernet: Supernet
    data: DistillData
    read: Callable[[int], StepBatch]
    objective: Objective
    features: FeatureProvider
    discriminator: DiscriminatorTraining | None
    sampler: SubnetSampler
    optimizer: torch.optim.Optimizer
    schedules: Sequence[LRScheduler]
    average: AveragedModel
    warn: Callable[[int, str], None]

    def __call__(self, step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        # Choose the subnets and the weights of the loss terms.
        weights = self.objective.weights_at(step, self.data.progress(step, self.options.steps))
        update = Update(
            step=step,
            subnets=self.sampler(step, rng),
            weights=weights,
            uses_real=bool(self.objective.needing("real_images", weights)),
            losses=defaultdict(list),
        )

        # Read the batch.
        batch = self.read(step)
        if self.objective.needing("perturbed_latents", weights):
            perturbed = perturbed_latents(batch.inputs, dict(self.data.inputs))
            batch = replace(batch, perturbed=perturbed)

        # Update both networks. A value that is not finite would stay in running statistics forever.
        if everywhere(batch.finite, self.data.accelerator.device):
            self._update(update, batch)
        else:
            self.warn(step, f"the batch of step {step} holds values that are not finite; left out")
        for schedule in self.schedules:
            schedule.step()
        return {name: torch.stack(values).mean() for name, values in update.losses.items()}

    def _update(self, update: Update, batch: StepBatch) -> None:
        scaler = self.data.accelerator.scaler
        for microbatch in batch.microbatches(self.options.accumulate):
            # Run every subnet on the same inputs.
            outputs = self._forward(update, microbatch)

            # Gradients of the discriminator as it is before either side moves, so that its pass
            # over the teacher's images serves the student as well.
            teacher_maps: list[Tensor] = []
            if self.discriminator is not None:
                microbatch = self.discriminator.with_widths(microbatch, update.subnets)
                outputs, teacher_maps = self._discriminator_gradients(update, microbatch, outputs)

            # Gradients of the student, from every subnet.
            self._student_gradients(update, microbatch, outputs, teacher_maps)

        # Update the student and its moving average.
        average_gradients(self._parameters)
        average_buffers(self.supernet.module)
        norm = optimizer_step(self.optimizer, clip=self.options.clip, scaler=scaler)
        update.log({"gradient": norm})
        update_ema(self.average, self.supernet.module)

        # Update the discriminator.
        if self.discriminator is not None:
            self.discriminator.update()
        if scaler is not None:
            scaler.update()

    @property
    def options(self) -> DistillOptions:
        """Of the training."""
        return self.data.options

    @property
    def _parameters(self) -> list[nn.Parameter]:
        """The student's parameters, and those of its adapters."""
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    def _forward(self, update: Update, batch: StepBatch) -> list[SubnetOutput]:
        """Outputs and feature maps of every subnet, and a share each of the unpaired images."""
        autocast, subnets = self.data.accelerator.autocast, update.subnets

        # The inputs of the pairs.
        outputs: list[SubnetOutput] = []
        modules = self.features.student_modules(update.weights)
        for subnet in subnets:
            with autocast(), tapped(self.supernet.module, modules) as maps:
                images = self.supernet(**batch.inputs, subnet=subnet)
            outputs.append(self._output(subnet, images, batch.teacher.conditions, maps))

        # Inputs without a teacher's output, which need no gradient where no term uses them.
        if batch.unpaired is not None:
            # Processes have consecutive stretches of them.
            cuts = shares(len(subnets), offset=self.data.rank * self.data.batch_size)
            with autocast(), torch.set_grad_enabled(update.uses_real):
                for index, (subnet, cut) in enumerate(zip(subnets, cuts, strict=True)):
                    inputs = rows(batch.unpaired, cut)
                    images = self.supernet(**inputs, subnet=subnet)
                    made = self._output(subnet, images, self.data.conditions(inputs), {})
                    outputs[index] = replace(outputs[index], unpaired=made.images)

        # The inputs of the pairs with perturbed latents.
        if batch.perturbed is not None:
            names = self.objective.needing("perturbed_latents", update.weights)
            modules = self.features.student_modules(names)
            for index, subnet in enumerate(subnets):
                with autocast(), tapped(self.supernet.module, modules) as maps:
                    self.supernet(**batch.perturbed, subnet=subnet)
                outputs[index] = replace(outputs[index], perturbed_maps=maps)
        return outputs

    def _output(
        self, subnet: Subnet, images: Tensor, conditions: Batch, maps: Mapping[str, Tensor]
    ) -> SubnetOutput:
        made = ConditionedImages(images, conditions)
        if self.discriminator is not None:
            made = self.discriminator.with_widths_of(subnet, made)
        return SubnetOutput(images=made, maps=maps)

    def _discriminator_gradients(
        self, update: Update, batch: StepBatch, outputs: list[SubnetOutput]
    ) -> tuple[list[SubnetOutput], list[Tensor]]:
        """Let the discriminator learn from a share of each subnet's images, as many as a batch.

        Returns:
            ``outputs``, with its output for the images where it is given all of them; and its maps
            of the teacher's images.
        """
        assert self.discriminator is not None
        if len(outputs) == 1:
            # One pass serves both sides.
            with self.data.accelerator.autocast():
                known = self.discriminator(outputs[0].images)
            outputs = [replace(outputs[0], discriminator=known)]
        cuts = self.discriminator.cuts(len(outputs))
        student = joined([one.images.rows(cut) for one, cut in zip(outputs, cuts, strict=True)])
        unpaired = [one.unpaired for one in outputs if one.unpaired is not None]
        losses, teacher_maps = self.discriminator.add_gradients(
            update.step,
            batch,
            student,
            joined(unpaired) if unpaired else None,
            outputs[0].discriminator,
        )
        update.log(losses)
        return outputs, teacher_maps

    def _student_gradients(
        self,
        update: Update,
        batch: StepBatch,
        outputs: Sequence[SubnetOutput],
        teacher_maps: list[Tensor],
    ) -> None:
        """Add the gradients of every subnet's loss on one microbatch."""
        options, accelerator, space = self.options, self.data.accelerator, self.supernet.space
        largest = outputs[0].images.images.detach()
        loss_of_largest = torch.zeros(())
        with torch.no_grad(), accelerator.autocast():
            reference = None
            if self.discriminator is not None:
                reference = self.discriminator.reference(batch, teacher_maps, update.uses_real)
            inside_teacher = self.features.of_teacher(update.weights, batch)
        for index, (subnet, output) in enumerate(zip(update.subnets, outputs, strict=True)):
            # The weighted sum of the loss terms.
            inputs = LossInputs(
                student=output.images.images,
                teacher=batch.teacher.images,
                largest=largest if index and update.subnets[0] == space.largest else None,
                in_place=options.in_place,
            )
            with accelerator.autocast():
                inputs = replace(inputs, discriminator=self._judged(update, output, reference))
                maps = self.features.compared(
                    update.weights, output.images.images, output.maps, output.perturbed_maps,
                    inside_teacher,
                )  # fmt: skip
                losses = self.objective.losses(update.weights, inputs, maps)
                weighted = {name: update.weights[name] * x for name, x in losses.items()}
                total = torch.stack(list(weighted.values())).sum()
            if index == 0 and update.step % GRADIENT_NORMS_EVERY == 0:
                update.log(gradient_norms(weighted, inputs.student))

            # What the sampler learns from it.
            if self.sampler.loss_model is not None:
                loss = self.objective.own_loss(weighted)
                if index:
                    self.sampler.loss_model.observe(subnet, loss - loss_of_largest)
                else:
                    loss_of_largest = loss

            # Gradients of the student alone: the graph leads to the discriminator as well.
            count = len(update.subnets) * options.accumulate
            accelerator.backward(total / count, inputs=self._parameters)
            kind = kind_of(subnet, space)
            update.log({f"{name}.{kind}": loss for name, loss in losses.items()})
            if kind != "other":
                update.log({f"spread.{kind}": spread(inputs.student, inputs.teacher)})

    def _judged(
        self, update: Update, output: SubnetOutput, reference: DiscriminatorReference | None
    ) -> DiscriminatorInputs | None:
        """What the discriminator makes of one subnet's images; it keeps no gradients of it."""
        if self.discriminator is None or reference is None:
            return None
        with frozen(self.discriminator.network):
            known = output.discriminator or self.discriminator(output.images)
            unpaired = None
            if update.uses_real:
                other = output.unpaired
                unpaired = self.discriminator(other).logits if other else known.logits
        return DiscriminatorInputs(
            loss=self.options.adversarial,
            student=known,
            teacher=reference,
            unpaired_logits=unpaired,
        )
