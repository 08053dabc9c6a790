internal import Encoding
internal import Model
internal import Platform

/// The Prometheus text format 0.0.4: the process's figures for `/metrics`, series for `/federate`.
enum Exposition {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    static func text(_ families: [MetricFamilySample]) -> [UInt8] {
        var bytes: [UInt8] = []
        for family in families {
            bytes.append(contentsOf: "# HELP \(family.name) \(escaped(family.help))\n".utf8)
            bytes.append(contentsOf: "# TYPE \(family.name) \(family.kind.rawValue)\n".utf8)
            for sample in family.samples {
                bytes.append(contentsOf: family.name.utf8)
                bytes.append(contentsOf: sample.suffix.utf8)
                append(sample.labels, to: &bytes)
                bytes.append(UInt8(ascii: " "))
                DoubleText.append(sample.value, to: &bytes)
                bytes.append(UInt8(ascii: "\n"))
            }
        }
        return bytes
    }

    /// A metric's name as it stands in the text; one that needs quotes has them.
    static func name(_ name: String) -> String {
        isPlain(name, colons: true) ? name : "\"\(escapedValue(name))\""
    }

    /// `name{label="value",…}`. A series without an instance gets an empty one, so that whoever
    /// scrapes does not put its own in place. A name beyond `[a-zA-Z_:][a-zA-Z0-9_:]*` goes into the
    /// braces, in quotes.
    static func append(series labels: Labels, to bytes: inout [UInt8]) {
        let metric = labels.metricName
        let isPlainMetric = isPlain(metric, colons: true)
        var parts = isPlainMetric ? [] : [name(metric)]
        var hasInstance = false
        for (label, value) in labels.pairs where label != "__name__" {
            if label == "instance" { hasInstance = true }
            let shown = isPlain(label, colons: false) ? label : "\"\(escapedValue(label))\""
            parts.append("\(shown)=\"\(escapedValue(value))\"")
        }
        if !hasInstance { parts.append("instance=\"\"") }
        if isPlainMetric { bytes += metric.utf8 }
        bytes += "{\(parts.joined(separator: ","))}".utf8
    }

    private static func isPlain(_ name: String, colons: Bool) -> Bool {
        guard let first = name.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9") ~= first) else {
            return false
        }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                true
            case UInt8(ascii: ":"): colons
            default: false
            }
        }
    }

    private static func append(_ labels: [MetricLabel], to bytes: inout [UInt8]) {
        guard !labels.isEmpty else { return }
        let pairs = labels.map { "\($0.name)=\"\(escapedValue($0.value))\"" }
        bytes.append(contentsOf: "{\(pairs.joined(separator: ","))}".utf8)
    }

    private static func escaped(_ text: String) -> String {
        text.split(separator: "\\", omittingEmptySubsequences: false).joined(separator: "\\\\")
            .split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\\n")
    }

    private static func escapedValue(_ text: String) -> String {
        escaped(text).split(separator: "\"", omittingEmptySubsequences: false)
            .joined(separator: "\\\"")
    }
}
