# Finds the book's package `utils`; where it is missing, Colab (and nothing else) installs it.
import importlib.util, os, pathlib, re, subprocess, sys, urllib.parse, urllib.request
file = getattr(importlib.util.find_spec("utils"), "origin", None)
if b"__book__" not in pathlib.Path(file).read_bytes() if file else "google.colab" not in sys.modules:
    raise ImportError(f"`import utils` finds {file or 'nothing'} and not the book's package: start Jupyter with `make lab`, and rename a `utils.py` that lies beside this notebook.")
if not file and not (address := os.environ.get("BOOK_REPOSITORY")):
    try:  # Colab's server knows from which address on GitHub a notebook was opened.
        server = "http://{COLAB_JUPYTER_IP}:{KMP_TARGET_PORT}/api/sessions".format(**os.environ)
        sessions = urllib.parse.unquote(urllib.request.urlopen(server, timeout=9).read().decode())
        address = "@".join(re.findall(r'(https://github\.com/[^/"]+/[^/"]+)/blob/([^"]+?)/(?:chapters|notebooks)/\d\d[a-z]?_\w+\.ipynb', sessions)[0])
    except Exception:
        raise RuntimeError("Colab does not say which repository this notebook is from: run `%env BOOK_REPOSITORY=https://github.com/OWNER/NAME` in a cell above.") from None
if not file:
    print(f"Installing the book from {address}; this takes a few minutes.")
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", f"git+{address}"], check=True, env={**os.environ, "BOOK_CHECKPOINTS": "all"})
