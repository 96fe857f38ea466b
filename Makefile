# make install   .venv from exact pins (the others do it when needed)
# make check     lint, types, shell scripts
# make test      every test
# make coverage every test, and which lines of the package they run
# make faults   kill it, fill the disk, damage files, ...; 15 minutes; FAULTS='--minutes 5 --seed 1 --only kill-make'
# make docs      generated pages, then the documentation site in site/
# make demo      questions, CogVideoX on them, verdicts, and a page to look at
.PHONY: install check test coverage demo docs audit attack faults lock

VENV := .venv/bin

install:
	@bash setup/install_kit.sh

check: install
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy
	$(VENV)/lint-imports --config pyproject.toml
	$(VENV)/shellcheck --external-sources $$(git ls-files '*.sh' .ci/run)

test: install
	@$(VENV)/python -m tests.browser
	$(VENV)/pytest -n auto --dist loadgroup

coverage: install
	@$(VENV)/python -m tests.browser
	$(VENV)/pytest -n auto --dist loadgroup --cov --cov-report=
	$(VENV)/coverage report --skip-covered --sort=cover

demo: install
	@bash setup/demo.sh

docs: install
	$(VENV)/python docs/generate.py
	$(VENV)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock -r requirements-docs.lock
	NO_MKDOCS_2_WARNING=1 $(VENV)/python -m mkdocs build --strict

audit: install
	$(VENV)/python docs/audit.py

attack: install
	$(VENV)/python docs/attack.py

faults: install
	$(VENV)/python -m tests.faults $(FAULTS)

lock:
	bash setup/lock.sh
