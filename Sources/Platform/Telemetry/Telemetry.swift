internal import Synchronization

/// The figures of this process: counters, gauges and latencies by name and labels. A value made
/// once at start and handed down, so that each test has its own.
///
/// Getting a figure takes a lock and is done once, at start; changing it is one atomic add.
package final class Telemetry: Sendable {
    private struct Key: Hashable {
        var name: String
        var labels: [MetricLabel]
    }

    private enum Figure {
        case counter(Counter)
        case gauge(Gauge)
        case latency(Latency)
        case computed(MetricFamilySample.Kind, @Sendable () -> Double)

        var kind: MetricFamilySample.Kind {
            switch self {
            case .counter: .counter
            case .gauge: .gauge
            case .latency: .histogram
            case .computed(let kind, _): kind
            }
        }
    }

    private struct Registry {
        var figures: [Key: Figure] = [:]
        var families: [String: (help: String, kind: MetricFamilySample.Kind)] = [:]
    }

    private let registry = Mutex(Registry())

    package init() {}

    /// The counter of that name and labels, made at the first call. A name has one kind and one
    /// set of label names for good. By custom it ends in `_total`.
    package func counter(
        _ name: String, help: String, labels: [(String, String)] = []
    ) -> Counter {
        let figure = figure(name, help, labels) { .counter(Counter()) }
        guard case .counter(let counter) = figure else { wrongKind(name) }
        return counter
    }

    /// The gauge of that name and labels, made at the first call.
    package func gauge(_ name: String, help: String, labels: [(String, String)] = []) -> Gauge {
        let figure = figure(name, help, labels) { .gauge(Gauge()) }
        guard case .gauge(let gauge) = figure else { wrongKind(name) }
        return gauge
    }

    /// The latency histogram of that name and labels, made at the first call. By custom its name
    /// ends in `_seconds`.
    package func latency(
        _ name: String, help: String, labels: [(String, String)] = []
    ) -> Latency {
        let figure = figure(name, help, labels) { .latency(Latency()) }
        guard case .latency(let latency) = figure else { wrongKind(name) }
        return latency
    }

    /// A gauge or counter that is asked for its value when somebody looks. Replaces an earlier
    /// one of that name and labels. `read` may be called on any thread.
    package func computed(
        _ name: String, help: String, kind: MetricFamilySample.Kind = .gauge,
        labels: [(String, String)] = [], read: @escaping @Sendable () -> Double
    ) {
        let key = Key(name: name, labels: labels.map(MetricLabel.init))
        registry.withLock { registry in
            note(name, help, kind, in: &registry)
            registry.figures[key] = .computed(kind, read)
        }
    }

    /// Forgets the figures that were given to be read: whoever gave them is gone.
    package func removeComputed() {
        registry.withLock { registry in
            registry.figures = registry.figures.filter { _, figure in
                if case .computed = figure { return false }
                return true
            }
        }
    }

    /// Forgets the figures with that label: what they were about is no more.
    package func remove(label name: String, value: String) {
        let label = MetricLabel(name: name, value: value)
        registry.withLock { registry in
            registry.figures = registry.figures.filter { !$0.key.labels.contains(label) }
        }
    }

    /// All figures, by name, then labels: the order is that of the bytes of the names.
    package func snapshot() -> [MetricFamilySample] {
        // Computed figures are read outside the lock: they may take others.
        let (figures, families) = registry.withLock { ($0.figures, $0.families) }
        var samples: [String: [MetricFamilySample.Sample]] = [:]
        let keys = figures.keys.sorted { a, b in
            a.name != b.name
                ? a.name.utf8.lexicographicallyPrecedes(b.name.utf8)
                : a.labels.lexicographicallyPrecedes(b.labels)
        }
        for key in keys {
            guard let figure = figures[key] else { continue }
            samples[key.name, default: []] += points(of: figure, key.labels)
        }
        let names = families.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        return names.compactMap { name in
            guard let family = families[name], let points = samples[name] else { return nil }
            return MetricFamilySample(
                name: name, help: family.help, kind: family.kind, samples: points)
        }
    }

    private func points(
        of figure: Figure, _ labels: [MetricLabel]
    ) -> [MetricFamilySample.Sample] {
        func point(_ value: Double) -> [MetricFamilySample.Sample] {
            [.init(suffix: "", labels: labels, value: value)]
        }
        return switch figure {
        case .counter(let counter): point(Double(counter.value))
        case .gauge(let gauge): point(gauge.value)
        case .computed(_, let read): point(read())
        case .latency(let latency): latency.samples(labels)
        }
    }

    private func figure(
        _ name: String, _ help: String, _ labels: [(String, String)], make: () -> Figure
    ) -> Figure {
        let key = Key(name: name, labels: labels.map(MetricLabel.init))
        return registry.withLock { registry in
            if let known = registry.figures[key] { return known }
            let made = make()
            note(name, help, made.kind, in: &registry)
            registry.figures[key] = made
            return made
        }
    }

    private func note(
        _ name: String, _ help: String, _ kind: MetricFamilySample.Kind,
        in registry: inout Registry
    ) {
        if let known = registry.families[name] {
            precondition(known.kind == kind, "BUG: \(name) is a \(known.kind) elsewhere")
        } else {
            registry.families[name] = (help, kind)
        }
    }

    private func wrongKind(_ name: String) -> Never {
        preconditionFailure("BUG: \(name) has another kind elsewhere")
    }
}
