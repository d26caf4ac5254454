"""What product pages ask with every view: ``GET /v1/availability`` over kept connections, whole and as 304."""

from __future__ import annotations

from bench.figures import Aim, Figures, Rounds
from bench.http_load import Question, load, tagged
from bench.options import Options
from bench.page import page
from bench.server import merchant, pass_, serving

MERCHANTS = 300
A_PAGE = 3
"""Merchants that one product page asks for."""

ON_DUTY = 60
"""Merchants with an agent on duty."""

ROUNDS = 5


async def run(options: Options) -> Figures:
    seconds, count = (1.0, 1) if options.short else (3.0, ROUNDS)
    rounds = Rounds()
    async with serving(MERCHANTS, options) as server:
        for n in range(ON_DUTY):
            agent = await page(server.url, pass_("agent", f"shop-{n}", merchant(n)))
            agent.send("presence.beat", duty=True, foreground=True)
        asked = [[merchant((n + k) % MERCHANTS) for k in range(A_PAGE)] for n in range(MERCHANTS)]
        plain = [Question(f"/v1/availability?merchants={','.join(names)}") for names in asked]
        questions = {"": plain, "not_modified_": await tagged(server, plain)}
        errors = 0
        for _ in range(count):
            for kind, some in questions.items():
                cpu = server.cpu()
                answered = await load(server, some, seconds)
                cpu = server.cpu() - cpu
                errors += answered.errors
                rounds.add("kanhuo", f"{kind}requests_per_s", answered.requests / answered.took)
                rounds.add("kanhuo", f"{kind}requests_per_core_s", answered.requests / cpu)
                rounds.add("kanhuo", f"{kind}ms_p50", answered.p50 * 1_000)
                rounds.add("kanhuo", f"{kind}ms_p99", answered.p99 * 1_000)
    figures = Figures()
    figures.values = rounds.told({"rounds": count, "errors": errors, "merchants_a_question": A_PAGE})
    figures.aims = {"requests_per_core_s": Aim("≥", 10_000)}
    return figures
