"""Random PromQL queries that are well formed, from a seed: expressions are built by type, so that
each is one that both of two engines should answer, or refuse for the same reason.

Where Prometheus 2.42 and 3.x are known to differ, a rule of
`RULES` says what is left out, and the place that leaves it out names the rule.
"""

import re
from dataclasses import dataclass

RULES = {
    "left_open": "2.42 counts what lies on the left end of a window or on the far end of the "
    "lookback, 3.x does not. Samples lie 3 s behind multiples of 15 s, queries are asked at "
    "multiples of 15 s, windows are no 12 s above one, and ranges of subqueries end 7 s off "
    "their steps: nothing ever lies on a left end.",
    "first_samples": "Where the first sample of a window is far from its start, rate and increase "
    "of 3.x extrapolate to half an interval first and then no further than zero; 2.42 the other "
    "way round. They are asked of counters without gaps only, over windows that begin after these.",
    "rounding": "3.x adds with compensation where 2.42 does not, so that last digits differ. What "
    "jumps (comparisons, rounding, remainders, values as labels, ranks) is asked of values only "
    "that both compute exactly.",
    "no_time": "What lies beyond the whole numbers of 64 bits, or is none, becomes an arbitrary time in "
    "Go; here its date is NaN. Dates are asked of what lies between.",
    "infinite_deviation": "stddev and stdvar of one infinity are 0 in 2.42 and NaN in 3.x.",
    "ties": "Which of equal values topk and bottomk take is left open: they are asked of series that "
    "are never equal.",
    "moving_anchor": "2.42 moves the window of predict_linear with the steps where it has an @.",
    "atan2_name": "2.42 keeps the metric name of what atan2 computes (prometheus#12595): its left side "
    "is asked without one.",
    "overflow": "Sums of squares that overflow are NaN in 2.42 and infinite in 3.x, and logarithms of "
    "subnormal numbers are wrong in the Go that built 2.42: both are asked of series other than "
    "`special`.",
    "renamed": "Functions that have another name in 3.x, or are not there in 2.42, are left out.",
}

WINDOWS = ["1m", "90s", "2m", "5m", "10m", "15m", "1m40s"]
RANGES = ["2m7s", "5m7s", "10m7s", "607s", "907s"]
STEPS = ["15s", "30s", "1m", "45s", "2m", ""]
KEYWORDS = re.compile(
    r"\b(sum|avg|min|max|count|group|stddev|stdvar|topk|bottomk|quantile|count_values|by|without|on|"
    r"ignoring|group_left|group_right|bool|offset|and|or|unless|atan2|inf|nan)\b(?!=)", re.IGNORECASE)
OFFSETS = ["15s", "1m", "5m", "-1m", "-30s", "7m30s"]


@dataclass
class Expression:
    """A piece of a query: its text, and what may be done with it."""

    text: str
    type: str
    # Both engines compute the same bits.
    is_exact: bool = True
    # Counters that have a value at every instant.
    is_counter: bool = False
    # Its text needs parentheses as an operand.
    is_compound: bool = False

    @property
    def operand(self):
        return f"({self.text})" if self.is_compound else self.text


