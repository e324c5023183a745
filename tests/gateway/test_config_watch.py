"""Changed files are noticed, however they change; half a change and no change are not told."""

import asyncio
import os
import threading
from contextlib import asynccontextmanager

import pytest

from gateway.config.watch import look, watch

EVERY = 0.01


@asynccontextmanager
async def watching(files, changed=None):
    """Watches; yields an event that each told change sets."""
    told = asyncio.Event()

    async def tell():
        if changed is not None:
            changed()
        told.set()

    task = asyncio.create_task(watch(lambda: list(files), tell, EVERY))
    await looks(3)
    try:
        yield told
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled(), "the watch ended by itself"


async def looks(count):
    """Wait for about so many looks. What follows waits on an event, or is about nothing happening."""
    await asyncio.sleep(count * EVERY * 2)


async def told_of(told):
    async with asyncio.timeout(30):
        await told.wait()
    told.clear()


def rewrite(path, text):
    path.write_text(text)


def replace(path, text):
    other = path.with_suffix(".new")
    other.write_text(text)
    other.replace(path)


def same_size_and_time(path, text):
    status = path.stat()
    other = path.with_suffix(".new")
    other.write_text("x" * status.st_size)
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(path)


@pytest.mark.parametrize("change", [rewrite, replace, same_size_and_time])
async def test_a_changed_file_is_told_of(tmp_path, change):
    file = tmp_path / "routes.yaml"
    file.write_text("one")
    async with watching([file]) as told:
        for text in ("two!", "three"):
            change(file, text)
            await told_of(told)
        await looks(5)
        assert not told.is_set()


async def test_the_swap_of_a_config_map_is_told_of(tmp_path):
    """As the kubelet does it: files link to ..data/NAME, ..data links to a dated folder, and is renamed over."""
    def version(name, text):
        (tmp_path / name).mkdir()
        (tmp_path / name / "routes.yaml").write_text(text)
        (tmp_path / "..data_tmp").symlink_to(name)
        (tmp_path / "..data_tmp").rename(tmp_path / "..data")

    version("..2026_01", "same")
    file = tmp_path / "routes.yaml"
    file.symlink_to("..data/routes.yaml")
    async with watching([file]) as told:
        for name in ("..2026_02", "..2026_03"):
            version(name, "same")
            await told_of(told)


async def test_a_file_that_vanishes_and_one_that_comes_are_told_of(tmp_path):
    file = tmp_path / "routes.yaml"
    async with watching([file]) as told:
        file.write_text("x")
        await told_of(told)
        file.unlink()
        await told_of(told)


async def test_a_new_file_in_a_watched_folder_is_told_of(tmp_path):
    async with watching([tmp_path]) as told:
        (tmp_path / "new.yaml").write_text("x")
        await told_of(told)


async def test_a_file_that_a_reload_newly_names_is_watched_and_is_itself_no_change(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text("x")
    second.write_text("x")
    files = [first]
    async with watching(files, lambda: files.append(second) if second not in files else None) as told:
        first.write_text("changed")
        await told_of(told)
        await looks(5)
        assert not told.is_set()
        second.write_text("changed")
        await told_of(told)


async def test_what_changed_since_it_was_read_is_told_though_the_watch_began_later(tmp_path):
    file, told = tmp_path / "a", asyncio.Event()
    file.write_text("x")
    known = look([file])
    file.write_text("changed")
    task = asyncio.create_task(watch(lambda: [file], told.set, EVERY, known=known))
    await told_of(told)
    await looks(5)
    assert not told.is_set()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_folder_that_never_rests_is_told_of_all_the_same(tmp_path):
    file = tmp_path / "log"
    file.write_text("x")
    async with watching([file]) as told:
        async with asyncio.timeout(30):
            while not told.is_set():
                with file.open("a") as log:
                    log.write("x")
                await asyncio.sleep(EVERY / 4)


async def test_a_plain_function_may_be_told_too(tmp_path):
    told = asyncio.Event()
    task = asyncio.create_task(watch(lambda: [tmp_path / "x"], told.set, EVERY))
    await looks(3)
    (tmp_path / "x").write_text("x")
    await told_of(told)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


class Turning(asyncio.SelectorEventLoop):
    """An event loop that counts its turns."""

    turns = 0

    def _run_once(self):
        self.turns += 1
        super()._run_once()


def test_a_watch_over_what_does_not_change_leaves_the_loop_asleep(tmp_path):
    looked, enough = [], threading.Event()

    def looks_and_counts(files):
        looked.append(files)
        if len(looked) == 30:
            enough.set()
        return look(files)

    async def scene():
        watching = asyncio.create_task(
            watch(lambda: [tmp_path], lambda: pytest.fail("nothing changed"), 0.001, look=looks_and_counts))
        await asyncio.to_thread(enough.wait)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    loop = Turning()
    loop.run_until_complete(scene())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    assert len(looked) >= 30
    assert loop.turns < 20


async def test_a_watch_that_is_cancelled_looks_no_more(tmp_path):
    """Its thread ends, though nothing has changed."""
    before = set(threading.enumerate())
    watching = asyncio.create_task(watch(lambda: [tmp_path], lambda: None, EVERY))
    await looks(2)
    [thread] = set(threading.enumerate()) - before
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await asyncio.to_thread(thread.join, 30)
    assert not thread.is_alive()
