"""Where the repository of this copy of the book is published: looked up, never written down.

The address is taken from the environment (``BOOK_REPOSITORY``, or what GitHub tells a workflow),
else from git's remote ``origin``, else there is none. So a fork's pages lead to the fork without
an edit, and a copy that lies on a disk alone has no dead links.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

VARIABLE = "BOOK_REPOSITORY"
BRANCH_VARIABLE = "BOOK_BRANCH"
NOTEBOOKS_VARIABLE = "BOOK_NOTEBOOKS_BRANCH"
HOW_TO_SET = f"set {VARIABLE}=https://github.com/OWNER/NAME"
_DEFAULT_BRANCH = "main"
_SCHEMES = ("https", "http", "ssh", "git")
_SCP = re.compile(r"(?:[\w.-]+@)?(?P<host>[\w.-]+):(?P<path>.+)")
_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+")
_PART = re.compile(r"(?!\.+$)[\w.~-]+")
_SAME_HOST = {"www.github.com": "github.com", "ssh.github.com": "github.com"}


@dataclass(frozen=True)
class Repository:
    """A repository that readers can reach.

    Attributes
    ----------
    url
        Its address, ``https://HOST/OWNER/NAME``, without a slash at the end.
    branch
        The branch that links and launch buttons open.
    source
        Where the address was found, in words.
    """

    url: str
    branch: str
    source: str

    @property
    def host(self) -> str:
        """The host, for example ``github.com``."""
        return urlsplit(self.url).netloc

    @property
    def owner(self) -> str:
        """The owner, with all groups where a host nests them."""
        return urlsplit(self.url).path.strip("/").rpartition("/")[0]

    @property
    def name(self) -> str:
        """The name, which is that of the folder of a clone."""
        return self.url.rpartition("/")[2]

    @property
    def on_github(self) -> bool:
        """Whether it lies on github.com, which Binder, Colab and the page buttons ask for."""
        return self.host == "github.com"


def web_address(remote: str) -> str | None:
    """Return the web address of a repository from any form that git accepts.

    Parameters
    ----------
    remote
        An address such as ``git@github.com:owner/name.git``,
        ``ssh://git@host.org:22/owner/name`` or ``https://token@host.org/owner/name.git``.

    Returns
    -------
    str or None
        ``https://host/owner/name`` without user, password and ``.git``; ``http`` stays ``http``,
        except on GitHub. ``None`` for a folder, a file, the short name of a host or anything else
        that no reader could open.

    Examples
    --------
    >>> web_address("git@github.com:owner/name.git")
    'https://github.com/owner/name'
    >>> web_address("/home/me/name") is None
    True
    """
    text, scheme, port = remote.strip(), "https", None
    if "://" in text:
        try:
            parts = urlsplit(text)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            return None
        if parts.scheme not in _SCHEMES or parts.query or parts.fragment:
            return None
        path = parts.path
        if parts.scheme == "http":
            scheme = "http"
        elif parts.scheme != "https":
            port = None  # of ssh or git, not of the web
    elif match := _SCP.fullmatch(text):
        host, path = match["host"].lower(), match["path"]
    else:
        return None
    host = _SAME_HOST.get(host, host)
    names = path.strip("/").removesuffix(".git").split("/")
    if len(names) < 2 or not all(_PART.fullmatch(name) for name in names):
        return None
    if not _HOST.fullmatch(host) or (host == "github.com" and len(names) != 2):
        return None
    if host == "github.com":
        scheme, port = "https", None
    return f"{scheme}://{host}{f':{port}' if port else ''}/{'/'.join(names)}"


def _workflow_branch(environ: Mapping[str, str]) -> str:
    """Name the branch that a workflow runs for: the target of a pull request, or what was pushed.

    A tag, or the merge of a pull request (``refs/pull/…``), is no branch.
    """
    ref = environ.get("GITHUB_REF", "")
    pushed = ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else ""
    return environ.get("GITHUB_BASE_REF", "") or pushed


def choose_repository(
    environ: Mapping[str, str], remote: str = "", remote_branch: str = ""
) -> Repository | None:
    """Choose the repository from what the environment and git say.

    Parameters
    ----------
    environ
        The environment. ``BOOK_REPOSITORY`` comes first; its value ``none`` stands for a book
        without an address. Then come GitHub's own variables in a workflow. ``BOOK_BRANCH`` names
        the branch where it cannot be found.
    remote
        The address of git's remote ``origin``, in any form; empty if there is none.
    remote_branch
        The default branch of that remote, as far as the clone knows it.

    Returns
    -------
    Repository or None
        The repository, or ``None`` if no address is known.

    Raises
    ------
    ValueError
        If ``BOOK_REPOSITORY`` is set to something that is no address. Its value is not repeated,
        for it may hold a password.
    """
    asked = environ.get(VARIABLE, "").strip()
    if asked.lower() == "none":
        return None
    name = environ.get("GITHUB_REPOSITORY", "")
    server = environ.get("GITHUB_SERVER_URL", "https://github.com")
    workflow, origin = web_address(f"{server}/{name}") if name else None, web_address(remote)
    if asked:
        url, source = web_address(asked), VARIABLE
        if url is None:
            raise ValueError(
                f"{VARIABLE} is not the address of a repository: {HOW_TO_SET}, "
                f"or {VARIABLE}=none for a book without links to one."
            )
    elif workflow:
        url, source = workflow, "GITHUB_REPOSITORY"
    else:
        url, source = origin, "git's remote origin"
    if url is None:
        return None
    branch = environ.get(BRANCH_VARIABLE, "").strip()
    if not branch and url == workflow:
        branch = _workflow_branch(environ)
    if not branch and url == origin:
        branch = remote_branch
    branch = branch or _DEFAULT_BRANCH
    return Repository(url, branch, source)


def notebooks_branch(repository: Repository, environ: Mapping[str, str]) -> str:
    """Name the branch that holds runner notebooks, if there is one.

    Parameters
    ----------
    repository
        The repository.
    environ
        The environment. ``BOOK_NOTEBOOKS_BRANCH`` names the branch to which whoever builds the
        site will push the runner notebooks.

    Returns
    -------
    str
        The branch; empty where nobody promises one.

    Raises
    ------
    ValueError
        If it is the branch of the book itself.
    """
    branch = environ.get(NOTEBOOKS_VARIABLE, "").strip()
    if branch == repository.branch:
        raise ValueError(f"{NOTEBOOKS_VARIABLE} names {branch}, the branch of the book itself.")
    return branch


def ask_git(root: Path, *words: str) -> str:
    """Return what git answers about the clone in a folder.

    Parameters
    ----------
    root
        The book's own folder. A repository further up, in which the book was merely unpacked, is
        somebody else's and is not asked.
    *words
        What to ask, such as ``rev-parse HEAD``.

    Returns
    -------
    str
        The answer, nothing around it; empty where there is no clone, no git or no answer.
    """
    folder = (root / ".git").absolute()
    if not folder.exists():
        return ""
    command = ["git", "-C", str(root), "--git-dir", str(folder), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:  # git is not installed
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def git_remote(root: Path) -> tuple[str, str]:
    """Ask git for the remote ``origin`` of a clone.

    Parameters
    ----------
    root
        The book's own folder.

    Returns
    -------
    tuple of str and str
        Its address as git stores it and the default branch as the clone knows it; each is empty
        if it is not known.
    """
    head = ask_git(root, "symbolic-ref", "--short", "refs/remotes/origin/HEAD")
    return ask_git(root, "remote", "get-url", "origin"), head.removeprefix("origin/")


def find_repository(root: Path, environ: Mapping[str, str]) -> Repository | None:
    """Find the repository of the copy of the book in a folder.

    Parameters
    ----------
    root
        The folder that holds ``_config.yml``.
    environ
        The environment.

    Returns
    -------
    Repository or None
        The repository, or ``None`` if no address is known.

    Raises
    ------
    ValueError
        If ``BOOK_REPOSITORY`` is set to something that is no address.
    """
    return choose_repository(environ, *git_remote(root))
