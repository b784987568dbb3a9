"""Write each stage's README.md from its docstring and declaration: `python -m components.readme`."""

import importlib
from pathlib import Path

from components.arguments import flag
from components.declaration import Stage

FOLDER = Path(__file__).parent


def stage_names() -> list[str]:
    """Return the stages, by name."""
    return sorted(path.parent.name for path in FOLDER.glob("*/__main__.py"))


def load_stage(name: str) -> tuple[Stage, str]:
    """Return a stage's declaration and docstring."""
    module = importlib.import_module(f"components.{name}.__main__")
    stage: Stage = module.STAGE
    return stage, (module.__doc__ or "").strip()


def render(stage: Stage, docstring: str) -> str:
    """Return the stage's README."""
    rows = [("--params", "params.yaml")]
    rows += [(flag(entry.name), _described(entry.help, entry.over)) for entry in stage.inputs]
    rows += [(flag(option.name), option.help) for option in stage.options]
    rows += [
        ("--out", f"{stage.output}; complete or absent"),
        ("--work", "scratch that survives a kill" if stage.scratch else "a folder for locks"),
    ]
    keys = ", ".join(f"`{key}`" for key in sorted(stage.keys("<profile>")))
    cards = ", ".join(f"`{card.artifact}` ({card.pattern})" for card in stage.cards)
    lines = [
        f"# {stage.name}",
        "",
        docstring,
        "",
        "```",
        f"python -m components.{stage.name} --help",
        "```",
        "",
        "| argument | what it is |",
        "|---|---|",
        *(f"| `{name}` | {text} |" for name, text in rows),
        "",
        f"Reads these keys of params.yaml: {keys}.",
        *(["", f"Kubeflow's page shows: {cards}."] if cards else []),
        "",
        "Made from `__main__.py` by `make readmes`.",
        "",
    ]
    return "\n".join(lines)


def _described(text: str, over: str | None) -> str:
    return text if over is None else f"{text}; on a cluster the executor input lists them instead"


def main() -> None:
    """Write every stage's README."""
    for name in stage_names():
        (FOLDER / name / "README.md").write_text(render(*load_stage(name)), encoding="utf-8")


if __name__ == "__main__":
    main()
