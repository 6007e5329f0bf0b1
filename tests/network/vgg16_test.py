"""The published VGG16 weights: reading, converting, fetching, and the converter's command."""

import hashlib
import os
import runpy
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from brainfcn_jax.errors import OutputError, WeightsError
from brainfcn_jax.network import model_file, vgg16
from brainfcn_jax.network.fcn import backbone_layers, parameter_shapes
from brainfcn_jax.network.parameters import Parameters

ROOT = Path(__file__).parents[2]
VGG16 = os.environ.get("BRAINFCN_VGG16", "")
needs_vgg16 = pytest.mark.skipif(not VGG16, reason="BRAINFCN_VGG16 names no file")


def assert_same_parameters(found: Parameters, expected: Parameters) -> None:
    assert {k: set(v) for k, v in found.items()} == {k: set(v) for k, v in expected.items()}
    for layer, names in expected.items():
        for name, array in names.items():
            assert found[layer][name].dtype == np.float32
            np.testing.assert_array_equal(found[layer][name], array)


def write_fake_vgg16(path: Path, leave_out: str = "", more: str = "", scale: int = 1) -> None:
    """A small file in Keras's layout: each array has one value, conv1_1 one per input channel."""
    with h5py.File(path, "w") as file:
        for number, (layer, channels_in, channels_out) in enumerate(backbone_layers(5), start=1):
            stage, index = layer.removeprefix("conv").split("_")
            name = f"block{stage}_conv{index}"
            if name == leave_out:
                continue
            shape = (3, 3, channels_in, channels_out * scale)
            kernel = file.create_dataset(f"{name}/{name}_W_1:0", shape, "f4", fillvalue=number)
            file.create_dataset(f"{name}/{name}_b_1:0", (channels_out,), "f4", fillvalue=-number)
            if number == 1:
                kernel[:] = np.array([10, 20, 30], np.float32)[:, None]  # blue, green, red
            file.require_group(f"block{stage}_pool")
        if more:
            file.create_dataset(more, (2,), "f4")


