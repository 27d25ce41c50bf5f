"""Fill in every setting that depends on the repository's address.

The address stands in one place, ``[project.urls] Repository`` in
``pyproject.toml``. This extension reads it before Sphinx starts and derives the
repository, edit, issue and launch buttons, the address of the published site
and the substitutions that pages use (``{{ repository }}`` and others).
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError


def read_repository_url(pyproject: Path) -> str:
    """Return the repository's address from a ``pyproject.toml``.

    Parameters
    ----------
    pyproject
        Path of the file.

    Returns
    -------
    str
        The address without a trailing slash or ``.git``.

    Raises
    ------
    ConfigError
        If the file or the entry is missing, or the address is no web address
        of the form ``https://HOST/OWNER/NAME``.
    """
    if not pyproject.is_file():
        raise ConfigError(f"There is no {pyproject.name} beside _config.yml; run from a checkout.")
    project = tomllib.loads(pyproject.read_text(encoding="utf-8")).get("project", {})
    url = str(project.get("urls", {}).get("Repository", "")).removesuffix("/").removesuffix(".git")
    parts = urlsplit(url)
    if parts.scheme != "https" or len(parts.path.strip("/").split("/")) != 2:
        raise ConfigError(
            f"pyproject.toml: [project.urls] Repository is {url!r}; "
            "expected an address like https://github.com/OWNER/NAME."
        )
    return url


def pages_url(repository: str) -> str:
    """Return the address at which the built site of a repository is published.

    Parameters
    ----------
    repository
        The repository's address, ``https://HOST/OWNER/NAME``.

    Returns
    -------
    str
        ``https://owner.github.io/NAME/``, with a trailing slash.
    """
    owner, name = urlsplit(repository).path.strip("/").split("/")
    if name.lower() == f"{owner.lower()}.github.io":
        return f"https://{owner.lower()}.github.io/"
    return f"https://{owner.lower()}.github.io/{name}/"


def substitutions(repository: str, branch: str) -> dict[str, str]:
    """Return the substitutions that pages may use.

    Parameters
    ----------
    repository
        The repository's address.
    branch
        The branch that the launch buttons open.

    Returns
    -------
    dict of str to str
        MyST text by name.
    """
    owner, name = urlsplit(repository).path.strip("/").split("/")
    binder = f"https://mybinder.org/v2/gh/{owner}/{name}/{branch}?urlpath=lab/tree/chapters"
    return {
        "repository": f"[the repository]({repository})",
        "issues": f"[the issue tracker]({repository}/issues)",
        "binder": f"[Binder]({binder})",
        "clone_commands": f"```bash\ngit clone {repository}\ncd {name}\nmake book\n```",
    }


def fill_in(app: Sphinx, config: Config) -> None:
    """Set every option that depends on the address (event ``config-inited``)."""
    repository = read_repository_url(Path(app.srcdir) / "pyproject.toml")
    options = config.html_theme_options
    branch = options.setdefault("repository_branch", "main")
    options["repository_url"] = repository
    options["repository_provider"] = "github"
    published = pages_url(repository)
    config.html_baseurl = published
    config.ogp_site_url = published
    config.myst_substitutions = {
        **config.myst_substitutions,
        **substitutions(repository, branch),
    }


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.connect("config-inited", fill_in, priority=100)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
