# 两条命令：make demo 跑完样例城市，make test 跑完全部检查。
# Two commands: `make demo` runs the sample city, `make test` runs every check.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready
READY_TO_TEST = $(VENV)/.ready-to-test
OUT ?= maps/zhongwei
PYTEST = pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

.PHONY: demo test coverage sample bench clean

demo: $(READY) sample
	$(BIN)/circle15 map data/zhongwei/city.toml --out $(OUT)
	$(BIN)/circle15 gaps data/zhongwei/city.toml --service pharmacy --out $(OUT)
	$(BIN)/circle15 site data/zhongwei/city.toml --sites data/zhongwei/proposed_sites.csv --sheet $(OUT)/研判单.docx
	$(BIN)/circle15 assess data/zhongwei/city.toml --out $(OUT)

test: $(READY_TO_TEST) sample
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/$(PYTEST)

# counting lines makes a run a third longer
coverage: $(READY_TO_TEST) sample
	$(BIN)/$(PYTEST) --cov --cov-report=term:skip-covered

sample: $(READY)
	$(BIN)/python data/make_sample.py --out data/zhongwei

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[demo]'
	touch $@

$(READY_TO_TEST): $(READY)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

bench: $(READY_TO_TEST) sample
	$(BIN)/python -m benchmarks --size city

clean:
	rm -rf $(VENV) data/zhongwei $(OUT)