@pytest.fixture
def fake_vgg16(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "fake_notop.h5"
    write_fake_vgg16(path)
    monkeypatch.setattr(vgg16, "VGG16_MD5", hashlib.md5(path.read_bytes()).hexdigest())
    return path


@pytest.mark.parametrize(("stages", "layers"), [(4, 10), (5, 13)])
def test_vgg16_is_read_in_our_names_and_channel_order(
    fake_vgg16: Path, stages: int, layers: int
) -> None:
    params = vgg16.read_vgg16(fake_vgg16, stages)
    assert list(params) == [layer for layer, _, _ in backbone_layers(stages)]
    assert len(params) == layers
    assert params["conv1_1"]["kernel"][1, 1, :, 5].tolist() == [30, 20, 10]  # red, green, blue
    assert (params["conv3_1"]["kernel"] == 5).all()
    assert (params["conv4_3"]["bias"] == -10).all()
    for layer, names in params.items():
        shapes = parameter_shapes(stages, 16, 8)[layer]
        assert {name: array.shape for name, array in names.items()} == shapes


def test_the_converted_file_gives_the_same_and_is_sealed(fake_vgg16: Path, tmp_path: Path) -> None:
    out = tmp_path / "vgg16.h5"
    vgg16.convert_vgg16(fake_vgg16, out)
    assert_same_parameters(vgg16.read_vgg16(out, 4), vgg16.read_vgg16(fake_vgg16, 4))
    with pytest.raises(OutputError, match="exists already"):
        vgg16.convert_vgg16(fake_vgg16, out)
    with pytest.raises(WeightsError, match=r"is a brainfcn_jax\.vgg16 file"):
        model_file.load_model(out)
    content = bytearray(out.read_bytes())
    content[-5] ^= 8
    out.write_bytes(content)
    with pytest.raises(WeightsError, match="damaged"):
        vgg16.read_vgg16(out, 4)


def test_another_keras_file_is_refused_with_every_difference(tmp_path: Path) -> None:
    path = tmp_path / "other.h5"
    write_fake_vgg16(path, leave_out="block4_conv3", more="fc1/fc1_W_1:0", scale=2)
    with pytest.raises(WeightsError) as caught:
        vgg16.read_vgg16(path, 4)
    for part in (
        vgg16.VGG16_MD5,
        "missing: block4_conv3/block4_conv3_W_1:0, block4_conv3/block4_conv3_b_1:0",
        "extra: fc1/fc1_W_1:0",
        "block1_conv1/block1_conv1_W_1:0 is (3, 3, 3, 128), must be (3, 3, 3, 64)",
        vgg16.VGG16_ADDRESS,
    ):
        assert part in str(caught.value)


def test_damaged_keras_files_are_refused(fake_vgg16: Path) -> None:
    content = bytearray(fake_vgg16.read_bytes())
    content[-1] ^= 1
    fake_vgg16.write_bytes(content)
    with pytest.raises(WeightsError, match="not the published VGG16"):
        vgg16.read_vgg16(fake_vgg16, 4)
    fake_vgg16.write_bytes(content[:1000])
    with pytest.raises(WeightsError, match="cannot be read as HDF5"):
        vgg16.read_vgg16(fake_vgg16, 4)
    with pytest.raises(WeightsError, match="No such file"):
        vgg16.read_vgg16(fake_vgg16.with_name("absent.h5"), 4)


def test_how_to_get_vgg16_is_said_exactly(
    fake_vgg16: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BRAINFCN_VGG16", raising=False)
    with pytest.raises(WeightsError) as caught:
        vgg16.find_vgg16("")
    for part in ("weights/convert_vgg16.py --download --out=", "--source=", "BRAINFCN_VGG16="):
        assert part in str(caught.value)
    with pytest.raises(WeightsError, match=r"'absent\.h5' is not a file"):
        vgg16.find_vgg16("absent.h5")
    assert vgg16.find_vgg16(str(fake_vgg16)) == fake_vgg16
    monkeypatch.setenv("BRAINFCN_VGG16", str(fake_vgg16))
    assert vgg16.find_vgg16() == fake_vgg16


def test_the_download_is_checked_before_it_gets_its_name(
    fake_vgg16: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "downloads"
    folder.mkdir()
    monkeypatch.setattr(vgg16, "VGG16_ADDRESS", fake_vgg16.as_uri())
    vgg16.download_vgg16(folder / "keras.h5")
    assert (folder / "keras.h5").read_bytes() == fake_vgg16.read_bytes()
    vgg16.download_and_convert_vgg16(folder / "ours.h5")
    assert vgg16.read_vgg16(folder / "ours.h5", 4)["conv2_1"]["bias"][0] == -3
    with pytest.raises(OutputError, match="exists already"):
        vgg16.download_and_convert_vgg16(folder / "ours.h5")

    before = sorted(folder.iterdir())
    fake_vgg16.write_bytes(fake_vgg16.read_bytes()[:-9])
    with pytest.raises(WeightsError, match="not the published VGG16"):
        vgg16.download_vgg16(folder / "cut.h5")
    fake_vgg16.unlink()
    with pytest.raises(WeightsError, match=r"cannot be fetched .* --source=FILE"):
        vgg16.download_vgg16(folder / "absent.h5")
    assert sorted(folder.iterdir()) == before


def run_converter(*flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "weights/convert_vgg16.py"), *flags],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def converter_exit_code(monkeypatch: pytest.MonkeyPatch, *flags: str) -> object:
    """The exit code of the converter with these flags, in this process."""
    monkeypatch.setattr(sys, "argv", ["convert_vgg16.py", *flags])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "weights/convert_vgg16.py"), run_name="__main__")
    return ended.value.code


def test_the_converter_refuses_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = f"--out={tmp_path / 'out.h5'}"
    cases = (
        (("--help",), 0),
        (("--nonsense",), 2),
        ((out,), 2),
        ((out, "--source=absent.h5", "more"), 2),
        ((out, "--source=absent.h5", "--download"), 2),
        ((out, "--source=absent.h5"), 3),
    )
    for flags, code in cases:
        found = converter_exit_code(monkeypatch, *flags)
        said = capsys.readouterr().err
        assert found == code, (flags, said)
        assert "Traceback" not in said
        if code:
            assert len(said.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_the_converter_as_a_process(tmp_path: Path) -> None:
    result = run_converter(f"--out={tmp_path / 'out.h5'}", "--source=absent.h5")
    assert result.returncode == 3
    assert len(result.stderr.splitlines()) == 1


def test_the_converter_tells_that_it_was_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(vgg16, "convert_vgg16", interrupt)
    assert converter_exit_code(monkeypatch, "--source=a", f"--out={tmp_path / 'o'}") == 130
    assert capsys.readouterr().err == "convert_vgg16.py: interrupted\n"


@needs_vgg16
def test_the_published_file_is_converted(tmp_path: Path) -> None:
    out = tmp_path / "vgg16.h5"
    result = run_converter(f"--source={VGG16}", f"--out={out}")
    assert (result.returncode, result.stderr) == (0, "")
    params = vgg16.read_vgg16(out, 5)
    assert_same_parameters(params, vgg16.read_vgg16(VGG16, 5))
    with h5py.File(VGG16) as file:
        published = file["block1_conv1/block1_conv1_W_1:0"][()]
    np.testing.assert_array_equal(params["conv1_1"]["kernel"][:, :, 0], published[:, :, 2])
