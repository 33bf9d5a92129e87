"""Rule 39: files of others cannot hang, fill or mislead whoever opens them; ours are ours alone."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import kit
from kit.errors import CaptureError, KitError
from kit.probes import _files as files
from kit.probes._files import create, open_regular, partial_of
from kit.probes._validation import COUNT, TEXT, load
from kit.probes.captures import _file as capture_file
from kit.probes.captures import _leftovers as leftovers
from kit.probes.captures._reader import read
from tests.contract.tools import ROOT, until

posix = pytest.mark.skipif(os.name != "posix", reason="what is no file is another thing there")


@pytest.fixture
def fill(unique):
    return kit.marker(unique("fill"), n=int)


@pytest.fixture
def saved(fill, tmp_path, frames):
    """A session's folder, complete."""
    run = kit.session(tmp_path / "run")
    run.record(fill.name, capacity=100)
    run.aggregate(fill.name, "n", name="sizes")
    with run:
        fill(1)
    return tmp_path / "run"


def changed(folder, change):
    """Change what a manifest says."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def strange(folder):
    """What can have a file's name and is none, and what it is called."""
    os.mkfifo(folder / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "socket"))
    (folder / "folder").mkdir()
    (folder / "zero").symlink_to("/dev/zero")
    (folder / "link").symlink_to(folder / "fifo")
    return {
        folder / "fifo": "a FIFO",
        folder / "socket": "a socket",
        folder / "folder": "a folder",
        Path("/dev/zero"): "a device",
        folder / "zero": "a device",
        folder / "link": "a FIFO",
    }


# Only files are opened.


@posix
def test_rule_39_only_files_are_opened(tmp_path):
    """Seen to fail when a file was opened by its name alone: it waited for a writer for ever."""
    for path, what in strange(tmp_path).items():
        for opening in (read, open_regular):
            with pytest.raises(CaptureError, match=f"'{path}' is {what}, not a file"):
                opening(path)


@posix
def test_rule_39_only_files_are_opened_as_frames(tmp_path, frames):
    """Seen to fail as above: by `kit.open`, as a capture, as Parquet, as what a session names."""
    from kit.frames import _opening as opening
    from kit.frames import _parquet as store

    for path, what in strange(tmp_path).items():
        for open_it in (opening.open_file, store.open, *([kit.open] if what != "a folder" else [])):
            with pytest.raises(CaptureError, match=f"'{path}' is {what}, not a file"):
                open_it(path)
        with pytest.raises(KitError):
            kit.open(path)


@posix
def test_rule_39_what_takes_a_files_place_meanwhile_is_refused(tmp_path, monkeypatch):
    """Between looking and opening it becomes a FIFO: that is looked at again, and not waited for.

    Seen to fail without the second look, and hung without ``O_NONBLOCK``.
    """
    path = tmp_path / "x"
    path.write_text("x")
    real = os.open

    def late(name, *args, **options):
        if Path(name) == path:
            path.unlink()
            os.mkfifo(path)
        return real(name, *args, **options)

    monkeypatch.setattr(os, "open", late)
    with pytest.raises(CaptureError, match="is a FIFO"):
        open_regular(path)


def test_rule_39_what_was_looked_at_is_what_is_read(fill, tmp_path, monkeypatch, frames):
    """Another file of the same name, a moment later, is not read in its place.

    Seen to fail when the reader opened the file once more, by its name.
    """
    from kit.frames import _opening as opening

    path = tmp_path / "x.kit"
    with kit.record(fill.name, capacity=10, path=path):
        fill(7)
    read_it = opening.read

    def late(*args):
        path.rename(tmp_path / "moved")
        path.write_text("another one")
        return read_it(*args)

    monkeypatch.setattr(opening, "read", late)
    assert kit.open(path).frame()["n"].tolist() == [7]


# What a session's folder holds.


@posix
@pytest.mark.parametrize("what", ["manifest.json", "events-000001.kit", "sizes.aggregate.json"])
@pytest.mark.parametrize("by", ["a FIFO", "a link", "a folder"])
def test_rule_39_what_a_session_names_are_files_in_its_folder(saved, tmp_path, what, by):
    """Seen to fail when they were opened by name: it hung, and read what lies elsewhere."""
    path = saved / what
    path.rename(tmp_path / what)
    match by:
        case "a FIFO":
            os.mkfifo(path)
        case "a link":
            path.symlink_to(tmp_path / what)
        case "a folder":
            path.mkdir()
    with pytest.raises(CaptureError, match=by) as caught:
        kit.open(saved).frame()
    assert what in str(caught.value)


