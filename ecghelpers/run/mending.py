"""What is not as its step made it, before a run: what is made again, left out, or refused."""

from pathlib import Path

from .. import checksums
from ..ecg import TARGETS
from .lock import Refusal, short
from .plan import SETTINGS, Plan
from .report import LOG
from .steps import is_read, made_by

FOLDERS = ("logs", "notebooks", "data", "planted", "site", ".snakemake", checksums.FOLDER, *TARGETS)
ALTERED = {  # what is said of a file that is not what its step made
    "gone": "is gone: it is made again",
    "damaged": "is damaged (checksum): it is made again",
    "changed": "was written since by something else than this command, such as a notebook run by "
    "hand: it is made again",
}


def check_kinds(results: Path) -> None:
    """Raise Refusal for a file where a folder belongs, or a folder where a file does."""
    for name in FOLDERS:
        if (results / name).exists() and not (results / name).is_dir():
            raise Refusal(f"{short(results / name)} is a file where a folder belongs; rename it")
    for name in (SETTINGS, LOG):
        if (results / name).is_dir():
            raise Refusal(f"{short(results / name)} is a folder where a file belongs; rename it")


def to_mend(plan: Plan) -> tuple[dict[str, str], dict[str, str]]:
    """What is not what its step made: what this run makes again, and that of other targets.

    Raises Refusal for a file that it may need and does not make.
    """
    mended, others = {}, {}
    for file, state in checksums.altered(plan.results).items():
        step, name, of = made_by(file) or (None, "", {})
        if step is None or (state == "changed" and not is_read(name)):
            continue
        place = f"{short(plan.results / file)} {ALTERED[state].partition(':')[0]}"
        if not _asked_for(plan.settings, **of):
            if state != "gone":
                print(f"{place}: it is left out; a run for its target makes it again")
            others[file] = state
        elif step.rule in plan.settings["steps"]:
            mended[file] = state
        elif is_read(name):
            raise Refusal(f"{place}: run the step that makes it as well ({step.rule})")
    return mended, others


def _asked_for(settings: dict, target: str = "", model: str = "1", plant: str = "") -> bool:
    """Whether a run is about a target's model, or a plant; a file of neither is everyone's."""
    if plant:
        return plant in settings["plants"]
    return not target or (target in settings["targets"] and int(model) <= settings["models"])


def set_aside(plan: Plan) -> None:
    """Rename what is not what its step made, and say what this run makes again."""
    mended, others = to_mend(plan)
    for file, state in (mended | others).items():
        place = short(plan.results / file)
        try:
            aside = checksums.set_aside(plan.results, file, state)
        except OSError as error:
            raise Refusal(f"{place} is damaged and cannot be renamed: {error.strerror}") from error
        new_name = f" (kept as {short(plan.results / aside)})" if state == "changed" else ""
        if file in mended:
            print(f"{place} {ALTERED[state]}{new_name}")
