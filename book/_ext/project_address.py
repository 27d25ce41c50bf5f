"""Fill in every setting that depends on the repository's address, or do without.

:mod:`repository_address` finds the address. This extension derives from it, before Sphinx
starts, the repository, edit, issue and launch buttons, the address of the published site and the
substitutions that pages use (``{{ repository }}`` and others). Where no address is known, or the
host is not GitHub, what would lead nowhere is left out and the pages say the same in plain words.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from repository_address import HOW_TO_SET, Repository, find_repository, notebooks_branch
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError

BUTTONS = ("use_repository_button", "use_edit_page_button", "use_issues_button")
_OG_URL = re.compile(r'<meta property="og:url"[^>]*>\s*')


def pages_url(repository: Repository | None) -> str:
    """Return the address at which the built site of a repository is published.

    Parameters
    ----------
    repository
        The repository, if it is known.

    Returns
    -------
    str
        ``https://owner.github.io/NAME/``, with a trailing slash; empty off GitHub.
    """
    if repository is None or not repository.on_github:
        return ""
    host = f"{repository.owner.lower()}.github.io"
    if repository.name.lower() == host:
        return f"https://{host}/"
    return f"https://{host}/{repository.name}/"


def substitutions(repository: Repository | None) -> dict[str, str]:
    """Return the substitutions that pages may use; each reads well without an address too.

    Parameters
    ----------
    repository
        The repository, if it is known.

    Returns
    -------
    dict of str to str
        MyST text by name.
    """
    text = {
        "repository": "the repository",
        "issues": "the people from whom you have it",
        "binder": "Binder",
        "clone_commands": "In a terminal, go to the folder of your copy of the book, "
        "the one that holds `Makefile`, and call\n\n```bash\nmake book\n```",
        "install_command": "```bash\npip install path/to/your/copy\n```",
    }
    if repository is None:
        return text
    url, name = repository.url, repository.name
    text["repository"] = f"[the repository]({url})"
    text["issues"] = f"the keepers of [the repository]({url})"
    text["clone_commands"] = f"```bash\ngit clone {url}\ncd {name}\nmake book\n```"
    text["install_command"] = f"```bash\npip install git+{url}\n```"
    if repository.on_github:
        branch = notebooks_branch(repository, os.environ) or repository.branch
        place = f"{repository.owner}/{name}/{quote(branch, safe='')}"
        binder = f"https://mybinder.org/v2/gh/{place}?urlpath=lab/tree/notebooks"
        text["issues"] = f"[the issue tracker]({url}/issues)"
        text["binder"] = f"[Binder]({binder})"
    return text


def notice(repository: Repository | None) -> str:
    """Say in one line which address is used, or how to set one.

    Parameters
    ----------
    repository
        The repository, if it is known.

    Returns
    -------
    str
        The line.
    """
    if repository is None:
        return (
            "No repository address is known, so the site has no launch, edit and issue buttons: "
            f"{HOW_TO_SET} to have them."
        )
    buttons = "" if repository.on_github else " It is not on GitHub: no launch and edit buttons."
    found = f"from {repository.source}, branch {repository.branch}"
    return f"Links lead to {repository.url} ({found}).{buttons}"


def fill_in(app: Sphinx, config: Config) -> None:
    """Set every option that depends on the address (event ``config-inited``)."""
    try:
        repository = find_repository(Path(app.srcdir), os.environ)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    print(notice(repository), flush=True)
    options = config.html_theme_options
    if repository is not None and repository.on_github:
        options["repository_url"] = repository.url
        options["repository_provider"] = "github"
        options["repository_branch"] = repository.branch
    else:
        options.pop("launch_buttons", None)
        options.update(dict.fromkeys(BUTTONS, False))
        # The sitemap is the one part that asks for the site's address.
        config.suppress_warnings = [*config.suppress_warnings, "sitemap.configuration"]
    config.html_baseurl = config.ogp_site_url = pages_url(repository)
    config.myst_substitutions = {**config.myst_substitutions, **substitutions(repository)}


def leave_out_sitemap(app: Sphinx) -> None:
    """Remove a sitemap that an earlier build left behind (event ``builder-inited``)."""
    if not app.config.html_baseurl:
        (Path(app.outdir) / "sitemap.xml").unlink(missing_ok=True)


def leave_out_page_url(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Remove Open Graph's address of a page where it would be relative (``html-page-context``)."""
    if not app.config.html_baseurl and "metatags" in context:
        context["metatags"] = _OG_URL.sub("", context["metatags"])


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.connect("config-inited", fill_in, priority=100)
    app.connect("builder-inited", leave_out_sitemap)
    app.connect("html-page-context", leave_out_page_url, priority=900)
    return {"version": "2", "parallel_read_safe": True, "parallel_write_safe": True}
