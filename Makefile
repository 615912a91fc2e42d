# Each target sets up what it needs by itself; the second time it is quick.
VENV := .venv
PY := $(VENV)/bin/python
UV := $(VENV)/bin/uv
READY := $(VENV)/.ready
# which torch: the one of a folder of wheels where such a folder is set, else what fits this machine's GPU or CPU
TORCH := $(if $(PIP_FIND_LINKS),,--torch-backend=auto)

# tests often wait for processes of theirs: one worker more than there are cores leaves none idle
WORKERS = $$(( $$(getconf _NPROCESSORS_ONLN) + 1 ))

# each of the many processes would compile this project's modules anew
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo tour nightly-demo test chaos lint bench docs docs-site vllm-check clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

$(READY): pyproject.toml constraints.txt
	@test -x $(PY) || python3 -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check uv
	@echo "Installing (one to five minutes the first time: it holds torch) ..."
	@UV_FIND_LINKS="$${PIP_FIND_LINKS:-}" VIRTUAL_ENV=$(CURDIR)/$(VENV) $(UV) pip install --quiet --compile-bytecode $(TORCH) -c constraints.txt -e ".[pipeline,dev,docs]"
	@touch $@

demo: $(READY) ## Play the whole story on this machine (KEEP=1 leaves it running)
	@$(VENV)/bin/taxonomy-bot demo $(if $(KEEP),--keep,)

tour: $(READY) ## Play the story, then look at every page of it in a headless Chromium
	$(PY) -m tests.browser.tour

nightly-demo: $(READY) ## Play two nightly builds, with small stand-ins for the models (some ten minutes)
	@$(VENV)/bin/taxonomy-bot nightly-demo

test: $(READY) ## Run all tests
	$(PY) -m pytest -n $(WORKERS) $(ARGS)

chaos: $(READY) ## Kill, wipe, freeze and skew all that works, lose webhooks, and count what comes of it (Linux, 40 min)
	$(PY) -m tests.chaos $(ARGS)
	$(PY) -m tests.chaos.replicas
	$(PY) -m tests.chaos.upgrade
	$(PY) -m tests.chaos.deliveries
	$(PY) -m benchmarks.nightly_kills
	$(PY) -m benchmarks.malformed_requests

lint: $(READY) ## Check style, types and generated documents
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(PY) -m checks.report.rule_book --check
	$(PY) -m bot.handbook --check
	$(PY) -m pipeline.sdg.flow_book
	$(PY) -m docs_site.reference
	$(PY) -m tests.dependency_audit
	$(PY) -m tests.images.resolving
	$(PY) -m tests.releasing.workflows

docs: $(READY) ## Write the generated documents anew
	$(PY) -m checks.report.rule_book --write
	$(PY) -m bot.handbook --write
	$(PY) -m pipeline.sdg.flow_book --write
	$(PY) -m docs_site.reference --write

docs-site: $(READY) ## Build the site of the documentation into build/site; a dead link or anchor is an error
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict --quiet
	@echo "build/site/index.html"

bench: $(READY) ## Measure: checks, webhook answers, delivery to verdict, sweeps, jobs
	$(PY) -m benchmarks.checks_speed
	$(PY) -m benchmarks.context_search
	$(PY) -m benchmarks.personal_data
	$(PY) -m benchmarks.fuzz_checks
	$(PY) -m benchmarks.wording
	$(PY) -m benchmarks.duplicates_pairs
	$(PY) -m benchmarks.duplicates_index
	$(PY) -m benchmarks.verdict_latency
	$(PY) -m benchmarks.webhook_speed
	$(PY) -m benchmarks.inbox_rate
	$(PY) -m benchmarks.inbox_endurance
	$(PY) -m benchmarks.reconcile_calls
	$(PY) -m benchmarks.poll_calls
	$(PY) -m benchmarks.relay_smee
	$(PY) -m benchmarks.pages_speed
	$(PY) -m benchmarks.scrapes
	$(PY) -m benchmarks.nightly_plan
	$(PY) -m benchmarks.job_queue
	$(PY) -m benchmarks.log_streams
	$(PY) -m benchmarks.teacher_client --memory 200000
	$(PY) -m benchmarks.mixing
	$(PY) -m benchmarks.generation
	$(PY) -m benchmarks.generation_faults
	$(PY) -m benchmarks.training
	$(PY) -m benchmarks.evaluation
	$(PY) -m benchmarks.evaluate_tiny
	$(PY) -m benchmarks.bot_image
	$(PY) -m benchmarks.wheel

vllm-check: $(READY) ## Ask the real vLLM on this CPU (optional; 3 GB and some minutes the first time)
	$(PY) -m benchmarks.vllm_check

clean: ## Remove the virtual environment and caches
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
