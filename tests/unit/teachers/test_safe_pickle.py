"""Nothing that a file asks for is executed, and what it asks for is named."""

import io
import os
import pickle
import struct
import zipfile
from pathlib import Path

import pytest
import torch

from gancompress.errors import TeacherError, UnsafeFileError
from gancompress.teachers import pickle_machine
from gancompress.teachers.from_file import from_file
from gancompress.teachers.networks import module_tensors
from gancompress.teachers.persistence import PersistentObject, read_persistent
from gancompress.teachers.plain_builders import PLAIN_BUILDERS
from gancompress.teachers.safe_pickle import read_pickle
from gancompress.teachers.torch_file import ReadFile, read_torch_file
from tests.unit.teachers import hostile, published


def weights(file: ReadFile, network: object) -> dict[str, torch.Tensor]:
    claims = module_tensors(network, file.where)
    return {name: file.tensor(claim) for name, claim in claims.items()}


ATTACKS = [(attack, name) for name, attacks in hostile.PAYLOADS.items() for attack in attacks]


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("attack", "name"), ATTACKS, ids=lambda value: getattr(value, "__name__", "")
)
def test_payload_is_refused_by_name_and_not_executed(attack, name, tmp_path):  # type: ignore[no-untyped-def]
    path = write(tmp_path / "network.pkl", attack(tmp_path))
    for read in (from_file, read_persistent):
        with pytest.raises(UnsafeFileError, match=rf"network\.pkl.*{name}.*nothing.*executed"):
            read(path)
    assert not hostile.trace(tmp_path).exists()


@pytest.mark.parametrize("attack", [hostile.text_global, hostile.stack_global, hostile.evaluated])
def test_payloads_would_run_in_an_unpickler(attack, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    pickle.loads(attack(tmp_path))  # else the tests above would prove nothing
    assert hostile.trace(tmp_path).exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_payload_in_a_torch_file_is_refused(zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / "net_G.pth"
    payload = hostile.Calls(os.system, hostile.shell(tmp_path))
    torch.save({"a": payload}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UnsafeFileError, match=r"net_G\.pth.*posix\.system"):
        read_torch_file(path)
    assert not hostile.trace(tmp_path).exists()


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_network_is_read_as_a_record_and_its_source_is_dropped(
    protocol: int, tmp_path: Path
) -> None:
    weight = torch.randn(3, 4)
    content = published.dumps({"G_ema": published.network(weight=weight)}, protocol)
    path = write(tmp_path / "n.pkl", content)
    file = read_persistent(path)
    network = file.tree["G_ema"]
    assert isinstance(network, PersistentObject)
    assert network.class_name == "Generator"
    assert network.kwargs == {"z_dim": 4}
    assert "SystemExit" not in repr(network)
    assert torch.equal(weights(file, network)["weight"], weight)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_every_protocol_is_read(protocol: int) -> None:
    value = {"a": [1, -2, 2**70, 1.5, True, None], "b": ("text", {"x", "y"}), "c": b"\x00\xff"}
    builders = {"_codecs.encode": str.encode, "__builtin__.set": set, "builtins.set": set}
    stream = io.BytesIO(pickle.dumps(value, protocol))
    assert read_pickle(stream, "file", builders) == value


def test_storage_nested_as_a_zip_is_read(tmp_path: Path) -> None:
    inner = io.BytesIO()
    torch.save(torch.arange(4.0).storage(), inner)
    network = published.Persistent(
        "Generator", _parameters={"weight": hostile.Stored(inner.getvalue())}
    )
    path = write(tmp_path / "n.pkl", published.dumps(network))
    file = read_persistent(path)
    assert weights(file, file.tree)["weight"].tolist() == [0, 1, 2, 3]


def test_views_of_one_storage_stay_views_of_it(tmp_path: Path) -> None:
    base = torch.arange(6.0)
    tensors = {"whole": base, "middle": base[2:4], "columns": base.view(2, 3).T}
    path = write(tmp_path / "n.pkl", published.dumps(published.network(**tensors)))
    file = read_persistent(path)
    read = weights(file, file.tree)
    assert all(torch.equal(read[name], value) for name, value in tensors.items())


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_truncated_pickle_is_refused(share: float, tmp_path: Path) -> None:
    whole = published.dumps({"G_ema": published.network(weight=torch.zeros(64))})
    path = write(tmp_path / "n.pkl", whole[: max(1, int(share * len(whole)))])
    with pytest.raises(TeacherError, match=r"n\.pkl: truncated"):
        read_persistent(path)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.95])
