"""Different subnets on different processes."""

import socket
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from gancompress.supernet import Supernet

SUBNETS = ((8,), (16,))


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))


def inputs(rank: int) -> torch.Tensor:
    return torch.randn(5, 4, generator=torch.Generator().manual_seed(rank))


def work(_: int, rank: int, port: int, folder: str) -> None:
    address = f"tcp://127.0.0.1:{port}"
    dist.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
    parallel = DistributedDataParallel(Supernet(network(), inputs(0)))
    parallel(inputs(rank), subnet=SUBNETS[rank]).square().sum().backward()
    gradients = [p.grad for p in parallel.parameters()]
    torch.save(gradients, Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()


def test_gradients_of_different_subnets_are_averaged(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # The second process; the first is this one, which saves starting another.
    other = mp.start_processes(work, (1, port, str(tmp_path)), join=False, start_method="spawn")
    work(0, 0, port, str(tmp_path))
    other.join()
    supernet = Supernet(network(), inputs(0))
    for rank, subnet in enumerate(SUBNETS):
        (supernet(inputs(rank), subnet=subnet).square().sum() / 2).backward()
    expected = [p.grad for p in supernet.parameters()]
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        torch.testing.assert_close(found, expected)
