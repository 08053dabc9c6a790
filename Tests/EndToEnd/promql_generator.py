"""Well-formed PromQL at random, over the series of test_promql_peer.py.

Debian's prometheus is a 2.42 and Varve answers as 3.x does, and both compute in floating point, so what
is generated keeps to rules. Each names a difference; nothing else is left out:

OPEN        In 3.x the left end of a window no longer belongs to it. Samples lie 3 s behind the grid of
            windows, and windows of subqueries are 7 s longer than their grid.
BIRTH       3.x extrapolates less to where a counter begins: rate and increase read counters only, over
            windows that are full, so that no window reaches before START.
SUMS        3.x sums with compensation. A value that went through a sum, a mean or a fit is not `exact`:
            it is compared with a tolerance and not asked whether it is equal, greater, whole or close
            to zero, and is no divisor, exponent or argument of a logarithm.
OVERFLOW    3.x says NaN and Inf elsewhere when sums and deviations overflow, and 2.42's logarithm of the
            smallest numbers is off: the series `special` is only compared, counted and looked for, by
            whole queries.
TIES        Of equal values either may be the largest: topk and bottomk choose among counters that have
            grown, of which none equal another.
NAMES       Functions that were renamed since (holt_winters) are left out, and atan2, which keeps the
            metric's name in 2.42.
FIXED       In a range query 2.42 loses the window of predict_linear behind a fixed @ after two steps.
DEVIATIONS  Of a group with a NaN or an Inf alone 3.x says NaN, 2.42 zero: stddev and stdvar are asked of
            what has neither.
COUNTS      2.42 mixes up the groups of count_values by labels: it is asked for without.
"""

COUNTERS = ["http_requests_total", "errors_total", "latency_seconds_bucket"]
GAUGES = ["temperature", "gappy"]
LABELS = {
    "http_requests_total": ["job", "instance"], "errors_total": ["job", "instance", "kind"],
    "latency_seconds_bucket": ["job", "le"], "temperature": ["room", "sensor"],
    "gappy": ["n"], "special": ["n"], "instance_info": ["instance", "zone"],
}
VALUES = {
    "job": ["api", "web", "worker"], "instance": ["api:0", "web:1"], "kind": ["all"],
    "le": ["0.5", "+Inf"], "room": ["a", "b"], "sensor": ["0", "3"], "n": ["0", "1"],
    "zone": ["z0", "z1"],
}
WINDOWS = ["1m", "90s", "5m", "10m"]
OFFSETS = ["1m", "5m", "-1m", "2m30s"]
EXACT_WINDOWS = ["min", "max", "count", "last", "present"]
LOOSE_WINDOWS = ["sum", "avg", "stddev", "stdvar"]


