internal import Encoding
internal import Platform

/// The process's figures in the Prometheus text format 0.0.4, for `/metrics`.
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
