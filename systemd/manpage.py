#!/usr/bin/env python3
"""Writes a manual page from what a program's argument parser says of itself.

    cprsd --experimental-dump-help | manpage.py 8 > cprsd.8

The first paragraphs come from the command's abstract and discussion, the options from its arguments; so the page cannot
say anything else than --help does. See man-pages(7) for the sections.
"""

import json
import sys


def roff(text):
    """Text that groff prints as it stands."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return "\n".join("\\&" + line if line.startswith(".") else line for line in text.split("\n"))


def paragraphs(text):
    """Prose is filled; lines that are indented stay lines."""
    out, in_example = [], False
    for line in text.split("\n"):
        is_example = line.startswith("  ")
        if is_example != in_example:
            out.append(".nf" if is_example else ".fi")
            in_example = is_example
        out.append(roff(line) if line else ".PP")
    if in_example:
        out.append(".fi")
    return out


def spelled(name):
    return ("-" if name["kind"] == "short" else "--") + name["name"]


def argument(entry):
    """The synopsis of one argument and the entry that explains it."""
    value = f"\\fI{roff(entry['valueName'])}\\fR"
    if entry["kind"] == "positional":
        label = value + (" ..." if entry["isRepeating"] else "")
    else:
        label = ", ".join(f"\\fB{roff(spelled(name))}\\fR" for name in entry["names"])
        if entry["kind"] == "option":
            label += " " + value
    return [".TP", label, roff(entry.get("abstract", "")) or "\\&"]


def command(node, path):
    synopsis = ["\\fB" + roff(" ".join(path)) + "\\fR"]
    shown = [entry for entry in node.get("arguments", []) if entry["shouldDisplay"]]
    if any(entry["kind"] != "positional" for entry in shown):
        synopsis.append("[\\fIoptions\\fR]")
    for entry in shown:
        if entry["kind"] == "positional":
            value = f"\\fI{roff(entry['valueName'])}\\fR" + (" ..." if entry["isRepeating"] else "")
            synopsis.append(f"[{value}]" if entry["isOptional"] else value)
    return " ".join(synopsis), shown


def main():
    section = sys.argv[1]
    root = json.load(sys.stdin)["command"]
    name = root["commandName"]
    version = sys.argv[2] if len(sys.argv) > 2 else ""
    children = [child for child in root.get("subcommands", []) if child["commandName"] != "help"]
    out = [f'.TH {name.upper()} {section} "" "{name} {version}"', ".SH NAME"]
    out.append(f"{name} \\- {roff(root['abstract']).rstrip('.')}")
    out.append(".SH SYNOPSIS")
    synopsis, arguments = command(root, [name])
    if children:
        for child in children:
            out += [command(child, [name, child["commandName"]])[0], ".br"]
    else:
        out.append(synopsis)
    out.append(".SH DESCRIPTION")
    out += paragraphs(root.get("discussion", ""))
    if arguments:
        out.append(".SH OPTIONS")
        for entry in arguments:
            out += argument(entry)
    for child in children:
        synopsis, arguments = command(child, [name, child["commandName"]])
        out.append(f".SH \"{name.upper()} {child['commandName'].upper()}\"")
        out += [synopsis, ".PP", roff(child.get("abstract", "")), ".PP"]
        out += paragraphs(child.get("discussion", ""))
        for entry in arguments:
            out += argument(entry)
    other = {"cprs": "cprsd (8)", "cprsd": "cprs (1), systemd.socket (5)"}.get(name)
    if other:
        out += [".SH SEE ALSO", roff(other)]
    print("\n".join(out))


if __name__ == "__main__":
    main()