@pytest.mark.parametrize("name", ["../secret", "/tmp/secret", "a/b", "..", ".", "", "a\0b", "é"])
def test_rule_39_names_in_a_manifest_stay_in_its_folder(saved, name):
    """Seen to fail when names were joined to the folder as they were."""
    shutil.copy(saved / "sizes.aggregate.json", saved.parent / "secret.aggregate.json")

    def aggregate(manifest):
        manifest["aggregates"][name] = "x"

    def file(manifest):
        manifest["recorders"]["events"]["files"][0]["file"] = name

    def recorder(manifest):
        manifest["recorders"][name] = manifest["recorders"]["events"]

    before = (saved / "manifest.json").read_text()
    for change in (aggregate, file, recorder):
        (saved / "manifest.json").write_text(before)
        with pytest.raises(CaptureError, match=r"manifest\.json.*(name|file)"):
            kit.open(changed(saved, change))


def test_rule_39_what_is_not_as_it_should_be_is_named(saved):
    """The file and the place. Seen to fail when it was a KeyError, here or later on."""

    def written(manifest):
        manifest["recorders"]["events"]["written"] = "x"

    with pytest.raises(
        CaptureError,
        match=r"manifest\.json.*\(recorders\.events\.written: a whole number from 0 on, got 'x'\)",
    ):
        kit.open(changed(saved, written))

    def missing(manifest):
        manifest["recorders"]["events"]["written"] = 1
        del manifest["state"]

    with pytest.raises(CaptureError, match=r"manifest\.json.*\(state is missing\)"):
        kit.open(changed(saved, missing))


def test_rule_39_what_a_later_version_adds_is_left_out(saved):
    """Seen to fail when a key that is not known was refused, and when it was kept."""

    def more(manifest):
        manifest["later"] = manifest["recorders"]["events"]["later"] = [[[]]]

    kept = kit.open(changed(saved, more))
    assert kept.frame()["n"].tolist() == [1]
    assert "later" not in kept.manifest
    assert "later" not in kept.manifest["recorders"]["events"]


@pytest.mark.parametrize("name", ["manifest.json", "sizes.aggregate.json"])
def test_rule_39_json_is_bounded(saved, name, monkeypatch):
    """In its depth and its length, before it is read. Seen to fail without each of the two."""
    from kit.frames import _opening as sessions

    (saved / name).write_text("[" * 100_000 + "]" * 100_000)
    with pytest.raises(CaptureError, match=f"{name}' is damaged"):
        kit.open(saved)
    for module, bound in ((sessions, "MOST_MANIFEST"), (files, "MOST_JSON")):
        monkeypatch.setattr(module, bound, 1 << 20)
    monkeypatch.setattr(files.read_bounded, "__defaults__", (1 << 20,))
    with (saved / name).open("wb") as file:
        file.truncate(1 << 40)  # it takes no room, but where it is read
    with pytest.raises(CaptureError, match=f"{name}' has more than the 1,048,576 bytes"):
        kit.open(saved)


def test_rule_39_an_aggregate_of_wrong_numbers_is_refused(saved):
    """A bucket beyond its histogram would have a row for each on the way there.

    Seen to fail when buckets were not compared with the histogram: it did not come to an end.
    """
    path = saved / "sizes.aggregate.json"
    table = json.loads(path.read_bytes())
    table["histogram"] = {"kind": "Log2", "lowest": 0, "highest": 64}
    table["rows"][0]["buckets"] = [[1, 1], [1e15, 1]]
    path.write_text(json.dumps(table))
    with pytest.raises(CaptureError, match=r"sizes\.aggregate\.json.*rows\[0\]\.buckets"):
        kit.open(saved)


