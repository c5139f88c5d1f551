"""Computing maps while the explorer stays usable."""

import threading
from collections.abc import Callable

import ipywidgets as widgets

Task = tuple  # of what compute is called with


class Background:
    """Calls compute(*task) for the tasks asked for last, one after the other, in a thread.

    done is called after each, failed(task, error) if one fails; then the rest is dropped. widget: a
    progress bar, there only while something is being computed. The lock is held during done.
    """

    def __init__(self, compute: Callable, done: Callable, failed: Callable, lock: threading.RLock):
        self.compute, self.done, self.failed, self.lock = compute, done, failed, lock
        self.widget = widgets.IntProgress(min=0, max=1, description="Computing")
        self.widget.layout.display = "none"
        self._tasks: list[Task] = []
        self._thread: threading.Thread | None = None

    def want(self, tasks: list[Task]) -> None:
        """Compute these, and forget what was wanted before."""
        with self.lock:
            self._tasks = list(tasks)
            if tasks and self._thread is None:
                self.widget.value = 0
                self.widget.max = len(tasks)
                self.widget.layout.display = ""
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()

    def wait(self, timeout: float = 60) -> None:
        """Wait until nothing is being computed."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)

    def _work(self) -> None:
        while True:
            with self.lock:
                if not self._tasks:
                    self._thread = None
                    self.widget.layout.display = "none"
                    return
                task = self._tasks[0]
                self.widget.max = self.widget.value + len(self._tasks)
            try:
                self.compute(*task)
            except Exception as error:  # whatever went wrong, the reader must be told
                with self.lock:
                    self._tasks = []
                self.failed(task, error)
                continue
            with self.lock:
                self.widget.value += 1
                self.done()
