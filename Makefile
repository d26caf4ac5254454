# Two commands do everything on a fresh machine with Python 3.11 or newer: make demo, make test.
.PHONY: help demo test check dev gen clean

help:
	@echo "make demo    the sample shop, consoles and a robot agent on one port (PORT=8000; LAN=1 for telephones)"
	@echo "make test    every test (installs what is missing)"
	@echo "make check   lint, types, architecture, drift, sizes"
	@echo "make dev     server and pages, reloading on change"
	@echo "make gen     what is generated: TypeScript of the protocol, drawings of the states"

demo:
	@scripts/setup runtime
	@.venv/bin/kanhuo demo

test:
	@scripts/test

check:
	@scripts/check

dev:
	@scripts/dev

gen:
	@scripts/gen

clean:
	rm -rf .venv web/node_modules src/kanhuo/web .stamps .demo .mypy_cache .ruff_cache .pytest_cache
