"""A sample of what `benchmarks/fuzz.py` does by the thousand."""

import signal

import fuzz


def test_damaged_files_are_colored_or_refused():
    report = fuzz.run(seed=0, count=200)
    assert report["bad"] == []
    assert report["colored"] > 20
    assert report["refused"] > 50


def test_a_process_that_ends_or_hangs_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(fuzz, "LIMIT_S", 0.1)
    worker = fuzz.Worker()
    worker._process.send_signal(signal.SIGSTOP)
    assert worker.color(tmp_path / "nothing") == "hang"
    monkeypatch.setattr(fuzz, "LIMIT_S", 10)
    worker._process.kill()
    worker._process.wait()
    assert worker.color(tmp_path / "nothing").startswith("crash: ended with -9")
    assert worker.color(tmp_path / "nothing") == "refused"
    worker.stop()
