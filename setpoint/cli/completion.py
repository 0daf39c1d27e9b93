"""`setpoint completion`: a completion script for bash, zsh or fish, written from the verbs' own parsers."""

from __future__ import annotations

import argparse

from proto.catalog import KINDS
from setpoint.cli.main import VERBS, build_parser

_BASH = """\
# Load with: source <(setpoint completion bash)
_setpoint() {
    local word=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]}
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "%(verbs)s" -- "$word"))
        return
    fi
    case "$verb" in
%(cases)s
    esac
}
complete -o default -F _setpoint setpoint
"""

_ZSH = """\
# Load with: source <(setpoint completion zsh)
autoload -U +X bashcompinit && bashcompinit
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell")


def run(options: argparse.Namespace) -> int:
    """Print the script."""
    if options.shell == "fish":
        print(_fish())
    else:
        print((_ZSH if options.shell == "zsh" else "") + _bash(), end="")
    return 0


def flags_of(verb: str) -> list[str]:
    """All flags of a verb and its subverbs."""
    return sorted({flag for parser in _parsers(verb) for action in parser._actions for flag in action.option_strings})


def words_of(verb: str) -> list[str]:
    """What may follow a verb besides flags: its subverbs or choices, and kinds."""
    words: dict[str, None] = {}
    for parser in _parsers(verb):
        for action in parser._actions:
            if action.option_strings:
                continue
            if action.choices:
                words |= dict.fromkeys(map(str, action.choices))
            elif action.dest == "resource":
                words |= dict.fromkeys(kind.resource for kind in KINDS)
    return list(words)


def _parsers(verb: str) -> list[argparse.ArgumentParser]:
    """The parser of a verb, and those of its subverbs."""
    parser = build_parser(verb)
    nested = (action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return [parser, *(subverb for subverbs in nested for subverb in subverbs.values())]


def _bash() -> str:
    cases = []
    for verb in VERBS:
        words = " ".join([*words_of(verb), *flags_of(verb)])
        cases.append(f'        {verb}) COMPREPLY=($(compgen -W "{words}" -- "$word")) ;;')
    return _BASH % {"verbs": " ".join(VERBS), "cases": "\n".join(cases)}


def _fish() -> str:
    lines = ["# Load with: setpoint completion fish | source", "complete -c setpoint -f"]
    for verb, known in VERBS.items():
        lines.append(f"complete -c setpoint -n __fish_use_subcommand -a {verb} -d '{known.summary}'")
        seen = f"-n '__fish_seen_subcommand_from {verb}'"
        if words_of(verb):
            lines.append(f"complete -c setpoint {seen} -a '{' '.join(words_of(verb))}'")
        for flag in flags_of(verb):
            form = f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}"
            lines.append(f"complete -c setpoint {seen} {form}")
    return "\n".join(lines)
