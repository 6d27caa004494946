"""Long work: progress, cancel, and what is said at the end."""

import threading

from alpha_umi.errors import ModelFileError
from alpha_umi.tui.jobs import Job, Jobs


class Gate:
    """Work of four steps that waits for a test before each."""

    def __init__(self):
        self.go, self.told = threading.Semaphore(0), threading.Semaphore(0)
        self.cleaned = False

    def __call__(self, progress):
        try:
            for done in (0, 100_000_000, 200_000_000, 400_000_000):
                self.go.acquire()
                progress(done, 400_000_000)
                self.told.release()
            self.go.acquire()
        finally:
            self.cleaned = True
        return "a file was made"

    def step(self):
        self.go.release()
        assert self.told.acquire(timeout=30)


def test_a_job_tells_bytes_pace_and_its_end():
    gate, jobs = Gate(), Jobs()
    job = Job("convert x", gate)
    jobs.start(job)
    assert job.text() == "convert x [running]" and jobs.running == [job]
    gate.step()
    gate.step()
    assert job.text().startswith("convert x [running] 25 %, 100 MB of 400 MB, ") and job.text().endswith(" s left")
    gate.step()
    gate.step()
    assert job.text() == "convert x [running] is being checked"
    gate.go.release()
    job.wait(30)
    assert (job.state, job.text()) == ("done", "convert x [done] a file was made")
    assert jobs.news() == [job] and jobs.news() == [] and jobs.running == []


def test_cancelling_passes_through_the_work_which_cleans_up():
    gate = Gate()
    job = Job("convert x", gate)
    job.start()
    gate.step()
    job.cancel()
    assert job.text() == "convert x [running] is being cancelled"
    gate.go.release()
    job.wait(30)
    assert job.state == "cancelled" and gate.cleaned


def test_failures_are_one_sentence():
    def failing(error):
        def run(progress):
            raise error

        job = Job("convert x", run)
        job.start()
        job.wait(30)
        return job.text()

    assert failing(ModelFileError("there is no model")) == "convert x [failed] there is no model"
    assert failing(ZeroDivisionError("oops")).startswith("convert x [failed] this is a fault of umi (ZeroDivisionError")


def test_closing_cancels_what_runs():
    gate, jobs = Gate(), Jobs()
    job = Job("convert x", gate)
    jobs.start(job)
    gate.step()
    threading.Thread(target=lambda: job._stop.wait(30) and gate.go.release()).start()
    jobs.close()
    assert [job.state for job in jobs] == ["cancelled"]