def test_rule_39_a_schema_says_what_is_where():
    """Without frames as well. Seen to fail when keys were not looked at."""
    assert load('{"a": 1, "c": 3}', {"a": COUNT, "b?": TEXT}, "x") == {"a": 1}
    for text, what in {
        "{}": "a is missing",
        '{"a": true}': "a: a whole number from 0 on, got True",
        '{"a": 1, "b": [1]}': "b: text, got ",
        "[]": "all of it: a mapping, got ",
        "{": "no JSON",
    }.items():
        with pytest.raises(CaptureError, match=f"'x' is damaged or foreign .{what}"):
            load(text, {"a": COUNT, "b?": TEXT}, "x")


# Whose it is.


@posix
def test_rule_39_what_is_made_is_its_users_alone(fill, tmp_path, frames):
    """From the beginning: whatever the umask lets through. Folders that are there keep theirs.

    Seen to fail when files were made with the mode that any new file has.
    """
    before = os.umask(0)
    try:
        (tmp_path / "there").mkdir(0o777)
        run = kit.session(tmp_path / "there" / "new" / "run")
        run.record(fill.name, capacity=10, dispatches=True)
        run.aggregate(fill.name, name="counts")
        events = kit.record(fill.name, capacity=10, path=tmp_path / "there" / "x.kit")
        with run, events:
            fill(1)
        events.rotate(tmp_path / "there" / "y.kit")
        kit.frames.save(events, tmp_path / "there" / "x.parquet")
    finally:
        os.umask(before)
    found = {
        path.name: oct(stat.S_IMODE(path.stat().st_mode))
        for path in (tmp_path / "there").rglob("*")
    }
    folders = {"new": "0o700", "run": "0o700"}
    assert found == dict.fromkeys(found, "0o600") | folders
    assert len(found) == 9, found
    assert stat.S_IMODE((tmp_path / "there").stat().st_mode) == 0o777


# What is left half-made.

LEAVING = """
import os, sys
from pathlib import Path
from kit.probes import _files as files

folder = Path(sys.argv[1])
for name, content in (
    ("run.kit", b""),                         # killed before anything was in it
    ("zeros.kit", bytes(10_000)),             # before its first page was
    ("manifest.json", b'{"a": '),             # half of it, and the whole one is beside it
    ("table.parquet", b"PAR1"),
    ("rows.parquet", b"PAR1" + b"x" * 100),   # this has rows
    ("odd.txt", b"odd"),
):
    os.write(files.create(files.partial_of(folder / name)), content)
os.kill(os.getpid(), 9)
"""


def left(folder):
    """Have a process leave half-made files, and be killed."""
    done = subprocess.run([sys.executable, "-c", LEAVING, str(folder)], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    return sorted(path.name for path in folder.iterdir())


posix_proc = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="nobody says when a process began"
)


@posix
def test_rule_39_what_a_killed_process_left_is_removed_where_nothing_is_lost(
    fill, tmp_path, monkeypatch
):
    """When a recorder begins in the folder. What may hold events stays, and what others write.

    Seen to fail when what has rows was removed, when what a live process writes was, and when
    nothing was.
    """
    assert len(left(tmp_path)) == 6
    mine = partial_of(tmp_path / "mine.kit")
    os.close(create(mine))
    (tmp_path / ".0123456789abcdef.partial").touch()  # of an earlier version
    elsewhere = mine.with_name(mine.name.replace(files.place(), "00000000"))
    elsewhere.touch()
    events = kit.record(fill.name, capacity=10, path=tmp_path / "x.kit")
    events.stop()
    there = {path.name for path in tmp_path.iterdir()}
    assert {mine.name, elsewhere.name, ".0123456789abcdef.partial", "x.kit"} < there
    rest = there - {mine.name, elsewhere.name, ".0123456789abcdef.partial", "x.kit"}
    assert sorted(name[1:].split(".")[0] for name in rest) == ["odd", "rows"]


