# Two commands do all: `make book` and `make test`. `make` alone lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help doctor preflight book html chapter chapter-new outputs notebooks course quizzes serve lab slides slides-pdf pdf offline downloads test check unit lint bench compat lock sync clean env env-dev

VENV ?= .venv
PYTHON ?= $(shell sh book/_tools/python.sh)
PORT ?= 8000
# CUDA=1 installs the build of PyTorch for NVIDIA's cards in place of the one for processors.
CUDA ?=
GPU := $(filter 1 yes,$(CUDA))
# Paths are relative, so that a folder whose name has a space in it does no harm.
BIN := $(VENV)/bin
# With CUDA=1 they are stamps of their own, so that it changes an environment that is there.
READERS := $(VENV)/.readers$(if $(GPU),-cuda)
DEVELOPERS := $(VENV)/.developers$(if $(GPU),-cuda)
INDEX := _build/html/index.html
NAME := interpreting-equivariant-representations
TAKEN := _build/pdf/$(NAME).pdf:_build/offline/$(NAME).zip
NB := chapters/*.ipynb
# The molecules are prepared once on each machine, before a chapter asks for them.
DATA := $(BIN)/python -m book._tools.data
# One thread for each kernel: two chapters run side by side, and sums come out the same.
THREADS := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
# A worker that crashes ends the run: with a new one in its place, the run may wait for ever.
WORKERS := -n 2 --max-worker-restart 0
SPHINX := PATH="$$(cd "$(BIN)" && pwd):$$PATH" $(BIN)/jupyter-book build . -W -n --keep-going -q
LOCKS := requirements.txt requirements-torch.txt requirements-uv.txt
INSTALL := "$(PYTHON)" -m book._tools.install --venv "$(VENV)" $(if $(GPU),--cuda)

# The environment's own Python is examined where there is one, and else the one that would make it.
EXAMINED := $(shell "$(BIN)/python" -c "" 2>/dev/null && echo "$(BIN)/python" || echo "$(PYTHON)")
DOCTOR := test -n "$(EXAMINED)" || { echo "error: no Python was found: install Python 3.11 to 3.14, or call make PYTHON=/path/to/python3"; exit 1; }; "$(EXAMINED)" -m book._tools.doctor

help:  ## list the commands
	@echo "make COMMAND, where COMMAND is one of"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

# -- environment: made when missing, refreshed when the locks or pyproject.toml change

doctor:  ## look at this machine and say what would not work, and what mends it
	@$(DOCTOR) $(if $(GPU),--cuda)

preflight:
	@$(DOCTOR) --quiet $(if $(GPU),--cuda)

$(READERS): $(LOCKS) pyproject.toml | preflight
	@$(INSTALL)
	@touch $(VENV)/.readers $@

$(DEVELOPERS): requirements-dev.txt $(LOCKS) pyproject.toml | preflight
	@$(INSTALL) --developers
	@touch $(VENV)/.readers $(VENV)/.developers $(READERS) $@

env: $(READERS)  ## make or refresh the environment for reading and running
env-dev: $(DEVELOPERS)  ## make or refresh the environment for developing

# -- the book

book: preflight $(READERS)  ## execute every chapter that changed and build the site
	@$(DATA)
	@echo "== executing the chapters"
	@$(THREADS) $(BIN)/python -m book._tools.execute
	@echo "== building the site from what was just executed"
	@BOOK_EXECUTED=_build/executed $(SPHINX)
	@echo "The book is ready: $$PWD/$(INDEX)"

html: $(READERS)  ## build the site from the outputs in the repository
	@echo "== building the site from the committed outputs"
	@$(SPHINX)
	@echo "The book is ready: $$PWD/$(INDEX)"

chapter: $(READERS)  ## execute one chapter, or one companion page (N=07a), and build it: make chapter N=07
	@test -n "$(N)" || { echo "error: say which chapter, for example make chapter N=07"; exit 1; }
	@$(DATA)
	@echo "== executing chapter $(N)"
	@$(THREADS) $(BIN)/python -m book._tools.execute --only "$(N)" --force
	@echo "== building the site around it"
	@BOOK_EXECUTED=_build/executed BOOK_PARTIAL=1 $(SPHINX)
	@echo "The chapter is ready: $$PWD/_build/html/chapters/$$(cd chapters && ls $(N)_*.ipynb 0$(N)_*.ipynb 2>/dev/null | sed s/ipynb/html/)"

outputs: $(READERS)  ## execute the chapters and write their outputs into chapters/
	@$(DATA)
	@echo "== executing the chapters and renewing the committed outputs"
	@$(THREADS) $(BIN)/python -m book._tools.execute --in-place $(if $(N),--only $(N))

chapter-new: $(READERS)  ## begin a chapter that passes every check: make chapter-new N=19 TITLE="..."
	@test -n "$(N)" -a -n "$(TITLE)" || { echo 'error: say which chapter, for example make chapter-new N=19 TITLE="Steerable kernels"'; exit 1; }
	@$(BIN)/python -m book._tools.new_chapter "$(N)" "$(TITLE)"
	@echo "== executing chapter $(N)"
	@$(THREADS) $(BIN)/python -m book._tools.execute --only "$(N)" --in-place

serve: $(READERS)  ## serve the built site on this machine
	@$(BIN)/python -m book._tools.serve $(PORT)

notebooks: html  ## lay out the notebooks that readers open, in notebooks/; what you changed stays
	@$(BIN)/python -m book._tools.notebooks

lab: $(READERS)  ## open those notebooks in JupyterLab
	@$(DATA)
	@$(BIN)/python -m book._tools.notebooks --fresh 2>/dev/null || $(MAKE) --no-print-directory notebooks
	@$(BIN)/python -m book._tools.lab

course: $(READERS)  ## write the assignments of a course: make course SEED=2027 [ROSTER=students.csv] [SYLLABUS=twelve] [N=05]
	@$(BIN)/python -m book._tools.course $(if $(SEED),--seed "$(SEED)") $(if $(ROSTER),--roster "$(ROSTER)") $(if $(filter-out undefined,$(origin SYLLABUS)),--syllabus "$(SYLLABUS)") $(if $(N),--only "$(N)")

quizzes: $(READERS)  ## write the concept questions for Moodle and as QTI, in _build/course/quizzes
	@$(BIN)/python -m book._tools.quizzes

slides: html  ## slides of a chapter (N=05) or of all, in _build/slides, with notes for the speaker
	@$(BIN)/python -m book._tools.slides $(if $(N),--only "$(N)")

slides-pdf: html $(DEVELOPERS)  ## the same, printed into a PDF, too; takes a Chromium
	@$(BIN)/python -m book._tools.slides --pdf $(if $(N),--only "$(N)")

pdf: html $(DEVELOPERS)  ## print the book, or a chapter (N=05), in _build/pdf, SOLUTIONS=1 with solutions; takes a Chromium
	@$(BIN)/python -m book._tools.pdf $(if $(N),--only "$(N)") $(if $(filter 1 yes,$(SOLUTIONS)),--solutions)

offline: html  ## one zip of the site, which opens from a file manager, in _build/offline
	@$(BIN)/python -m book._tools.offline

# The foot of the site leads to the whole book, whatever was asked for on the command line.
downloads: override N :=
downloads: override SOLUTIONS :=
downloads: offline pdf  ## the site with the zip and the PDF on it, linked in the foot of each page
	@echo "== building the site with what a reader can take along"
	@BOOK_DOWNLOADS="$(TAKEN)" $(SPHINX)
	@echo "The book is ready: $$PWD/$(INDEX)"

# -- checks

lint: $(DEVELOPERS)  ## ruff, mypy, the rooms of utils, scripts, files in step
	@echo "== lint: style, types, rooms, scripts, files made from others"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python -m book._tools.scripts
	@$(BIN)/python -m book._tools.sync --check

check: lint  ## lint, and the unit tests of what changed since the main branch, in two minutes
	@$(DATA)
	@echo "== tests: what changed"
	@$(THREADS) $(BIN)/python -m book._tools.check $(if $(SINCE),--since "$(SINCE)")

unit: $(DEVELOPERS)  ## the tests of utils, of the tools and of files
	@$(DATA)
	@echo "== tests: utils, tools and files"
	@$(THREADS) $(BIN)/pytest tests/unit $(WORKERS) --dist loadfile -q

test: lint unit  ## lint, unit tests, every notebook, the site
	@echo "== tests: every notebook runs, offline, within its budget, and prints what is stored"
	@$(THREADS) $(BIN)/pytest $(NB) -p tests.notebooks --nbval --nbval-sanitize-with tests/sanitize.cfg $(WORKERS) --dist loadfile -q
	@echo "== building the site from the committed outputs"
	@$(SPHINX)
	@echo "== tests: the site"
	@$(BIN)/pytest tests/site $(WORKERS) --dist load -q

bench: $(DEVELOPERS)  ## ratios against naive versions
	@echo "== benchmarks"
	@$(THREADS) $(BIN)/pytest tests/benchmarks -q --benchmark-columns=min,median,rounds

compat:  ## make test on another Python: make compat DEBIAN=trixie, or PYTHON=/path/to/python3.13
	@bash tests/compat.sh $(if $(DEBIAN),--debian "$(DEBIAN)",--python "$(PYTHON)") $(TARGETS)

# -- maintenance

lock: $(DEVELOPERS)  ## resolve pyproject.toml anew and pin every package
	@echo "== locking the requirements"
	@$(BIN)/python -m book._tools.lock $(if $(UPGRADE),--upgrade)

sync: $(READERS)  ## bring the files that are made from pyproject.toml in step
	@echo "== bringing files in step"
	@$(BIN)/python -m book._tools.sync

clean:  ## remove the built site and the executed copies; keep the environment
	@echo "== removing _build"
	@rm -rf _build
