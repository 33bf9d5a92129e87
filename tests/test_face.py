"""What ``import kit`` offers: each name once, and the spellings of before."""

import importlib
import subprocess
import sys

import pytest

import kit
from kit.core import typing
from kit.errors import KitError
from kit.probes.recorder._recorder import _PUBLIC_BEFORE


def test_only_what_a_user_types_is_listed():
    assert dir(kit) == sorted((*kit.__all__, "__version__"))
    assert all(hasattr(kit, name) for name in kit.__all__)
    assert not {"registry", "TYPE_CHECKING", "annotations", "import_room"} & set(dir(kit))


@pytest.mark.parametrize("name", kit.errors.__all__)
def test_errors_have_one_home_and_are_found_where_they_were(name):
    assert name not in kit.__all__
    assert getattr(kit, name) is getattr(kit.errors, name)


@pytest.mark.parametrize("name", ["private_data", "disconnect_private"])
def test_private_data_is_found_where_it_was(name):
    assert name not in kit.__all__
    assert getattr(kit, name) is getattr(kit.core, name)


@pytest.mark.parametrize("name", ["BAD", "Bounds", "Exploration", "Machine"])
def test_names_of_the_lab_have_one_home_and_are_found_where_they_were(name):
    assert name in kit.rcu.__all__
    assert name not in kit.rcu.steps.__all__
    assert getattr(kit.rcu.steps, name) is getattr(kit.rcu, name)


@pytest.mark.parametrize(
    "room", ["core", "probes", "frames", "analysis", "plots", "rcu", "widgets"]
)
def test_so_it_is_in_each_room(room):
    face = importlib.import_module(f"kit.{room}")
    assert dir(face) == sorted(face.__all__)
    assert all(hasattr(face, name) for name in face.__all__)


@pytest.mark.parametrize(
    ("name", "home"),
    [
        ("TEXT_LIMIT", "_values"),
        ("check", "_schema"),
        ("empty", "_recording"),
        ("escape", "_values"),
        ("recording", "_recording"),
        ("unescape", "_values"),
    ],
)
def test_what_frames_need_themselves_is_found_where_it_was(name, home):
    frames = pytest.importorskip("kit.frames", reason="frames need pandas", exc_type=ImportError)
    assert name not in frames.__all__
    assert getattr(frames, name) is getattr(importlib.import_module(f"kit.frames.{home}"), name)


def test_what_a_recorder_has_for_the_kit_is_found_where_it_was():
    recorder = kit.record("face.recorded", capacity=10)
    recorder.stop()
    assert not set(_PUBLIC_BEFORE) & set(dir(recorder))
    for name in _PUBLIC_BEFORE:
        assert getattr(recorder, name) == getattr(recorder, f"_{name}")
    with pytest.raises(AttributeError, match="no attribute 'newst'"):
        recorder.newst  # noqa: B018 - asking for it is the test


def test_a_timed_probe_is_found_under_its_name_of_before():
    assert typing.NativeProbe is typing.TimedProbe
    assert "NativeProbe" not in typing.__all__


def test_a_name_that_the_steps_do_not_have_is_an_error():
    with pytest.raises(AttributeError, match=r"module 'kit\.rcu\.steps' has no attribute 'laod'"):
        kit.rcu.steps.laod  # noqa: B018 - asking for it is the test


def test_the_spellings_of_before_are_silent():
    code = "import kit; kit.FormatError, kit.private_data; from kit import NotConnectedError"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_name_that_is_misspelt_is_an_error():
    with pytest.raises(AttributeError, match="module 'kit' has no attribute 'conect'"):
        kit.conect  # noqa: B018 - asking for it is the test


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: kit.record("*", capactiy=3), r"record() has no option 'capactiy'; did you mean"),
        (lambda: kit.aggregate("*", evry=3), r"aggregate() has no option 'evry'; did you mean"),
        (lambda: kit.trigger("*", print, wen=3), r"trigger() has no option 'wen'; did you mean"),
        (lambda: kit.connect("*", print, limt=3), r"connect() has no option 'limt'; did you mean"),
        (lambda: kit.record("*", zzz=3), r"record() has no option 'zzz'"),
    ],
)
def test_an_option_that_is_misspelt_names_the_function_and_the_nearest(call, said):
    with pytest.raises(TypeError) as error:
        call()
    assert not isinstance(error.value, KitError)
    assert str(error.value).startswith(said)


@pytest.mark.parametrize("method", ["record", "aggregate", "trigger"])
def test_so_it_is_in_a_session(method, tmp_path):
    session = kit.session(tmp_path / "run")
    arguments = ("*", print) if method == "trigger" else ("*",)
    with pytest.raises(
        TypeError, match=rf"{method}\(\) has no option 'evry'; did you mean 'every'"
    ):
        getattr(session, method)(*arguments, evry=3)