def test_truncated_torch_file_is_refused(zipped: bool, share: float, tmp_path: Path) -> None:
    path = tmp_path / "net_G.pth"
    torch.save({"w": torch.zeros(500)}, path, _use_new_zipfile_serialization=zipped)
    write(path, path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(TeacherError, match=r"net_G\.pth.*(truncated|empty)"):
        read_torch_file(path)


def huge(shape: tuple[int, ...], stride: tuple[int, ...]) -> hostile.Calls:
    stored = torch.zeros(4).storage()
    return hostile.Calls(torch._utils._rebuild_tensor_v2, stored, 0, shape, stride, False, {})


@pytest.mark.parametrize("stride", [(1,), (0,)], ids=["beyond", "repeated"])
@pytest.mark.parametrize("form", ["zip", "legacy", "pickle"])
def test_shape_of_10_gigabytes_is_refused_before_allocation(
    form: str, stride: tuple[int, ...], tmp_path: Path
) -> None:
    path, claim = tmp_path / "n.pth", {"w": huge((2_500_000_000,), stride)}
    if form == "pickle":
        write(path, published.dumps(claim))
    else:
        torch.save(claim, path, _use_new_zipfile_serialization=form == "zip")
    read = read_persistent if form == "pickle" else read_torch_file
    with pytest.raises(TeacherError, match=r"_rebuild_tensor_v2.*10,000,000,000 bytes.*holds 16"):
        read(path)


@pytest.mark.parametrize("form", ["zip", "legacy", "nested"])
def test_storage_of_10_gigabytes_is_refused_before_allocation(form: str, tmp_path: Path) -> None:
    path = tmp_path / "n.pth"
    torch.save(torch.zeros(77), path, _use_new_zipfile_serialization=form == "zip")
    claimed = path.read_bytes().replace(b"K\x4d", b"J" + struct.pack("<i", 2**31 - 1), 1)
    if form == "zip":
        claimed = rezip(path, b"K\x4d", b"J" + struct.pack("<i", 2**31 - 1))
    if form == "nested":
        inner = io.BytesIO()
        torch.save(torch.zeros(77).storage(), inner, _use_new_zipfile_serialization=False)
        content = inner.getvalue().replace(b"K\x4d", b"J" + struct.pack("<i", 2**31 - 1), 1)
        claimed = published.dumps(hostile.Calls(torch.storage._load_from_bytes, content))
    write(path, claimed)
    with pytest.raises(TeacherError, match=r"claims 8,589,934,\d+ bytes.*holds"):
        (read_persistent if form == "nested" else read_torch_file)(path)


def rezip(path: Path, old: bytes, new: bytes) -> bytes:
    """The zip at ``path`` with ``old`` replaced in its pickle."""
    out = io.BytesIO()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(out, "w") as target:
        for info in source.infolist():
            content = source.read(info)
            if info.filename.endswith("data.pkl"):
                assert old in content
                content = content.replace(old, new)
            target.writestr(info.filename, content)
    return out.getvalue()


def test_compressed_zip_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "n.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("n/data.pkl", bytes(10_000_000))
    with pytest.raises(TeacherError, match="compressed"):
        read_torch_file(tmp_path / "n.pth")


@pytest.mark.parametrize(
    "content",
    [
        b"]" * 100_000 + b"a" * 99_999 + b".",
        b"(" * 100_000 + b"t" * 100_000 + b".",
        b")" + b"\x85" * 100_000 + b".",
        b"}" + b")" + b"\x85" * 100_000 + b"Ns.",
    ],
    ids=["lists", "marks", "tuples", "key"],
)
def test_deep_recursion_does_no_harm(content: bytes, tmp_path: Path) -> None:
    path = write(tmp_path / "n.pkl", content)
    with pytest.raises(TeacherError, match=r"nested more than|tuple as a key"):
        read_persistent(path)


# A list or a text of a thousand in the memo, and instructions that copy it again and again.
LIST, TEXT = b"](" + b"N" * 1000 + b"e", b"X" + (1000).to_bytes(4, "little") + b"x" * 1000
BOMBS = {
    "nothing": b"N0" * 5000 + b"N.",
    "containers": b"](" + b"]}\x8f" * 5000 + b"e.",
    "sets": LIST + b"q\x00](" + b"cbuiltins\nset\nh\x00\x85R" * 20 + b"e.",
    "bytes": TEXT + b"q\x00](" + b"c_codecs\nencode\nh\x00\x85R" * 3000 + b"e.",
    "states": b"}(" + b"".join(b"J" + i.to_bytes(4, "little") + b"N" for i in range(1000))
    + b"uq\x00cfoo\nBar\n)R(" + b"1" + b"h\x00N\x86b" * 20 + b".",
    "keywords": b"}(" + b"".join(b"J" + i.to_bytes(4, "little") + b"N" for i in range(1000))
    + b"uq\x00](" + b"cfoo\nBar\n)h\x00\x92" * 20 + b"e.",
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_instructions_and_what_they_copy_are_limited(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pickle_machine, "MOST_STEPS", 40_000)
    read_pickle(io.BytesIO(BOMBS[name]), "file", PLAIN_BUILDERS)
    monkeypatch.setattr(pickle_machine, "MOST_STEPS", 9_000)
    with pytest.raises(TeacherError, match=r"file: .*more than 9,000 instructions and copies"):
        read_pickle(io.BytesIO(BOMBS[name]), "file", PLAIN_BUILDERS)


def test_storages_share_the_allowance_of_their_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = io.BytesIO()
    torch.save(torch.arange(4.0).storage(), inner, _use_new_zipfile_serialization=False)
    stored = [hostile.Stored(inner.getvalue() + bytes(i)) for i in range(40)]
    path = write(tmp_path / "n.pkl", published.dumps(stored))
    assert len(read_persistent(path).tree) == 40
    monkeypatch.setattr(pickle_machine, "MOST_STEPS", 600)
    with pytest.raises(TeacherError, match="more than 600 instructions"):
        read_persistent(path)


def test_modules_that_multiply_by_the_memo_are_refused(tmp_path: Path) -> None:
    module = published.Persistent("Leaf", _modules={})
    for _ in range(60):  # each holds the one before it twice: 2^60 modules
        module = published.Persistent("Branch", _modules={"a": module, "b": module})
    path = write(tmp_path / "n.pkl", published.dumps(module))
    with pytest.raises(TeacherError, match="modules"):
        module_tensors(read_persistent(path).tree, "n.pkl")


def test_module_that_holds_itself_is_refused(tmp_path: Path) -> None:
    content = (
        b"}q\x000ctorch_utils.persistence\n_reconstruct_persistent_obj\n}(S'type'\nS'class'\n"
        b"S'class_name'\nS'Loop'\nS'state'\n}S'_modules'\nh\x00su\x85Rq\x01h\x00S'a'\nh\x01s0."
    )
    loop = read_persistent(write(tmp_path / "n.pkl", content)).tree
    assert loop.state["_modules"]["a"] is loop
    with pytest.raises(TeacherError, match="modules"):
        module_tensors(loop, "n.pkl")


@pytest.mark.parametrize(
    "call", ["numpy.dtype", "torch.device", "collections.OrderedDict", "torch.Size"]
)
def test_list_that_would_fill_the_memory_as_text_does_no_harm(call: str, tmp_path: Path) -> None:
    module, name = call.rsplit(".", 1)
    doubled = b"]q\x00" + b"".join(b"](h%ch%ceq%c0" % (i - 1, i - 1, i) for i in range(1, 100))
    content = doubled + f"c{module}\n{name}\n".encode() + b"h\x63\x85R."
    path = write(tmp_path / "n.pkl", content)
    with pytest.raises(TeacherError):
        from_file(path)


@pytest.mark.parametrize("numel", [2**63, 2**100_000], ids=["large", "huge"])
def test_numbers_beyond_any_tensor_are_refused(numel: int, tmp_path: Path) -> None:
    claim = hostile.Calls(torch.Size, [numel])
    path = write(tmp_path / "n.pkl", pickle.dumps(claim, 4))
    with pytest.raises(TeacherError, match=r"torch\.Size"):
        from_file(path)
