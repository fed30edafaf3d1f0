"""Tensors of passes that wait, put into files where they do not fit into memory.

A pass that is stopped at a layer holds its maps in the frames of the functions that it is in the
midst of. They cannot be taken from there; but the memory of a tensor can be, and given back before
the pass goes on. So any number of batches is solved on with the memory of a few, and with the same
weights to the bit.
"""

import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import torch
from torch import Tensor, UntypedStorage
from torch.utils._pytree import tree_leaves

# Bytes below which a tensor stays where it is.
LEAST = 4096
# Bytes that are copied at once.
AT_ONCE = 1 << 24


class Parking:
    """What the passes over all batches may hold in memory: about ``memory`` bytes.

    Batches are visited in turn, so the first ones stay: whoever has just been visited leaves when
    there is too much.
    """

    def __init__(self, memory: float, batches: int) -> None:
        self._memory = memory
        self.lots = [Lot(self) for _ in range(batches)]
        # Of memory that several batches use.
        self.shared: set[int] = set()

    @contextmanager
    def at_hand(self, number: int) -> Iterator[None]:
        """Have everything of one batch in memory meanwhile."""
        self.lots[number].take_back()
        yield
        if sum(lot.size() for lot in self.lots) > self._memory:
            self.lots[number].park()

    def close(self) -> None:
        for lot in self.lots:
            lot.close()


class Lot:
    """Tensors that the passes of one batch made and still hold."""

    def __init__(self, parking: Parking) -> None:
        self._parking = parking
        self._made: list[weakref.ref[Tensor]] = []
        self._parked: list[tuple[UntypedStorage, int]] = []
        self._file: IO[bytes] | None = None

    def meet(self, given: Any) -> None:
        """Bring everything back if this pass is given what another one made (a cache of the
        module's), and leave that in memory from now on."""
        for tensor in _tensors(given):
            if tensor.numel() and not tensor.untyped_storage().nbytes():
                for lot in self._parking.lots:
                    lot.take_back()
                self._parking.shared.add(tensor.untyped_storage().data_ptr())

    def note(self, given: Any, out: Any) -> None:
        """Remember what a function made: nothing that shares memory with what it was given (parts
        of inputs and of parameters), unless that was made here as well."""
        made = [t for t in _tensors(out) if t.untyped_storage().nbytes() >= LEAST]
        if made:
            own = self._storages()
            foreign = {t.untyped_storage().data_ptr() for t in _tensors(given)} - own.keys()
            fresh = (t for t in made if t.untyped_storage().data_ptr() not in foreign)
            self._made += [weakref.ref(tensor) for tensor in fresh]

    def size(self) -> int:
        """Bytes in memory."""
        return sum(storage.nbytes() for storage in self._storages().values())

    def park(self) -> None:
        """Put everything into a file."""
        if self._parked:
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as this)
        self._file.seek(0)
        for place, storage in self._storages().items():
            if place not in self._parking.shared and storage.resizable():
                for part in _parts(storage):
                    # A copy: memory that numpy has seen cannot be given back.
                    self._file.write(part.clone().cpu().numpy().data)
                self._parked.append((storage, storage.nbytes()))
        for storage, _ in self._parked:
            storage.resize_(0)

    def take_back(self) -> None:
        """Bring everything back."""
        if self._file is None or not self._parked:
            return
        self._file.seek(0)
        for storage, size in self._parked:
            storage.resize_(size)
            for part in _parts(storage):
                read = bytearray(self._file.read(len(part)))
                part.copy_(torch.frombuffer(read, dtype=torch.uint8))
        self._parked.clear()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _storages(self) -> dict[int, UntypedStorage]:
        """Memory that is held, by its place."""
        alive = [(ref, tensor) for ref in self._made if (tensor := ref()) is not None]
        self._made = [ref for ref, _ in alive]
        storages = (tensor.untyped_storage() for _, tensor in alive)
        return {storage.data_ptr(): storage for storage in storages if storage.nbytes()}


def _tensors(tree: Any) -> Iterator[Tensor]:
    for leaf in tree_leaves(tree):
        if isinstance(leaf, Tensor) and leaf.layout == torch.strided and leaf.device.type != "meta":
            yield leaf


def _parts(storage: UntypedStorage) -> Iterator[Tensor]:
    """A storage as numbers, part by part."""
    whole = torch.empty(0, dtype=torch.uint8, device=storage.device).set_(storage)
    for start in range(0, len(whole), AT_ONCE):
        yield whole[start : start + AT_ONCE]