@posix
def test_rule_39_a_capture_with_events_stays_whoever_left_it(fill, tmp_path):
    """Seen to fail when it was removed by its name alone."""
    with kit.record(fill.name, capacity=10, path=tmp_path / "x.kit"):
        fill(1)
    with kit.record(fill.name, capacity=10, path=tmp_path / "y.kit"):
        pass
    child = subprocess.run(["true"], check=False)  # somebody who is gone
    assert child.returncode == 0
    gone = subprocess.Popen(["true"])
    gone.wait()
    names = {}
    for name in ("x.kit", "y.kit"):
        partial = partial_of(tmp_path / name)
        names[name] = partial.name.replace(f".{os.getpid()}-", f".{gone.pid}-")
        (tmp_path / name).rename(tmp_path / names[name])
    leftovers.remove_dead(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [names["x.kit"]]
    assert len(read(tmp_path / names["x.kit"])) == 1


@posix
@posix_proc
def test_rule_39_a_number_that_was_given_again_is_another_process(tmp_path):
    """Seen to fail when the number of the process alone was asked for."""
    partial = partial_of(tmp_path / "x.json")
    start = files.started(os.getpid())
    earlier = partial.with_name(partial.name.replace(f"-{start}-", f"-{start - 1}-"))
    for path in (partial, earlier):
        os.close(create(path))
    assert leftovers.remove_dead(tmp_path) == [earlier]


@posix
@posix_proc
def test_rule_39_a_process_that_only_its_parent_remembers_is_gone(tmp_path):
    """Seen to fail when a zombie counted as alive."""
    gone = subprocess.Popen([sys.executable, "-c", "pass"])
    start = files.started(gone.pid)
    path = partial_of(tmp_path / "x.json")
    path = path.with_name(
        path.name.replace(f"{os.getpid()}-{files.started(os.getpid())}", f"{gone.pid}-{start}")
    )
    os.close(create(path))
    until(lambda: leftovers.remove_dead(tmp_path) == [path])
    gone.wait()


@posix
def test_rule_39_without_proc_a_process_is_asked_for(tmp_path, monkeypatch):
    """Seen to fail when everything was taken for gone where nobody says when it began."""
    monkeypatch.setattr(files, "started", lambda pid: None)
    monkeypatch.setattr(leftovers, "started", lambda pid: None)
    monkeypatch.setattr(leftovers, "_is_zombie", lambda pid: False)
    gone = subprocess.Popen(["true"])
    gone.wait()
    mine = partial_of(tmp_path / "mine.json")
    theirs = mine.with_name(mine.name.replace(f".{os.getpid()}-0-", f".{gone.pid}-0-"))
    for path in (mine, theirs):
        os.close(create(path))
    assert leftovers.remove_dead(tmp_path) == [theirs]


@posix
def test_rule_39_what_lies_unfinished_in_a_session_is_named(saved):
    """In its repr, as HTML, as an attribute. Seen to fail when nobody looked for it."""
    assert kit.open(saved).unfinished == []
    assert "unfinished" not in repr(kit.open(saved))
    left(saved)
    (saved / ".0123456789abcdef.partial").touch()
    shutil.copy(saved / "events-000001.kit", saved / "other-000001.kit")
    kept = kit.open(saved)
    assert len(kept.unfinished) == 8
    assert "8 unfinished files" in repr(kept)
    shown = "\n".join(map(str, kept.unfinished))
    assert "to become 'run.kit', of process" in shown
    assert "which is gone" in shown
    assert "of an earlier version: nobody knows whose" in shown
    assert "'other-000001.kit', of no recorder that the manifest names" in shown
    assert kept._repr_html_().count("unfinished") == 8
    assert kept.frame()["n"].tolist() == [1]


@pytest.mark.usefixtures("frames")
def test_rule_39_a_manifest_is_there_whole_from_the_beginning(fill, tmp_path, monkeypatch):
    """Whoever looks, or kills it, in between finds none or all of it.

    Seen to fail when the file was made first, and written then.
    """
    run = kit.session(tmp_path / "run")
    run.record(fill.name, capacity=10)
    seen = []
    for name in ("fsync", "link", "replace"):
        real = getattr(os, name)

        def looking(*args, _real=real, **options):
            path = tmp_path / "run" / "manifest.json"
            seen.append(path.read_bytes() if path.exists() else None)
            return _real(*args, **options)

        monkeypatch.setattr(os, name, looking)
    with run:
        pass
    assert seen[0] is None
    assert all(text is None or json.loads(text)["format"] for text in seen)


@pytest.mark.usefixtures("frames")
def test_rule_39_of_two_sessions_in_a_folder_one_is_refused(fill, tmp_path):
    """However they come. Seen to fail when the manifest replaced the one that was there."""
    runs = [kit.session(tmp_path / "run") for _ in range(2)]
    for run in runs:
        run.record(fill.name, capacity=10)
    with runs[0]:
        before = (tmp_path / "run" / "manifest.json").read_bytes()
        with pytest.raises(FileExistsError):
            runs[1].start()
        assert not runs[1].running
        assert (tmp_path / "run" / "manifest.json").read_bytes() == before


@pytest.mark.parametrize("content", [b"", None])
def test_rule_39_a_folder_of_an_earlier_version_that_was_killed(saved, content):
    """Its manifest is empty, or there is none: the error says what can be opened instead.

    Seen to fail when it said that JSON was expected.
    """
    (saved / "manifest.json").unlink()
    if content is not None:
        (saved / "manifest.json").write_bytes(content)
    with pytest.raises(CaptureError, match=r"holds no session: .*'events-000001\.kit'"):
        kit.open(saved)


def test_rule_39_what_is_added_to_a_session_that_runs_is_named_before_its_first_event(
    unique, tmp_path, monkeypatch, frames
):
    """So that it is found after a kill. Seen to fail when the manifest was written later on."""
    late = kit.marker(unique("late"), n=int)
    run = kit.session(tmp_path / "run", every=60)
    with run:
        run.record(late.name, name="late", capacity=10)
        late(7)
        shutil.copytree(tmp_path / "run", tmp_path / "copy")
    kept = kit.open(tmp_path / "copy")
    assert kept.frame(recorder="late")["n"].tolist() == [7]
    assert kept.unfinished == []


# Where a session is.


@pytest.mark.usefixtures("frames")
def test_rule_39_a_session_stays_where_it_was_asked_for(fill, tmp_path, monkeypatch):
    """Whatever becomes of the process's folder. Seen to fail when the path was kept as given."""
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    run = kit.session("run", every=0.01)
    run.record(fill.name, capacity=100)
    with run:
        fill(1)
        until(lambda: len(run.files) == 1)
        monkeypatch.chdir(tmp_path / "other")
        fill(2)
        until(lambda: len(run.files) == 2)
    assert run.last_error is None
    assert run.folder == tmp_path / "run"
    assert list((tmp_path / "other").iterdir()) == []
    assert run.written == {"events": 2}


def test_rule_39_a_tilde_is_the_users_folder(fill, tmp_path, monkeypatch, frames):
    """In every path that is given. Seen to fail when a folder named ``~`` was made."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    run = kit.session("~/run")
    run.record(fill.name, capacity=10)
    with run, kit.record(fill.name, capacity=10, path="~/x.kit") as events:
        fill(1)
    kit.frames.save(events, "~/x.parquet")
    for name in ("run", "x.kit", "x.parquet"):
        assert (tmp_path / name).exists()
        assert kit.open(f"~/{name}").frame()["n"].tolist() == [1]


def test_rule_39_no_path_is_an_error(fill, frames):
    """Seen to fail when it stood for the folder of the process."""
    for what in (
        kit.session,
        kit.open,
        lambda path: kit.record(fill.name, path=path),
        lambda path: kit.frames.save({}, path),
    ):
        with pytest.raises(ValueError, match="the path is empty"):
            what("")


# A file's name is used by somebody else.


@pytest.mark.usefixtures("frames")
def test_rule_39_only_a_sessions_own_files_are_removed(fill, tmp_path):
    """Whatever has their names by then. Seen to fail when it was removed by name."""
    run = kit.session(tmp_path / "run", every=0.01, max_bytes=1, full="oldest")
    run.record(fill.name, capacity=100)
    with run:
        fill(1)
        until(lambda: len(run.files) == 1)
        first = tmp_path / "run" / run.files[0]
        first.rename(tmp_path / "moved")
        first.write_text("precious")
        for n in range(2):
            fill(n)
            until(lambda n=n: run.written["events"] == n + 2)
        until(lambda: run.removed.get("events", 0) >= 1)
    assert first.read_text() == "precious"
    assert len(read(tmp_path / "moved")) == 1
    assert run.last_error is None


@pytest.mark.usefixtures("frames")
def test_rule_39_what_could_not_be_started_removes_only_its_own(fill, tmp_path, monkeypatch):
    """Seen to fail when the files were removed by name."""
    run = kit.session(tmp_path / "run")
    run.record(fill.name, capacity=100)
    run.trigger(fill, lambda: None, when="qyt > 3")
    begin = run._events.begin

    def stolen(name, recorder):
        begin(name, recorder)
        # Its writer goes on in the file that has no name now.
        shutil.copy(recorder.path, tmp_path / "copy")
        (tmp_path / "copy").replace(recorder.path)
        (tmp_path / "run" / "manifest.json").rename(tmp_path / "moved.json")
        (tmp_path / "run" / "manifest.json").write_text("precious")

    monkeypatch.setattr(run._events, "begin", stolen)
    with pytest.raises(kit.errors.ConditionError):
        run.start()
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "events-000001.kit",
        "manifest.json",
    ]
    assert (tmp_path / "run" / "manifest.json").read_text() == "precious"


@pytest.mark.usefixtures("frames")
def test_rule_39_a_name_that_is_taken_is_passed_over(fill, tmp_path):
    """And the session goes on. Seen to fail when it tried the same name for ever."""
    run = kit.session(tmp_path / "run", every=0.01)
    run.record(fill.name, capacity=100)
    with run:
        (tmp_path / "run" / "events-000002.kit").write_text("precious")
        for n in range(3):
            fill(n)
            until(lambda n=n: len(run.files) == n + 1)
    assert (tmp_path / "run" / "events-000002.kit").read_text() == "precious"
    assert run.files[:3] == ("events-000001.kit", "events-000003.kit", "events-000004.kit")
    assert run.last_error is None
    assert run.written == {"events": 3}


@pytest.mark.usefixtures("frames")
def test_rule_39_a_session_goes_on_when_its_folder_is_back(fill, tmp_path, caplog):
    """What could not be written for a while is written then, and nothing is there twice.

    Seen to fail when the thread that writes ended with the first error while it kept within limits.
    """
    run = kit.session(tmp_path / "run", every=0.01, max_bytes=10**9)
    run.record(fill.name, capacity=100)
    run.aggregate(fill.name, name="counts")
    with run:
        fill(0)
        until(lambda: len(run.files) == 1)
        (tmp_path / "run").rename(tmp_path / "away")
        fill(1)
        until(lambda: run.last_error is not None)
        fill(2)
        (tmp_path / "away").rename(tmp_path / "run")
        until(lambda: len(run.files) == 2)
        fill(3)
    kept = kit.open(tmp_path / "run")
    assert kept.complete
    assert kept.frame()["n"].tolist() == [0, 1, 2, 3]
    assert run.written == {"events": 4}
    assert kept.aggregates["counts"].count == 4
    assert run.last_error is not None


@pytest.mark.usefixtures("frames")
def test_rule_39_a_failure_after_a_file_was_changed_does_not_end_a_session(
    fill, tmp_path, monkeypatch, caplog
):
    """It is in the next file by then, and goes on from there; the event is counted once.

    Seen to fail when the session tried to make that file again, for ever.
    """
    run = kit.session(tmp_path / "run", every=0.01)
    run.record(fill.name, capacity=100)
    finish = capture_file.CaptureFile.finish
    fails = [OSError(5, "Input/output error")]

    def failing(self, *args):
        if fails:
            raise fails.pop()
        finish(self, *args)

    with run:
        monkeypatch.setattr(capture_file.CaptureFile, "finish", failing)
        for n in range(3):
            fill(n)
            until(lambda n=n: len(run.files) == n + 1)
    assert "Input/output error" in caplog.text
    assert run.written == {"events": 3}
    assert [len(read(tmp_path / "run" / name)) for name in run.files[:3]] == [1, 1, 1]


@pytest.mark.usefixtures("frames")
def test_rule_39_what_cannot_be_removed_does_not_end_a_session(fill, tmp_path, monkeypatch, caplog):
    """Seen to fail when the thread that writes ended with it."""
    run = kit.session(tmp_path / "run", every=0.01, max_bytes=1, full="oldest")
    run.record(fill.name, capacity=100)
    unlink = Path.unlink
    fails = [PermissionError(13, "Permission denied")]

    def failing(self, *args, **options):
        if fails and self.suffix == ".kit":
            raise fails.pop()
        unlink(self, *args, **options)

    monkeypatch.setattr(Path, "unlink", failing)
    with run:
        for n in range(4):
            fill(n)
            until(lambda n=n: run._events.finished("events") == n + 1)
        until(lambda: run.removed.get("events", 0) >= 2)
    assert "Permission denied" in run.last_error
    assert run.written == {"events": 4}