class Generator:
    """`chance`: a random.Random. `metrics`: {name: {label: values}}; `counters`: the names of those
    that are counters without gaps. `middle`: seconds, an instant for @; 900 s before it there must
    be samples, too."""

    COUNTERS = ["http_requests_total", "errors_total", "latency_seconds_bucket"]

    @classmethod
    def of(cls, series, chance, middle):
        """`series`: (name, labels, points) of each."""
        metrics = {}
        for name, labels, _ in series:
            for label, value in labels.items():
                metrics.setdefault(name, {}).setdefault(label, set()).add(value)
        metrics = {
            name: {label: sorted(values) for label, values in labels.items()}
            for name, labels in metrics.items()
        }
        return cls(chance, metrics, cls.COUNTERS, middle)

    def __init__(self, chance, metrics, counters, middle):
        self.chance, self.metrics, self.middle = chance, metrics, middle
        self.counters = counters
        self.labels = sorted({label for labels in metrics.values() for label in labels})

    def calm(self, make, depth):
        """What `make` makes without the series `special` (`overflow`)."""
        metrics = self.metrics
        self.metrics = {name: metrics[name] for name in metrics if name != "special"}
        made = make(depth)
        self.metrics = metrics
        return made

    def query(self):
        depth = self.chance.choice([1, 2, 2, 3, 3, 4])
        make = self.scalar if self.chance.random() < 0.06 else self.vector
        return self.dressed(make(depth).text)

    def dressed(self, text):
        """The same, written otherwise: keywords in capitals, other quotes, blanks, comments."""
        pieces = re.split(r'("[^"]*")', text)
        for place, piece in enumerate(pieces):
            if place % 2 == 1:
                quotes = "'`" if "\\" not in piece else "'"
                quote = self.chance.choice(quotes) if self.happens(0.2) else '"'
                pieces[place] = quote + piece[1:-1] + quote
                continue
            if self.happens(0.15):
                piece = KEYWORDS.sub(lambda word: word.group().upper(), piece)
            if self.happens(0.1):
                piece = piece.replace(" ", self.one("\n", "  ", "\t", " # comment \"\n"))
            pieces[place] = piece
        return "".join(pieces)

    def one(self, *choices):
        return self.chance.choice(choices)

    def happens(self, probability):
        return self.chance.random() < probability

    # Selectors

    def selector(self, name=None):
        """A name with matchers, without a shift."""
        name = name or self.chance.choice(sorted(self.metrics))
        labels = self.metrics[name]
        matchers = []
        for _ in range(self.one(0, 0, 0, 1, 1, 2)):
            label = self.chance.choice(sorted(labels) + ["absent"])
            value = self.chance.choice(labels.get(label, [""]))
            operator = self.one("=", "!=", "=~", "!~", "=", "=~")
            if "~" in operator:
                other = self.chance.choice(labels.get(label, ["x"]))
                value = self.one(f"{value}|{other}", f"{value[:1]}.*", ".+", ".*", f".*{value}", "")
                value = value.replace("+Inf", "[+]Inf")
            matchers.append(f'{label}{operator}"{value}"')
        if self.happens(0.08):
            pattern = self.one(f"{name[:4]}.*", f"{name}|temperature", f".*{name[-3:]}")
            return "{" + ",".join([f'__name__=~"{pattern}"'] + matchers) + "}"
        return name + (f"{{{','.join(matchers)}}}" if matchers else "")

    def shift(self, is_anchored=True):
        text = ""
        if self.happens(0.12):
            text += f" offset {self.chance.choice(OFFSETS)}"
        if is_anchored and self.happens(0.08):
            anchor = self.one(str(self.middle), str(self.middle - 900), "start()", "end()")
            text = self.one(f" @ {anchor}{text}", f"{text} @ {anchor}")
        return text

    # Range vectors

    def window(self, depth, is_anchored=True):
        """A range vector of anything."""
        if depth > 0 and self.happens(0.3):
            return self.subquery(self.vector(depth - 1), is_anchored)
        window = self.chance.choice(WINDOWS)
        return Expression(f"{self.selector()}[{window}]{self.shift(is_anchored)}", "matrix")

    def counter_window(self, depth):
        """A range vector of a counter without gaps (`first_samples`)."""
        name = self.chance.choice(self.counters)
        matchers = ""
        if "job" in self.metrics[name] and self.happens(0.4):
            matchers = '{job="' + self.chance.choice(self.metrics[name]["job"]) + '"}'
        text = name + matchers
        if depth > 0 and self.happens(0.25):
            return self.subquery(Expression(text, "vector", is_counter=True))
        return Expression(f"{text}[{self.chance.choice(WINDOWS)}]{self.shift()}", "matrix")

    def subquery(self, inner, is_anchored=True):
        text = f"{inner.operand}[{self.chance.choice(RANGES)}:{self.chance.choice(STEPS)}]"
        return Expression(text + self.shift(is_anchored), "matrix", inner.is_exact)

    def joined(self, left, operator, right):
        """Two operands; without parentheses now and then, so that precedence decides. Not where one
        is inexact: it could become the operand of another operator (`rounding`)."""
        if left.is_exact and right.is_exact and self.happens(0.3):
            return f"{left.text} {operator} {right.text}"
        return f"{left.operand} {operator} {right.operand}"

    # Scalars

    def number(self):
        return self.one("0", "1", "2", "3.5", "-1", "20", "1e3", "0.5", "100", ".5", "0x10", "7", "Inf", "NaN")

    def scalar(self, depth):
        kind = self.one("number", "number", "time", "scalar", "binary", "pi", "minus")
        if depth <= 0 or kind == "number":
            return Expression(self.number(), "scalar")
        if kind == "time":
            return Expression("time()", "scalar")
        if kind == "pi":
            return Expression("pi()", "scalar")
        if kind == "scalar":
            inner = self.vector(depth - 1)
            return Expression(f"scalar({inner.text})", "scalar", inner.is_exact)
        if kind == "minus":
            inner = self.scalar(depth - 1)
            return Expression(f"-{inner.operand}", "scalar", inner.is_exact, is_compound=True)
        left, right = self.scalar(depth - 1), self.scalar(depth - 1)
        is_exact = left.is_exact and right.is_exact
        operators = ["+", "-", "*", "/"]
        if is_exact:
            operators += ["%", "^", "> bool", "== bool", "<= bool", "!= bool"]
        operator = self.chance.choice(operators)
        return Expression(
            self.joined(left, operator, right), "scalar",
            is_exact and "^" not in operator, is_compound=True)

    # Instant vectors

    def vector(self, depth):
        if depth <= 0:
            return Expression(self.selector() + self.shift(), "vector")
        make = self.chance.choice(
            [self.plain, self.over_time, self.over_time, self.counting, self.mapped, self.aggregated,
             self.aggregated, self.ranked, self.with_scalar, self.with_vector, self.with_vector,
             self.set_operation, self.relabelled, self.histogram, self.dated, self.special])
        return make(depth)

    def plain(self, depth):
        return self.vector(0)

    def over_time(self, depth):
        """Functions of a window that any series may have."""
        window = self.window(depth)
        exact = ["min_over_time", "max_over_time", "count_over_time", "last_over_time",
                 "present_over_time"]
        jumping = ["changes", "resets"]
        smooth = ["avg_over_time", "sum_over_time", "idelta", "delta"]
        if self.happens(0.15):
            window = self.calm(self.window, depth)  # `overflow`
            function = self.one("stddev_over_time", "stdvar_over_time", "deriv")
            return Expression(f"{function}({window.text})", "vector", False)
        if self.happens(0.15):
            phi = self.one("0.5", "0.9", "0", "1", "-0.5", "1.5")
            return Expression(f"quantile_over_time({phi}, {window.text})", "vector", False)
        if self.happens(0.1):
            # `moving_anchor`, `overflow`
            window = self.calm(lambda depth: self.window(depth, is_anchored=False), depth)
            text = f"predict_linear({window.text}, {self.one('60', '600', '-30')})"
            return Expression(text, "vector", False)
        if self.happens(0.05):
            return Expression(f"holt_winters({window.text}, 0.3, 0.6)", "vector", False)
        function = self.chance.choice(exact + smooth + (jumping if window.is_exact else []))
        text = f"{function}({window.text})"
        is_exact = function in jumping or function in exact and (
            window.is_exact or function in ("count_over_time", "present_over_time"))
        return Expression(text, "vector", is_exact)

    def counting(self, depth):
        function = self.one("rate", "increase", "rate", "irate")
        return Expression(f"{function}({self.counter_window(depth - 1).text})", "vector", False)

    def mapped(self, depth):
        inner = self.vector(depth - 1)
        exact = ["abs"]
        smooth = ["exp", "sqrt", "sin", "cos", "atan", "sinh", "deg", "rad", "asin", "acosh", "tanh"]
        if self.happens(0.1):
            inner = self.calm(self.vector, depth - 1)  # `overflow`
            return Expression(f"{self.one('ln', 'log2', 'log10')}({inner.text})", "vector", False)
        jumping = ["ceil", "floor", "sgn", "round"]
        kind = self.chance.random()
        if kind < 0.2:
            low, high = self.scalar(depth - 2), self.scalar(depth - 2)
            text = self.one(
                f"clamp({inner.text}, {low.text}, {high.text})",
                f"clamp_min({inner.text}, {low.text})", f"clamp_max({inner.text}, {high.text})")
            return Expression(
                text, "vector", inner.is_exact and low.is_exact and high.is_exact)
        if kind < 0.3 and inner.is_exact:
            nearest = self.one("0.5", "5", "1", "10", "0.1", "-2")
            return Expression(f"round({inner.text}, {nearest})", "vector", False)
        function = self.chance.choice(exact + smooth + (jumping if inner.is_exact else []))
        return Expression(
            f"{function}({inner.text})", "vector", inner.is_exact and function not in smooth)

    def finite(self, depth):
        """`infinite_deviation`"""
        name = self.chance.choice([name for name in sorted(self.metrics) if name != "special"])
        text = name + self.shift()
        return Expression(text if self.happens(0.5) else f"avg_over_time({name}[5m])", "vector")

    def wrong(self, depth):
        """A query that has no sense: a piece of another type than is needed there."""
        vector, scalar = self.vector(depth).text, self.scalar(depth).text
        window = self.window(depth).text
        return self.one(
            f"{window} + 1", f"-{window}", f"sum({window})", f"sum({scalar})", f"abs({scalar})",
            f"abs({window})", f"abs({vector}, 1)", "abs()", f"rate({window}, 1)", f"topk({vector})",
            f"topk({vector}, {vector})", f"sum(1, {vector})", f"clamp({vector}, {vector}, 1)",
            f"vector({vector})", f"scalar({scalar})", f"({scalar}) and ({vector})",
            f"({scalar}) > ({scalar})", f"({vector}) and bool ({vector})",
            f"({vector}) + bool ({vector})", f"({vector}) + on (job) 1", f'({vector}) == "a"',
            f"({vector}) and on (job) group_left () ({vector})",
            f"({vector}) + on (job) group_left (job) ({vector})", f"({window})[5m:]",
            f"({scalar})[5m:1m]", f'label_replace({vector}, "a", "b", "c", "(")',
            f'label_replace({vector}, "a", "b", "c")', f'count_values(1, {vector})',
            f"quantile_over_time({vector}, {window})", f"({vector}) offset 5m",
            f"({vector})[5m]", f"({vector}) by (job)", "sum by (job) 1",
            f"histogram_quantile({vector}, {vector})", f"({vector}) ({vector})", f"({vector}",
            f"{vector})", f"time(1)", f"timestamp({scalar})", f"absent({scalar})",
            f"predict_linear({window})", f"nothing_like_this({vector})", f"sum(({vector})",
            f'"{self.one("a", "b")}" + {vector}', f"({vector}) @ {vector}", f"sort({window})")

    def grouping(self):
        if self.happens(0.3):
            return ""
        count = self.one(0, 1, 1, 2)
        names = self.chance.sample(self.labels, count)
        return f" {self.one('by', 'by', 'without')} ({', '.join(names)})"

    def aggregate(self, operation, arguments):
        grouping = self.grouping()
        if self.happens(0.5):
            return f"{operation}{grouping} ({arguments})"
        return f"{operation}({arguments}){grouping}"

    def aggregated(self, depth):
        inner = self.vector(depth - 1)
        operation = self.one(
            "sum", "sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "quantile")
        if operation in ("stddev", "stdvar"):
            inner = self.finite(depth - 1)
        arguments = inner.text
        if operation == "quantile":
            arguments = f"{self.one('0.5', '0.9', '0.25', '-1', '2')}, {arguments}"
        is_exact = operation in ("count", "group") or operation in ("min", "max") and inner.is_exact
        return Expression(self.aggregate(operation, arguments), "vector", is_exact)

    def ranked(self, depth):
        """`rounding`: of exact values; of equal ones any may be taken, so there must be none."""
        inner = self.vector(depth - 1)
        if inner.is_exact and self.happens(0.5):
            rounded = f"round({inner.text}, 5)" if self.happens(0.5) else inner.text
            return Expression(
                self.aggregate("count_values", f'"value", {rounded}'), "vector", True)
        # `ties`
        operand = self.one("load", "load", "load * 100", "-load", "max_over_time(load[5m])",
                           'load{job!="api"}', "load > 0.5")
        arguments = f"{self.one('1', '2', '3', '10', '0')}, {operand}"
        return Expression(
            self.aggregate(self.one("topk", "bottomk"), arguments), "vector")

    # Binary operators

    def with_scalar(self, depth):
        vector, scalar = self.vector(depth - 1), self.scalar(depth - 1)
        is_exact = vector.is_exact and scalar.is_exact
        operators = ["+", "-", "*", "/"]
        if is_exact:
            operators += ["%", "^", ">", "<", ">=", "<=", "==", "!=", "> bool", "== bool",
                          "<= bool", "atan2"]
        operator = self.chance.choice(operators)
        left, right = (vector, scalar) if self.happens(0.7) else (scalar, vector)
        if operator == "atan2":
            vector.text, vector.is_compound = f"abs({vector.text})", False  # `atan2_name`
        return Expression(
            self.joined(left, operator, right), "vector",
            is_exact and operator not in ("^", "atan2"), is_compound=True)

    def matching(self):
        if self.happens(0.35):
            return ""
        names = self.chance.sample(self.labels, self.one(0, 1, 1, 2, 2))
        text = f" {self.one('on', 'on', 'ignoring')} ({', '.join(names)})"
        if self.happens(0.35):
            included = [name for name in self.labels if name not in names]
            copied = self.chance.sample(included, self.one(0, 0, 1))
            text += f" {self.one('group_left', 'group_right')} ({', '.join(copied)})"
        return text

    def with_vector(self, depth):
        if self.happens(0.35):
            return self.ratio(depth)
        left, right = self.vector(depth - 1), self.vector(depth - 1)
        is_exact = left.is_exact and right.is_exact
        operators = ["+", "-", "*", "/"]
        if is_exact:
            operators += ["%", "^", ">", "<", "==", "!=", ">= bool", "!= bool", "atan2"]
        operator = self.chance.choice(operators)
        if operator == "atan2":
            left.text, left.is_compound = f"abs({left.text})", False  # `atan2_name`
        return Expression(
            self.joined(left, operator + self.matching(), right), "vector",
            is_exact and operator not in ("^", "atan2"), is_compound=True)

    def ratio(self, depth):
        """Operands that match each other."""
        operator = self.one("/", "+", "-", "*", "> bool", "<=")
        matching = self.one(
            " on (job, instance)", " ignoring (kind)", " on (job, instance) group_left (kind)",
            " on (instance) group_left (zone)", " on (job) group_right ()",
            " on (instance) group_right (zone)")
        left = self.one("http_requests_total", "errors_total", "sum by (job) (errors_total)",
                        "http_requests_total offset 1m", "instance_info",
                        "sum by (job, instance) (http_requests_total)")
        right = self.one("http_requests_total", "errors_total", "instance_info",
                         "sum by (job) (http_requests_total)")
        return Expression(f"{left} {operator}{matching} {right}", "vector", True, is_compound=True)

    def set_operation(self, depth):
        left, right = self.vector(depth - 1), self.vector(depth - 1)
        matching = self.matching().split(" group_")[0]
        return Expression(
            self.joined(left, self.one("and", "or", "unless") + matching, right), "vector",
            left.is_exact and right.is_exact, is_compound=True)

    # What changes labels, and the rest

    def relabelled(self, depth):
        inner = self.vector(depth - 1)
        source, target = self.chance.choice(self.labels), self.chance.choice(self.labels + ["new"])
        if self.happens(0.5):
            pattern = self.one("(.*)", "(.).*", "(a|b)(.*)", "", ".*")
            value = self.one("$1", "x-$1", "", "${1}y", "$2")
            text = f'label_replace({inner.text}, "{target}", "{value}", "{source}", "{pattern}")'
        else:
            other = self.chance.choice(self.labels)
            text = f'label_join({inner.text}, "{target}", "-", "{source}", "{other}")'
        return Expression(text, "vector", inner.is_exact)

    def histogram(self, depth):
        phi = self.one("0.5", "0.9", "0.99", "0", "1", "-1", "2")
        inner = self.one(
            "latency_seconds_bucket", "rate(latency_seconds_bucket[5m])",
            "sum by (le) (rate(latency_seconds_bucket[5m]))",
            "sum by (job, le) (increase(latency_seconds_bucket[2m]))",
            "sum without (job) (latency_seconds_bucket)", self.vector(depth - 1).text)
        return Expression(f"histogram_quantile({phi}, {inner})", "vector", False)

    def dated(self, depth):
        function = self.one("hour", "minute", "month", "year", "day_of_month", "day_of_week",
                            "day_of_year", "days_in_month")
        if self.happens(0.3):
            return Expression(f"{function}()", "vector")
        inner = self.vector(depth - 1)
        if not inner.is_exact:
            inner = self.vector(0)
        # `no_time`
        return Expression(
            f"{function}((-1e6 < ({inner.operand} < 1e6)) * 100000)", "vector")

    def special(self, depth):
        kind = self.one("absent", "absent_over_time", "vector", "timestamp", "sort", "minus", "plus")
        if kind == "vector":
            inner = self.scalar(depth - 1)
            return Expression(f"vector({inner.text})", "vector", inner.is_exact)
        if kind == "absent_over_time":
            return Expression(f"absent_over_time({self.window(depth - 1).text})", "vector")
        inner = self.vector(depth - 1)
        if kind == "absent":
            return Expression(f"absent({inner.text})", "vector")
        if kind == "timestamp":
            return Expression(f"timestamp({inner.text})", "vector")
        if kind == "sort":
            text = f"{self.one('sort', 'sort_desc')}({inner.text})"
            return Expression(text, "vector", inner.is_exact)
        sign = "-" if kind == "minus" else "+"
        return Expression(f"{sign}{inner.operand}", "vector", inner.is_exact, is_compound=True)
