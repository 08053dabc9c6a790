internal import Encoding
package import Model

/// Something that is scraped: where, how often, and the labels that its series get.
package struct ScrapeTarget: Sendable, Hashable {
    /// As found, before relabelling.
    package let discovered: Labels
    /// Of every series of the target.
    package let labels: Labels
    package let url: String
    package let intervalNanos: Int64
    package let timeoutNanos: Int64

    /// Two that agree in this are one.
    package var identity: Identity { Identity(labels: labels, url: url) }

    /// What a target is known by.
    package struct Identity: Sendable, Hashable {
        package let labels: Labels
        package let url: String

        /// The same after every start and on every node: spreads targets over the interval.
        package var text: String { "\(labels) \(url)" }
    }
}

/// What becomes of an address that was found.
package enum FoundTarget: Sendable, Hashable {
    case active(ScrapeTarget)
    /// By relabelling. The labels as found.
    case dropped(Labels)
    /// It can not be scraped; why, for a person.
    case refused(Labels, problem: String)

    /// Source: Prometheus documentation, "Configuration", relabel_config, on labels of targets.
    /// Since version 3 addresses stay as they are written: the port that the scheme implies is
    /// connected to, but is no part of `instance`.
    package init(_ address: String, labels: Labels, of job: ScrapeJob) {
        var found = MutableLabels(labels)
        found["__address__"] = address
        let standard = [
            ("job", job.name), ("__scheme__", job.scheme), ("__metrics_path__", job.metricsPath),
            ("__scrape_interval__", DurationText.format(nanos: job.intervalNanos)),
            ("__scrape_timeout__", DurationText.format(nanos: job.timeoutNanos)),
        ]
        for (name, value) in standard where found[name].isEmpty { found[name] = value }
        for parameter in job.parameters {
            if let first = parameter.values.first { found["__param_\(parameter.name)"] = first }
        }
        let discovered = found.labels
        guard job.targetRules.apply(to: &found) else {
            self = .dropped(discovered)
            return
        }
        if found["instance"].isEmpty { found["instance"] = found["__address__"] }
        do throws(Refusal) {
            let (interval, timeout) = try FoundTarget.times(found)
            self = .active(
                ScrapeTarget(
                    discovered: discovered,
                    labels: found.labels.filtered { !$0.starts(with: "__".utf8) },
                    url: try FoundTarget.url(found, job), intervalNanos: interval,
                    timeoutNanos: timeout))
        } catch {
            self = .refused(discovered, problem: error.problem)
        }
    }

    private struct Refusal: Error {
        var problem: String
    }

    private static func times(
        _ labels: MutableLabels
    ) throws(Refusal) -> (interval: Int64, timeout: Int64) {
        func time(_ name: String) throws(Refusal) -> Int64 {
            guard let nanos = try? DurationText.parse(labels[name]), nanos > 0 else {
                throw Refusal(problem: "\(name) is \"\(labels[name])\": a duration is expected")
            }
            return nanos
        }
        let interval = try time("__scrape_interval__")
        let timeout = try time("__scrape_timeout__")
        guard timeout <= interval else {
            throw Refusal(problem: "the timeout of a scrape is above its interval")
        }
        return (interval, timeout)
    }

    private static func url(
        _ labels: MutableLabels, _ job: ScrapeJob
    ) throws(Refusal) -> String {
        let address = labels["__address__"]
        guard !address.isEmpty else { throw Refusal(problem: "no address") }
        guard !address.utf8.contains(0x2F), !address.utf8.contains(where: { $0 <= 0x20 }) else {
            throw Refusal(problem: "\"\(address)\" is not HOST:PORT")
        }
        let scheme = labels["__scheme__"]
        guard scheme == "http" else {
            throw Refusal(problem: "__scheme__ is \"\(scheme)\": only http is spoken")
        }
        var parameters = job.parameters
        for (label, value) in labels.pairs where label.hasPrefix("__param_") {
            let name = String(label.dropFirst("__param_".count))
            if let index = parameters.firstIndex(where: { $0.name == name }) {
                parameters[index].values = [value] + parameters[index].values.dropFirst()
            } else {
                parameters.append(ScrapeJob.Parameter(name: name, values: [value]))
            }
        }
        let query = parameters.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
            .flatMap { parameter in
                parameter.values.map { "\(encoded(parameter.name))=\(encoded($0))" }
            }
        let path = labels["__metrics_path__"]
        return "\(scheme)://\(address)" + (path.hasPrefix("/") || path.isEmpty ? "" : "/") + path
            + (query.isEmpty ? "" : "?" + query.joined(separator: "&"))
    }

    private static func encoded(_ text: String) -> String {
        PercentEncoding.encoded(text, blanksAsPlus: true)
    }
}
