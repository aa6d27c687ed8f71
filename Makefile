# Everything a newcomer types: `make reproduce`, `make test`. `make help` lists the rest.
# PYTHON chooses the interpreter that .venv is made from (3.11, 3.12 or 3.13).
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Files of plain English; .proselintrc.json switches off checks that take code and tables for prose.
PAGES := $(wildcard *.md docs/*.md docs/results/*.md data/*.md studies/files/*.md) NOTICE \
  params.yaml dvc.yaml $(wildcard studies/*.yaml)
.DEFAULT_GOAL := help
.PHONY: help setup reproduce test test-all lint plots experiments publish record plan fetch features-list pin describe bench planted chaos audit requirements

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/ready  ## make .venv and install the pinned requirements (the others do this first)

.venv/ready: requirements.txt requirements-uv.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(not (3, 11) <= v[:2] <= (3, 13) and \
	  f"Python {v[0]}.{v[1]} is not supported: use 3.11, 3.12 or 3.13, as in make PYTHON=python3.11")'
	@echo "Setting up .venv, once: this downloads several gigabytes (PyTorch) and takes some minutes"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements-uv.txt
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes --compile-bytecode requirements.txt
	@touch $@

reproduce: .venv/ready  ## set up, then run the study of params.yaml (the default one offline)
	@echo "Running the study of params.yaml. The default one takes 3 to 10 minutes at first, on 2 cores;"
	@echo "whatever is unchanged is not computed again. Interrupt it when you like, and run it again."
	@dvc repro

test: .venv/ready  ## check lint, types and prose, and run all tests
	ruff format --check .
	ruff check .
	mypy
	lint-imports
	codespell $(PAGES) CITATION.cff Makefile stages commands benchmarks chaos record
	proselint check $(PAGES) stages/report/templates/report.yaml
	pytest -n auto --dist loadfile

lint: .venv/ready  ## format, lint and types only; repairs what it can
	ruff format .
	ruff check --fix .
	mypy
	lint-imports

plots: .venv/ready  ## write the plots as a page, dvc_plots/index.html: make plots REVS="HEAD name"
	@python -m commands.plots $(REVS)

experiments: .venv/ready  ## print experiments side by side: make experiments REVS="name name"
	@python -m commands.experiments $(REVS)

publish: .venv/ready  ## keep what the study found under docs/results/, from a committed run
	@python -m commands.publish

record: .venv/ready  ## make the tables of published facts again: studies/models, studies/published
	@python -m record

plan: .venv/ready  ## say what a study would cost: make plan STUDY=open
	@python -m commands.plan $(STUDY)

fetch: .venv/ready  ## download a study's published weights before it runs: make fetch STUDY=open
	@python -m commands.prefetch $(STUDY)

features-list: .venv/ready  ## write the images as files, for programs that extract features
	@python -m commands.features_list $(STUDY)

pin: .venv/ready  ## pin a study's published weights to their commits of today: make pin STUDY=open
	@python -m record.pin $(STUDY)

describe: .venv/ready  ## record what timm's networks are in a model table: make describe TABLE=...
	@python -m record.describe $(TABLE)

bench: .venv/ready  ## measure speed beside what a user would write; half an hour
	python -m benchmarks.fewshot
	python -m benchmarks.fewshot_gpu
	python -m benchmarks.triplets
	python -m benchmarks.bootstrap
	python -m benchmarks.embed
	python -m benchmarks.pretrain
	python -m benchmarks.whole
	python -m benchmarks.growth
	python -m benchmarks.scale

planted: .venv/ready  ## check that the analysis finds planted effects and nothing else; minutes
	python -m benchmarks.planted

chaos: .venv/ready  ## inject faults, count what is lost or wrongly accepted; a quarter of an hour
	python -m chaos

audit: .venv/ready  ## ask a public database for known vulnerabilities of the pinned packages
	uvx pip-audit --requirement requirements.txt --require-hashes --disable-pip

test-all: .venv/ready  ## run every test, also those that go through all 490 published models
	pytest -m "" -n auto --dist loadfile

requirements: .venv/ready  ## compile requirements.txt again from pyproject.toml
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links --extra dev --output-file requirements.txt pyproject.toml
	echo uv | uv pip compile --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-annotate --no-emit-index-url --no-emit-find-links --output-file requirements-uv.txt -
