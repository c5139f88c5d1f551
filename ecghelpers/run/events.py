"""What Snakemake is doing, as JSON lines for the front: see ``ecghelpers.run.cli``."""

import json
import logging

from snakemake_interface_logger_plugins.common import LogEvent

SET_PHRASE = "Union of exclusive params before and now across all output: "


class _EventStream(logging.Handler):
    """Writes one JSON line to standard output for each event that a reader may want to see."""

    def emit(self, record: logging.LogRecord) -> None:
        event = _event(record)
        if event:
            print(json.dumps(event), flush=True)


def _event(record: logging.LogRecord) -> dict | None:
    kind = getattr(record, "event", None)
    if kind == LogEvent.RUN_INFO:
        jobs = sum(count for rule, count in record.stats.items() if rule not in ("all", "total"))
        return {"event": "total", "jobs": jobs}
    if kind == LogEvent.JOB_INFO and record.rule_name != "all":
        return {
            "event": "start",
            "job": record.jobid,
            "label": record.rule_msg,
            "logs": list(record.log),
            "reason": " ".join(record.reason.replace(SET_PHRASE, "").split()),
        }
    if kind == LogEvent.JOB_FINISHED:
        return {"event": "end", "job": record.job_id}
    if kind == LogEvent.JOB_ERROR:
        return {"event": "error", "job": record.jobid, "logs": list(map(str, record.log))}
    if kind is None and str(record.msg).startswith("SLURM run ID: "):
        return {"event": "slurm", "run": record.msg.rpartition(" ")[2]}
    if record.levelno >= logging.ERROR and kind in (None, LogEvent.ERROR):
        return {"event": "message", "text": record.getMessage()}
    return None


def report_events(logger: logging.Logger) -> None:
    """Let Snakemake's logger write its events to standard output, besides its usual log."""
    logger.addHandler(_EventStream())