class Generator:
    def __init__(self, chance, start, end):
        """`chance`: a random.Random; `start`, `end`: of the data, seconds."""
        self.chance, self.start, self.end = chance, start, end

    def query(self):
        """One query."""
        if self.chance.random() < 0.05:
            return self.special()
        depth = self.chance.choice([1, 2, 2, 3, 3, 4])
        return self.vector(depth)[0]

    def pick(self, *choices):
        return self.chance.choice(choices)

    # Each of these returns (text, whether the values are exact).

    def vector(self, depth):
        if depth <= 0:
            return self.instant(self.pick(*COUNTERS, *GAUGES, "instance_info")), True
        kinds = [
            self.window, self.window, self.aggregation, self.aggregation, self.arithmetic,
            self.comparison, self.sets, self.call, self.labels, self.subquery, self.quantile,
            self.absent, self.moment,
        ]
        return self.chance.choice(kinds)(depth)

    def exact(self, depth):
        """An exact vector."""
        for _ in range(8):
            text, exact = self.vector(depth)
            if exact:
                return text
        return self.vector(0)[0]

    def matchers(self, metric):
        parts = []
        for label in LABELS[metric]:
            if self.chance.random() < 0.3:
                value = self.pick(*VALUES[label])
                parts.append(self.pick(
                    f'{label}="{value}"', f'{label}!="{value}"', f'{label}=~"{value[0]}.*"',
                    f'{label}!~"{value[0]}.*|x"', f'{label}=~".+"'))
        return "{" + ",".join(parts) + "}" if parts else ""

    def shift(self):
        kind = self.chance.random()
        if kind < 0.75:
            return ""
        if kind < 0.9:
            return f" offset {self.pick(*OFFSETS)}"
        moment = self.chance.randrange(self.start + 3600, self.end - 600, 30)
        return f" @ {self.pick(str(moment), 'end()')}"

    def instant(self, metric):
        return f"{metric}{self.matchers(metric)}{self.shift()}"

    def range(self, metric):
        return f"{metric}{self.matchers(metric)}[{self.pick(*WINDOWS)}]{self.shift()}"

    def window(self, depth):
        kind = self.chance.random()
        if kind < 0.4:
            name = self.pick("rate", "increase", "irate", "idelta", "changes", "resets", "delta")
            exact = name in ("changes", "resets", "idelta")
            return f"{name}({self.range(self.pick(*COUNTERS))})", exact
        metric = self.pick(*GAUGES)
        if kind < 0.65:
            return f"{self.pick(*EXACT_WINDOWS)}_over_time({self.range(metric)})", True
        if kind < 0.85:
            return f"{self.pick(*LOOSE_WINDOWS)}_over_time({self.range(metric)})", False
        return self.pick(
            f"quantile_over_time({self.pick('0.1', '0.5', '0.99', '-1', '2')}, {self.range(metric)})",
            f"deriv({self.range('temperature')})",
            f"predict_linear(temperature{self.matchers('temperature')}[{self.pick(*WINDOWS)}], "
            f"{self.pick('60', '3600', '-30')})",
        ), False

    def grouping(self):
        labels = ["job", "instance", "kind", "le", "room", "sensor", "n", "zone", "none"]
        chosen = self.chance.sample(labels, self.chance.randint(0, 3))
        return self.pick("", f" {self.pick('by', 'without')} ({', '.join(chosen)})")

    def aggregation(self, depth):
        kind = self.chance.random()
        inner, exact = self.vector(depth - 1)
        if kind < 0.3:
            return f"{self.pick('min', 'max')}{self.grouping()} ({inner})", exact
        if kind < 0.5:
            return f"{self.pick('count', 'group')}{self.grouping()} ({inner})", True
        if kind < 0.8:
            if self.chance.random() < 0.5:
                inner = self.instant(self.pick(*COUNTERS, *GAUGES))
                name = self.pick("stddev", "stdvar")
            else:
                name = self.pick("sum", "avg")
            return f"{name}{self.grouping()} ({inner})", False
        if kind < 0.9:
            phi = self.pick("0.5", "0.9", "0", "1", "1.5", "-0.5")
            return f"quantile{self.grouping()} ({phi}, {self.exact(depth - 1)})", False
        if kind < 0.95:
            name = self.pick("topk", "bottomk")
            return f"{name}(4, http_requests_total{self.shift()} > 100)", True
        return f'count_values("v", {self.instant("instance_info")})', True

    def scalar(self):
        return self.pick(
            "2", "-1.5", "0.25", "1e3", "time()", "scalar(sum(instance_info))", "pi()", "(1 + 2)")

    def matching(self):
        if self.chance.random() < 0.5:
            return ""
        on = self.pick("on", "ignoring")
        labels = self.pick("job, instance", "instance", "job", "kind", "room", "sensor", "le", "")
        text = f" {on} ({labels})"
        if self.chance.random() < 0.4:
            text += f" {self.pick('group_left', 'group_right')} ({self.pick('', 'zone', 'kind')})"
        return text

    def arithmetic(self, depth):
        operator = self.pick("+", "-", "*", "/", "%", "^")
        strict = operator in "/%^"
        make = (lambda: (self.exact(depth - 1), True)) if strict else lambda: self.vector(depth - 1)
        left, one = make()
        if self.chance.random() < 0.5:
            number = self.scalar()
            texts = [left, number] if self.chance.random() < 0.7 or strict else [number, left]
            return f"({texts[0]} {operator} {texts[1]})", one
        right, other = make()
        if self.chance.random() < 0.5:
            right, other = f"{left}", one
        # What is left of equal sums is noise.
        exact = one and other
        return f"({left} {operator}{self.matching()} {right})", exact

    def comparison(self, depth):
        operator = self.pick("==", "!=", ">", "<", ">=", "<=")
        boolean = self.pick("", "", " bool")
        left = self.exact(depth - 1)
        if self.chance.random() < 0.6:
            number = self.pick("20", "500", "1", "0", "time()")
            return f"({left} {operator}{boolean} {number})", True
        right = self.pick(left, self.exact(depth - 1))
        return f"({left} {operator}{boolean}{self.matching()} {right})", True

    def sets(self, depth):
        left, one = self.vector(depth - 1)
        right, other = self.vector(depth - 1)
        operator = self.pick("and", "or", "unless")
        on = self.pick("", "", " on (job)", " ignoring (kind, instance)", " on ()")
        return f"({left} {operator}{on} {right})", one and (other or operator != "or")

    def call(self, depth):
        if self.chance.random() < 0.5:
            inner = self.exact(depth - 1)
            return self.pick(
                f"ceil({inner})", f"floor({inner})", f"round({inner}, 0.5)", f"round({inner})",
                f"sgn({inner})", f"sqrt({inner})", f"ln({inner})", f"log2({inner})",
                f"log10({inner})", f"clamp({inner}, 5, 50)", f"exp(-{inner})",
                f"clamp_max({inner}, 20)", f"sort({inner})", f"sort_desc({inner})",
            ), False
        inner, exact = self.vector(depth - 1)
        return self.pick(
            f"abs({inner})", f"-{inner}", f"+{inner}", f"clamp_min({inner}, 1)", f"({inner})",
            f"deg({inner})", f"rad({inner})"), exact

    def labels(self, depth):
        inner, exact = self.vector(depth - 1)
        return self.pick(
            f'label_replace({inner}, "copy", "$1-x", "job", "(.)(.*)")',
            f'label_replace({inner}, "job", "", "job", ".*")',
            f'label_replace({inner}, "new", "$2", "instance", "(.*):(.*)")',
            f'label_join({inner}, "all", "/", "job", "instance", "room")',
        ), exact

    def subquery(self, depth):
        inner, exact = self.vector(depth - 1)
        window, step = self.pick(("307s", "30s"), ("607s", "1m"), ("97s", "15s"))
        name = self.pick(*EXACT_WINDOWS, *LOOSE_WINDOWS)
        text = f"{name}_over_time(({inner})[{window}:{step}]{self.shift()})"
        return text, exact and name in EXACT_WINDOWS

    def quantile(self, depth):
        phi = self.pick("0.5", "0.9", "0", "1", "-1", "2")
        inner = self.pick(
            "sum by (le) (rate(latency_seconds_bucket[5m]))", "rate(latency_seconds_bucket[5m])",
            self.instant("latency_seconds_bucket"))
        return f"histogram_quantile({phi}, {inner})", False

    def special(self):
        return self.pick(
            self.instant("special"), f"max({self.instant('special')})",
            f"min_over_time({self.range('special')})", f"({self.instant('special')} > 0)",
            f"count_over_time({self.range('special')})", f"changes({self.range('special')})",
            f"(special == bool {self.instant('special')})",
            f"max by (n) (last_over_time({self.range('special')}))", "special / 0", "-special",
            f"sum({self.instant('special')} > bool 0)", "special ^ 2", "special % 7")

    def absent(self, depth):
        return self.pick(
            f"absent({self.instant('temperature')})", 'absent(nothing{a="b",c=~"d"})',
            f"absent_over_time({self.range('gappy')})", f"absent({self.exact(depth - 1)})"), True

    def moment(self, depth):
        return self.pick(
            "vector(time())", f"timestamp({self.instant('temperature')})", "hour()",
            "minute(vector(time()))", "day_of_week()", "days_in_month()", "month()", "year()",
            f"vector({self.scalar()})", f"day_of_month({self.instant('instance_info')})",
            f"scalar({self.instant('temperature')}) + {self.instant('temperature')}"), True
